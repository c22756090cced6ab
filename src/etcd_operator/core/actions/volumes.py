"""Actions on the claims of members and their PersistentVolumes.

`name` and `uid` are those of the claim, `volume` is the name of its PersistentVolume.
"""

from __future__ import annotations

from dataclasses import dataclass

from etcd_operator.api.quantity import Quantity
from etcd_operator.core.actions.event import ActionEvent
from etcd_operator.core.reasons import events


@dataclass(frozen=True, slots=True)
class QuarantineDisk:
    """Set a disk aside: its volume is kept whatever becomes of the claim, and the claim is deleted.

    `volume` is empty if there never was one. It must be bound to this very claim.
    """

    name: str
    uid: str
    volume: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        kept = f"kept PersistentVolume {self.volume}" if self.volume else "it had no volume to keep"
        sentence = f"Deleted PersistentVolumeClaim {self.name}; {kept}."
        return ActionEvent(events.DISK_SET_ASIDE, sentence)


@dataclass(frozen=True, slots=True)
class RetainVolume:
    """Set the reclaim policy of a volume to Retain, if it is bound to this very claim."""

    name: str
    uid: str
    volume: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        which = f"PersistentVolume {self.volume} (claim {self.name})"
        sentence = f"Set the reclaim policy of {which} to Retain."
        return ActionEvent(events.VOLUME_RETAINED, sentence)


@dataclass(frozen=True, slots=True)
class RebindVolume:
    """Create the claim of a volume that was set aside; `uid` is that of the claim it had then."""

    name: str
    uid: str
    volume: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        bound = f"bound to PersistentVolume {self.volume}"
        sentence = f"Created PersistentVolumeClaim {self.name} again, {bound}."
        return ActionEvent(events.VOLUME_REBOUND, sentence)


@dataclass(frozen=True, slots=True)
class RestoreReclaimPolicy:
    """Give a volume the reclaim policy of before `RetainVolume`, if it is still this claim's.

    A volume whose claim is gone is then deleted, unless its StorageClass keeps it.
    """

    name: str
    uid: str
    volume: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        which = f"PersistentVolume {self.volume} (claim {self.name})"
        sentence = f"Restored the reclaim policy of {which}."
        return ActionEvent(events.RECLAIM_POLICY_RESTORED, sentence)


@dataclass(frozen=True, slots=True)
class ResizeClaim:
    """Request a larger disk."""

    name: str
    uid: str
    size: Quantity

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Requested {self.size} for PersistentVolumeClaim {self.name}."
        return ActionEvent(events.DISK_RESIZED, sentence)


@dataclass(frozen=True, slots=True)
class ChangeClaimAttributes:
    """Request another VolumeAttributesClass for a disk."""

    name: str
    uid: str
    attributes_class: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        what = f"VolumeAttributesClass {self.attributes_class}"
        sentence = f"Requested {what} for PersistentVolumeClaim {self.name}."
        return ActionEvent(events.DISK_ATTRIBUTES_CHANGED, sentence)

"""Actions on objects of Kubernetes, and on the EtcdCluster itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from etcd_operator.core.actions.event import ActionEvent
from etcd_operator.core.in_place_restore.record import RestoreRecord
from etcd_operator.core.model.naming import ROLE_LEAVING
from etcd_operator.core.reasons import events
from etcd_operator.json_types import Json


@dataclass(frozen=True, slots=True)
class SetFinalizer:
    """Add the finalizer to the EtcdCluster, or remove it. Fenced by uid and resourceVersion."""

    present: bool
    uid: str
    resource_version: str
    why: str = ""

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        because = f": {self.why}" if self.why else ""
        if self.present:
            sentence = f"Added the finalizer to EtcdCluster {cluster}{because}."
            return ActionEvent(events.FINALIZER_ADDED, sentence)
        sentence = f"Removed the finalizer from EtcdCluster {cluster}{because}."
        return ActionEvent(events.FINALIZER_REMOVED, sentence)


@dataclass(frozen=True, slots=True)
class CreatePasswordSecret:
    """Create the Secret with the password of a user, a random one; the server refuses a second."""

    secret: str
    user: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Created Secret {self.secret} with a random password for user {self.user}."
        return ActionEvent(events.PASSWORD_CREATED, sentence)


@dataclass(frozen=True, slots=True)
class RecordRestore:
    """Write on the EtcdCluster how far its restore in place is; None: it is over.

    `undone`: over, and nothing has changed. Fenced by uid and resourceVersion.
    """

    following: RestoreRecord | None
    uid: str
    resource_version: str
    undone: bool = False

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        what = f"The in-place restore of EtcdCluster {cluster}"
        if self.following:
            sentence = f"{what} entered the stage {self.following.stage.value}."
            return ActionEvent(events.RESTORE_STAGE, sentence)
        ended = "was undone" if self.undone else "is complete: every member serves"
        return ActionEvent(events.RESTORE_ENDED, f"{what} {ended}.")


@dataclass(frozen=True, slots=True)
class ApplyObject:
    """Server-side apply one rendered object.

    `uid` is that of the live object that was looked at (empty: there was none, and the server
    creates it); the server refuses if another object has taken its place. `resource_version`,
    where given, makes it refuse as well if anything changed since: so an operator that slept
    through its lease can neither open a gate nor stop Pods from an old view.
    """

    kind: str
    name: str
    uid: str
    resource_version: str
    why: str
    manifest: Json = field(hash=False)

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        verb, reasons = ("Updated", events.UPDATED) if self.uid else ("Created", events.CREATED)
        return ActionEvent(reasons[self.kind], f"{verb} {self.kind} {self.name}: {self.why}.")


@dataclass(frozen=True, slots=True)
class DeleteObject:
    """Delete one Pod, claim or StatefulSet: exactly this one, by uid.

    `resource_version`, where given, makes the server refuse if anything changed since it was
    looked at: a disk that was seen unused may be in use by now. `grace_seconds` shortens the time
    that a Pod has to end; `orphan` leaves what the object owns as it is.
    """

    kind: str
    name: str
    uid: str
    why: str
    resource_version: str = ""
    grace_seconds: int | None = None
    orphan: bool = False

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        verb = "Force-deleted" if self.grace_seconds == 0 else "Deleted"
        sentence = f"{verb} {self.kind} {self.name}: {self.why}."
        return ActionEvent(events.DELETED[self.kind], sentence)


@dataclass(frozen=True, slots=True)
class EvictPod:
    """Stop a Pod that serves: exactly this one, and only if every PodDisruptionBudget allows it.

    `grace_seconds`: it has that long to end, in place of what its spec says. `wait_seconds`: what
    follows is done so long after.
    """

    name: str
    uid: str
    why: str
    grace_seconds: int | None = None
    wait_seconds: float = 0.0

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        return ActionEvent(events.EVICTED_POD, f"Evicted Pod {self.name}: {self.why}.")


@dataclass(frozen=True, slots=True)
class LabelPod:
    """Label a Pod as a voter, a learner, or a voter that leaves the client Service.

    That Service and the PodDisruptionBudget select by it.
    `lost`: its other labels are put back too, without which its StatefulSet does not know it.
    """

    name: str
    uid: str
    role: str
    lost: bool = False

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        if self.lost:
            sentence = f"Restored the labels of Pod {self.name} that its StatefulSet selects by."
            return ActionEvent(events.POD_LABELLED, sentence)
        if self.role == ROLE_LEAVING:
            sentence = f"Took Pod {self.name} out of Service {cluster}-client: it is about to end."
            return ActionEvent(events.POD_LEAVES_SERVICE, sentence)
        return ActionEvent(events.POD_ROLE, f"Labelled Pod {self.name} as a {self.role}.")


@dataclass(frozen=True, slots=True)
class ResizePod:
    """Ask Kubernetes to give etcd in a running Pod other CPU and memory.

    `wanted` is a hash of these, which is noted on the Pod with the time: what is not done by then
    is left to the roll. `resources` are those of the template, whole.
    """

    name: str
    uid: str
    resource_version: str
    wanted: str
    at: datetime
    resources: Json = field(hash=False)

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Asked for other CPU and memory of Pod {self.name}, without a restart."
        return ActionEvent(events.POD_RESIZED, sentence)


@dataclass(frozen=True, slots=True)
class SetPodRevision:
    """Note on a Pod that it is as the StatefulSet's template of this revision makes it."""

    name: str
    uid: str
    resource_version: str
    revision: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Pod {self.name} has the CPU and memory of revision {self.revision}."
        return ActionEvent(events.POD_RESIZED, sentence)


@dataclass(frozen=True, slots=True)
class RequestBackup:
    """Create an EtcdBackup that must not exist; its name follows from what it is for."""

    name: str
    why: str
    manifest: Json = field(hash=False)

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        return ActionEvent(
            events.CREATED_ETCD_BACKUP, f"Created EtcdBackup {self.name}: {self.why}."
        )

"""Actions of a mirror: its Job, and the key with its progress at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from etcd_operator.core.actions.event import ActionEvent
from etcd_operator.core.reasons import events
from etcd_operator.json_types import Json
from etcd_operator.wording import agree, counted


@dataclass(frozen=True, slots=True)
class StartMirror:
    """Create a Job that must not exist. Its image is the operator's, which the handler knows.

    `approval` is what a person has approved, if the Job is to cut over; empty if not.
    """

    name: str
    approval: str
    why: str
    cluster_id: int
    manifest: Json = field(hash=False)

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        return ActionEvent(events.MIRROR_STARTED, f"Created Job {self.name}: {self.why}.")


@dataclass(frozen=True, slots=True)
class StopMirror:
    """Delete exactly this Job, and its Pod with it."""

    name: str
    uid: str
    why: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        return ActionEvent(events.MIRROR_STOPPED, f"Deleted Job {self.name}: {self.why}.")


@dataclass(frozen=True, slots=True)
class EndMirror:
    """Delete the key with the progress of a mirror that was cut over."""

    keys: int
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        equal = f"{counted(self.keys, 'key')} of {cluster} {agree(self.keys, 'were')}"
        sentence = f"The mirror is over: {equal} as in the source. Its progress is deleted."
        return ActionEvent(events.MIRROR_ENDED, sentence)

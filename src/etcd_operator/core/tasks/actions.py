"""Everything the operator can do for an EtcdBackup or EtcdRestore, as data: a closed union.

Each action carries the preconditions that the server checks, and knows its Event: None for one
that is told by the Event of what it is for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from etcd_operator.core.actions import ActionEvent
from etcd_operator.core.reasons import restores, tasks
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.json_types import Json


@dataclass(frozen=True, slots=True)
class CreateObject:
    """Create an object that must not exist; `why` is the sentence of the Event."""

    kind: str
    manifest: Json = field(hash=False)
    why: str = ""

    @property
    def event(self) -> ActionEvent | None:
        """The reason and the sentence of the Event."""
        return ActionEvent(tasks.CREATED[self.kind], self.why) if self.why else None


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete exactly this Job, and its Pods with it."""

    name: str
    uid: str

    @property
    def event(self) -> None:
        """None: the Event about what the Job came to says enough."""
        return None


@dataclass(frozen=True, slots=True)
class AnnotateCluster:
    """Put annotations on exactly this EtcdCluster, as it was looked at; None takes one off.

    `reason` and `why` are those of the Event.
    """

    name: str
    uid: str
    resource_version: str
    annotations: Json = field(hash=False)
    why: str = ""
    reason: Reason = restores.DISKS_FILLED

    @property
    def event(self) -> ActionEvent | None:
        """The reason and the sentence of the Event."""
        return ActionEvent(self.reason, self.why) if self.why else None


@dataclass(frozen=True, slots=True)
class SetRestoreFinalizer:
    """Put the finalizer on exactly this EtcdRestore, as it was looked at, or take it off.

    `finalizers` are those that it is to have.
    """

    name: str
    uid: str
    resource_version: str
    finalizers: tuple[str, ...]

    @property
    def event(self) -> None:
        """None: an EtcdRestore that is undone tells of each stage."""
        return None


TaskAction = CreateObject | DeleteJob | AnnotateCluster | SetRestoreFinalizer

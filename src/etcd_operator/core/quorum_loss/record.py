"""The record of a recovery from a lost majority: what was approved, who is kept, how far it is.

It is kept on the ConfigMap, so that whoever continues knows. The request is in the spec; whether it
still counts is a matter of `approval`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.members import RaftProgress, format_id
from etcd_operator.core.model.naming import ANNOTATION_RECOVERY, MOST_MEMBERS
from etcd_operator.core.model.numbers import (
    LARGEST_REVISION,
    LONGEST_RECORD,
    is_request,
    read_identity,
    read_number,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.quorum_loss.approval import find_request


class Stage(Enum):
    """How far a recovery is; each begins when what the one before it needs has come true."""

    ISOLATE = "isolate"  # the others' Pods end, their disks are set aside
    FORCE = "force"  # the kept member starts as a cluster of its own
    SETTLE = "settle"  # it starts once more, as everybody does


@dataclass(frozen=True, slots=True)
class Recovery:
    """The kept member, the revision it had, and the request that approved it."""

    ordinal: int
    member_id: int
    revision: int
    request: str
    stage: Stage

    def write(self) -> str:
        """The text of the annotation."""
        kept = f"{self.ordinal} {format_id(self.member_id)} {self.revision}"
        return f"{self.stage.value} {kept} {self.request}"


def find_recovery(snapshot: Snapshot) -> Recovery | None:
    """The recovery that is under way."""
    return read_recovery(_read(snapshot, ANNOTATION_RECOVERY))


def read_recovery(text: str) -> Recovery | None:
    """Read the annotation; None for an empty one, and for one that nobody can read."""
    words = text.split() if len(text) <= LONGEST_RECORD else []
    if len(words) != 5 or words[0] not in {stage.value for stage in Stage}:
        return None
    stage, request = Stage(words[0]), words[4]
    ordinal = read_number(words[1], MOST_MEMBERS - 1)
    member, revision = read_identity(words[2]), read_number(words[3], LARGEST_REVISION)
    if ordinal is None or member is None or revision is None or not is_request(request):
        return None
    return Recovery(ordinal, member, revision, request, stage)


def find_raft_progress(probe: Probe | None, snapshot: Snapshot) -> RaftProgress | None:
    """How far the data of a member of this cluster reaches, if it says so in one way or the other.

    What a member says that does not serve does not name the cluster: its disk is the cluster's own.
    """
    status = probe.status if probe else None
    if probe is None or status is None:
        return probe.progress if probe else None
    if status.cluster_id != snapshot.recorded_cluster_id:
        return None
    return RaftProgress(status.member_id, status.revision, status.raft_index, status.is_learner)


def must_compare(snapshot: Snapshot) -> bool:
    """Whether it matters what those have that do not answer: a majority is to be given up."""
    if snapshot.quorum_confirmed or snapshot.recorded_cluster_id is None:
        return False
    return find_request(snapshot) is not None or find_recovery(snapshot) is not None


def answers_with_data(recovery: Recovery, snapshot: Snapshot) -> bool:
    """Whether the kept member says now that it is there, with the data it had."""
    progress = find_raft_progress(snapshot.probes.get(recovery.ordinal), snapshot)
    return (
        progress is not None
        and progress.member_id == recovery.member_id
        and progress.revision >= recovery.revision
    )


def is_for(request: str, snapshot: Snapshot) -> bool:
    """Whether a request names this very etcd cluster."""
    recorded = snapshot.recorded_cluster_id
    return recorded is not None and request.partition("/")[0] == format_id(recorded)


def _read(snapshot: Snapshot, annotation: str) -> str:
    gate = snapshot.config_map
    if gate is None or gate.owner_uid != snapshot.naming.uid:
        return ""
    return gate.annotations.get(annotation, "")

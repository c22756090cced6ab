"""The second opinion on a recovery from a lost majority; see `guards`.

What is taken from the record is who is kept and who approved it. Whether that is right is judged
here from the bare facts, by code that the rule does not use.

* No recovery begins but by an approval that is in the spec, that is on no record of spent ones, and
  that was given while the status says that the quorum is lost.
* None begins while a member with a disk may still come to say what it has, nor from a member that
  others are ahead of.
* No disk is set aside without approval, with a quorum, beside its Pod, or before the kept member
  answers with its data.
* A member counts as alone only when nothing of any other member is left.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from etcd_operator.api.parse import parse_time
from etcd_operator.core.actions import ApplyObject, QuarantineDisk
from etcd_operator.core.model.live_objects import Claim, Probe
from etcd_operator.core.model.naming import (
    ANNOTATION_RECOVERED,
    ANNOTATION_RECOVERY,
    ANNOTATION_SPENT,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.quorum_loss.record import find_recovery, is_for
from etcd_operator.core.reasons import condition_types


class _Reach(NamedTuple):
    """How far a voter of this cluster says that its data reaches."""

    committed: int
    revision: int
    member_id: int


def refuse_recovery(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """A recovery begins with its record on the ConfigMap: this judges that write."""
    annotations = action.manifest.get("metadata", {}).get("annotations") or {}
    record = str(annotations.get(ANNOTATION_RECOVERY, "")).split()
    live = find_recovery(snapshot)
    if not record or (live is not None and live.request == record[-1]):
        return None
    if len(record) != 5 or record[0] != "isolate":
        return "a recovery starts with the stage isolate"
    _, ordinal, member, revision, request = record
    return _refuse_approval(request, snapshot) or _refuse_kept(
        int(ordinal), int(member, 16), int(revision), request, snapshot
    )


def _refuse_approval(request: str, snapshot: Snapshot) -> str | None:
    wanted = snapshot.spec.recovery.quorum_loss
    if wanted is None or request != f"{wanted.cluster_id.lower()}/{wanted.accepted_revision}":
        return "spec.recovery.quorumLoss does not approve this recovery"
    if not is_for(request, snapshot):
        return "spec.recovery.quorumLoss.clusterID is that of another etcd cluster"
    if snapshot.quorum_confirmed or _find_loss(snapshot) is None:
        return "the status does not report a lost quorum"
    cluster_id, _, revision = request.partition("/")
    for entry in _spent_entries(snapshot):
        known, _, reach = entry.partition("/")
        up_to = reach.removeprefix("<=")
        below = up_to != reach and up_to.isdecimal() and int(revision) <= int(up_to)
        if known == cluster_id and (reach == revision or below):
            return "this approval in spec.recovery.quorumLoss was used or void before"
    return None


def _spent_entries(snapshot: Snapshot) -> set[str]:
    gate, status = snapshot.config_map, snapshot.cluster.status
    entries = {*status.spent_approvals, *status.last_recovery.split()[:1]}
    if gate is not None and gate.owner_uid == snapshot.naming.uid:
        entries.update(gate.annotations.get(ANNOTATION_SPENT, "").split())
        entries.update(gate.annotations.get(ANNOTATION_RECOVERED, "").split()[:1])
    return entries


def _find_loss(snapshot: Snapshot) -> datetime | None:
    """Since when the status says that the quorum is lost."""
    said = [
        c for c in snapshot.cluster.status.conditions if c.type == condition_types.QUORUM_HEALTHY
    ]
    lost = [parse_time(c.last_transition_time) for c in said if c.status == "False"]
    return lost[0] if lost else None


def _refuse_kept(
    ordinal: int, member_id: int, revision: int, request: str, snapshot: Snapshot
) -> str | None:
    reaches = {
        place: reach
        for place, probe in snapshot.probes.items()
        if (reach := _find_reach(probe, snapshot))
    }
    kept = reaches.get(ordinal)
    if kept is None or kept.member_id != member_id or kept.revision < revision:
        return "the member to keep does not answer with its data"
    if revision < int(request.partition("/")[2]):
        return "the member to keep is below spec.recovery.quorumLoss.acceptedRevision"
    if any(reach[:2] > kept[:2] for reach in reaches.values()):
        return "another member has later data than the one to keep"
    late = [
        claim.name
        for claim in snapshot.claims
        if claim.ordinal not in reaches and _may_still_answer(claim, snapshot)
    ]
    return f"the data on {late[0]} may still become known" if late else None


def _may_still_answer(claim: Claim, snapshot: Snapshot) -> bool:
    """Whether the delay is not over for a disk of which nobody has said anything yet."""
    going = any(c.deleting for c in snapshot.claims if c.ordinal == claim.ordinal)
    if going or not claim.bound:
        return False
    pod = next((pod for pod in snapshot.pods if pod.ordinal == claim.ordinal), None)
    learners = (member for member in snapshot.members if member.is_learner)
    if claim.ordinal in map(snapshot.naming.ordinal_of_member, learners):
        return False
    since = _find_loss(snapshot)
    if pod is not None and not pod.deleting:
        if pod.termination_message and not pod.running:
            return False
        since = pod.unready_since or pod.created or since
    return snapshot.now - (since or snapshot.now) < _delay(snapshot)


def _delay(snapshot: Snapshot) -> timedelta:
    return snapshot.spec.recovery.member_replacement_delay.length


def _find_reach(probe: Probe, snapshot: Snapshot) -> _Reach | None:
    """Reach of a voter of the recorded cluster, by etcd's answer or by its metrics."""
    status, progress = probe.status, probe.progress
    if status is not None:
        ours = status.cluster_id == snapshot.recorded_cluster_id and not status.is_learner
        return _Reach(status.raft_index, status.revision, status.member_id) if ours else None
    if progress is None or progress.is_learner:
        return None
    return _Reach(progress.index, progress.revision, progress.member_id)


def refuse_quarantine(action: QuarantineDisk, snapshot: Snapshot) -> str | None:
    """A disk is set aside only by approval, without a quorum, and while no Pod can use it."""
    claim = next((c for c in snapshot.claims if c.uid == action.uid), None)
    if claim is None or claim.owner_uid != snapshot.naming.uid:
        return "the PersistentVolumeClaim is gone, or belongs to another EtcdCluster"
    recovery = find_recovery(snapshot)
    if recovery is None or not is_approved(snapshot) or snapshot.quorum_confirmed:
        return "spec.recovery.quorumLoss does not approve it"
    if claim.ordinal == recovery.ordinal:
        return "the disk is that of the member to keep"
    probe = snapshot.probes.get(recovery.ordinal)
    kept = _find_reach(probe, snapshot) if probe else None
    whole = kept and kept.member_id == recovery.member_id and kept.revision >= recovery.revision
    if not whole:
        return "the member to keep does not answer with its data"
    in_use = any(pod.ordinal == claim.ordinal for pod in snapshot.pods)
    return "the Pod of this disk still exists" if in_use else None


def is_approved(snapshot: Snapshot) -> bool:
    """Whether a request for this very cluster was recorded."""
    recovery = find_recovery(snapshot)
    return recovery is not None and is_for(recovery.request, snapshot)


def is_alone_by_approval(snapshot: Snapshot, ordinal: int) -> bool:
    """Whether it is kept by approval, and no Pod or disk of another member is left."""
    recovery = find_recovery(snapshot)
    left = {pod.ordinal for pod in snapshot.pods} | {claim.ordinal for claim in snapshot.claims}
    kept = recovery is not None and recovery.ordinal == ordinal
    return kept and left == {ordinal} and is_approved(snapshot)

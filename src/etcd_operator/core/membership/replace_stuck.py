"""Replace members that do not come back: out of the cluster, a fresh disk, in again as a learner.

That a member is silent proves nothing: a Pod that runs is never replaced for it. Its Pod has to be
stuck, by what Kubernetes says, for as long as `spec.recovery.memberReplacementDelay`:

* it should have ended, but its node does not answer;
* no node can take it, because its disk is on a node that does not answer;
* it crashes again and again, where another member of the same template serves.

At once if its disk is being deleted under it, if that node is gone for good, if somebody asks for
it by annotating the Pod, if etcd says by an alarm that the member's data is corrupt, or if it
differs from that of a majority. All of it one at a time, and only while a majority serves without
the member. Cordoning a node is no loss.

Whoever comes back in the middle does no harm: a removed member is told so when it connects, and
ends. The steps can be cut off anywhere: as long as the Pod is stuck, they are begun anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, DeleteObject
from etcd_operator.core.consistency.divergence import corrupt_ids, find_divergence, suspect_ids
from etcd_operator.core.membership.disks import classify_disk
from etcd_operator.core.membership.foreign_claims import (
    can_renew_disk,
    explain_labels,
    foreign_claim,
)
from etcd_operator.core.membership.steps import re_add_with_new_disk, transfer_leadership
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.live_objects import CRASH_LOOP, UNSCHEDULABLE, NodeState, Pod
from etcd_operator.core.model.naming import ROLE_LEAVING
from etcd_operator.core.model.quorum import (
    keeps_quorum_without,
    serving_ids,
    voter_ids,
    voters_not_serving,
)
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rollout.outdated import is_outdated
from etcd_operator.core.storage.deleted_claims import explain_going, loses_disk, name_going

# Fewer may be a change of its surroundings: the kubelet has then tried for a minute.
CRASHES: Final = 4


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why a member does not come back by itself. `since` None: there is nothing to wait for."""

    why: str
    since: datetime | None = None


def judge_pod(snapshot: Snapshot, seat: Seat) -> Stuck | None:
    """Return why a member's Pod is stuck, if Kubernetes or somebody says so; None otherwise."""
    pod = seat.pod
    if pod is None:
        return None
    if seat.member and seat.member.id in corrupt_ids(snapshot):
        return _judge_corrupt(snapshot, seat.member.id)
    node = snapshot.nodes.get(seat.ordinal)
    if pod.deleting:
        return _judge_ending(snapshot, pod, node)
    if pod.replace_asked:
        return Stuck("is to be replaced, as its Pod's annotation says")
    if any(claim.deleting for claim in seat.claims) and not pod.ever_ran:
        return Stuck("waits for a disk that is being deleted")  # by a replacement that was cut off
    if loses_disk(snapshot, pod):
        return Stuck(f"has its data on {name_going((seat,))}, which is being deleted")
    if not pod.node:
        return _judge_unscheduled(pod, node)
    return _judge_crashing(snapshot, seat, pod)


def _judge_corrupt(snapshot: Snapshot, member_id: int) -> Stuck:
    difference = find_divergence(snapshot)
    if difference and member_id in difference.wrong:
        return Stuck(f"has other data than the majority at revision {difference.revision}")
    return Stuck("has corrupt data, as etcd's alarm says")


def _judge_ending(snapshot: Snapshot, pod: Pod, node: NodeState | None) -> Stuck | None:
    if node is NodeState.GONE:
        return Stuck(f"cannot end its Pod: node {pod.node} is gone")
    overdue = pod.ends_by is not None and pod.ends_by <= snapshot.now
    if node is NodeState.UP or not overdue:
        return None
    since = None if pod.replace_asked else pod.ends_by
    return Stuck(f"cannot end its Pod: node {pod.node} does not answer", since)


def _judge_unscheduled(pod: Pod, node: NodeState | None) -> Stuck | None:
    if pod.problem is None or pod.problem.reason != UNSCHEDULABLE or node is NodeState.UP:
        return None
    if node is NodeState.GONE:
        return Stuck("has its disk on a node that is gone")
    if node is NodeState.DOWN or pod.problem.volume_elsewhere:
        return Stuck("has its disk on a node that cannot be used", pod.unready_since)
    return None


def _judge_crashing(snapshot: Snapshot, seat: Seat, pod: Pod) -> Stuck | None:
    """Not if it may be the spec: then a member of the same template would crash as well."""
    crashing = pod.problem is not None and pod.problem.reason == CRASH_LOOP
    if not crashing or pod.restarts < CRASHES or is_outdated(snapshot, pod):
        return None
    serving = serving_ids(snapshot)
    same = any(
        other.member and other.member.id in serving and other.pod.revision == pod.revision
        for other in snapshot.seats()
        if other.pod and other.ordinal != seat.ordinal
    )
    return Stuck("crashes again and again", pod.unready_since) if same else None


def replace_stuck_members(snapshot: Snapshot) -> Decision | None:
    """Replace the first member that has been stuck for too long, if it can be done without."""
    for seat, stuck in _find_stuck(snapshot):
        able = _can_go(snapshot, seat) and can_renew_disk(snapshot, seat)
        if able and _is_due(snapshot, stuck):
            name = snapshot.naming.member(seat.ordinal)
            return Decision(
                reason=routine.REPLACING_STUCK_MEMBER,
                message=f"Member {name} {stuck.why}: replacing it.",
                phase=Phase.SCALING,
                actions=_replace(snapshot, seat, f"its member {stuck.why}"),
                requeue_after=POD_START,
            )
    return None


def release_stuck_pods(snapshot: Snapshot) -> Decision | None:
    """Pods on lost nodes whose members left are deleted by force: nothing waits for them."""
    left = [
        seat.pod
        for seat in snapshot.seats()
        if seat.member is None
        and seat.pod
        and seat.pod.deleting
        and (stuck := judge_pod(snapshot, seat))
        and _is_due(snapshot, stuck)
    ]
    if not left:
        return None
    why = "its node is not responding and its member was removed"
    return Decision(
        reason=routine.FORCE_DELETING_PODS,
        message=f"Force-deleting Pod {', '.join(pod.name for pod in left)}: {why}.",
        phase=Phase.SCALING,
        actions=tuple(DeleteObject("Pod", pod.name, pod.uid, why, grace_seconds=0) for pod in left),
        requeue_after=POD_START,
    )


def wait_to_replace(snapshot: Snapshot) -> Decision | None:
    """Say of a stuck member when it will be replaced, or why it cannot be."""
    if kept := _tell_foreign_claim(snapshot):
        return kept
    for seat, stuck in _find_stuck(snapshot):
        name = snapshot.naming.member(seat.ordinal)
        if not _can_go(snapshot, seat):
            remedy = f" {explain_going(snapshot)}".rstrip()
            return Decision(
                reason=attention.CANNOT_REPLACE_MEMBER,
                message=f"Member {name} {stuck.why}, but {_name_rest(snapshot, seat)} have no "
                f"majority without it.{remedy}",
                phase=snapshot.cluster.status.phase or Phase.RUNNING,
                requeue_after=OUTSIDE_CHANGE,
            )
        if not _is_due(snapshot, stuck) and stuck.since is not None:
            moment = (stuck.since + _delay(snapshot)).strftime("%H:%M:%SZ")
            return Decision(
                reason=attention.MEMBER_STUCK,
                message=f"Member {name} {stuck.why}; it is replaced at {moment} if that lasts.",
                phase=snapshot.cluster.status.phase or Phase.RUNNING,
                requeue_after=1.0,
            )
    return None


def _tell_foreign_claim(snapshot: Snapshot) -> Decision | None:
    """Say which claim keeps a member from being replaced: nobody would delete it."""
    stuck = [(seat, found.why) for seat, found in _find_stuck(snapshot)]
    lost = [(s, disk.value) for s in voters_not_serving(snapshot) if (disk := classify_disk(s))]
    for seat, why in (*lost, *stuck):
        claim = foreign_claim(snapshot, seat.ordinal)
        if claim:
            name = snapshot.naming.member(seat.ordinal)
            return Decision(
                reason=attention.CANNOT_REPLACE_MEMBER,
                message=f"Member {name} {why}. {explain_labels(snapshot.naming, claim)}",
                phase=snapshot.cluster.status.phase or Phase.RUNNING,
                requeue_after=OUTSIDE_CHANGE,
            )
    return None


def _can_go(snapshot: Snapshot, seat: Seat) -> bool:
    """Whether a majority serves without it, those with corrupt data not counted.

    Nor those of whom nobody knows, unless a person has decided.
    """
    member = seat.member
    if member is None or member.is_learner:
        return member is not None
    decided = seat.pod is not None and seat.pod.replace_asked
    doubted = corrupt_ids(snapshot) if decided else suspect_ids(snapshot)
    return keeps_quorum_without(voter_ids(snapshot), serving_ids(snapshot) - doubted, member.id)


def _name_rest(snapshot: Snapshot, seat: Seat) -> str:
    """Members that are too few without one: the others, or those of them that can be relied on."""
    member = seat.member
    serving, voters = serving_ids(snapshot), voter_ids(snapshot)
    if member and keeps_quorum_without(voters, serving, member.id):
        return "those that are known to have the right data"
    return "the others"


def _find_stuck(snapshot: Snapshot) -> list[tuple[Seat, Stuck]]:
    """The members to replace, a joining one before all others; while one joins, only that.

    One with wrong data before the cluster grows: whoever joins might learn from it.
    """
    size, serving = snapshot.spec.size, serving_ids(snapshot)
    corrupt = corrupt_ids(snapshot)
    members = [seat for seat in snapshot.seats() if seat.member]
    joining = [seat for seat in members if seat.member and seat.member.is_learner]
    ordinals = {seat.ordinal for seat in members}
    whole = ordinals >= set(range(size))
    gapless = ordinals >= set(range(min(size, len(members))))
    found = []
    for seat in joining or members:
        stuck = judge_pod(snapshot, seat) if seat.ordinal < size else None
        if stuck is None or seat.member is None:
            continue
        asked = seat.pod is not None and seat.pod.replace_asked and not seat.pod.deleting
        wrong = gapless and seat.member.id in corrupt
        going = seat.pod is not None and loses_disk(snapshot, seat.pod)
        if seat.member.id not in serving or (whole and (asked or going)) or wrong:
            found.append((seat, stuck))
    return sorted(found, key=lambda pair: _rank(snapshot, pair[0]))


def _rank(snapshot: Snapshot, seat: Seat) -> int:
    """Which of several goes first: the lowest.

    A leader with wrong data, which the members that join would learn. Then whoever has left the
    client Service for it: etcd may refuse the removal for some seconds after its leadership has
    moved, and to begin with another would move that to and fro. Then the leader.
    """
    leads = seat.member is not None and seat.member.id == snapshot.leader_id
    if leads and seat.member and seat.member.id in corrupt_ids(snapshot):
        return 0
    if seat.pod and seat.pod.role == ROLE_LEAVING:
        return 1
    return 2 if leads else 3


def _is_due(snapshot: Snapshot, stuck: Stuck) -> bool:
    return stuck.since is None or snapshot.now - stuck.since >= _delay(snapshot)


def _replace(snapshot: Snapshot, seat: Seat, why: str) -> tuple[Action, ...]:
    """A new member on a new disk; a Pod that could not end is let go of, as it was looked at."""
    begun = (*transfer_leadership(snapshot, seat), *re_add_with_new_disk(snapshot, seat, why))
    pod = seat.pod
    if pod is None or not pod.deleting:
        return begun
    return (*begun, DeleteObject("Pod", pod.name, pod.uid, why, pod.resource_version, 0))


def _delay(snapshot: Snapshot) -> timedelta:
    return snapshot.spec.recovery.member_replacement_delay.length

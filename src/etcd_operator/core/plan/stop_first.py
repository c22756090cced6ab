"""Members that serve are stopped before they are removed, so that clients lose no call.

etcd ends at once when it is removed, and cuts off whatever is under way. When its Pod ends, it
first sends its clients away and answers what has begun. So who is out of the client Service is
told to stop, and removed half a second later, whether its Pod has ended or not. Both belong to one
pass: if it is cut off between them, the Pod is made anew, and the next pass begins anew.

A Pod is stopped only where the others keep the majority with it still a voter, and where its
PodDisruptionBudget has room for it; else its member is removed at once. So are all while any voter
is missed, and so is one whose Pod the plan deletes, or that had data which would go with its Pod.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from etcd_operator.core.actions import Action, DeleteObject, EvictPod, RemoveMember
from etcd_operator.core.model.decision import REFUSED_STOP, Decision
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.naming import ROLE_LEAVING, ROLE_VOTER
from etcd_operator.core.model.quorum import (
    keeps_quorum_while_down,
    serving_ids,
    voter_ids,
    voters_not_serving,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.storage.deleted_claims import loses_disk

# etcd sends its clients away, and answers what has begun, within the first; without the second a
# watch would keep a member, which learns of no change any more, for seven seconds.
SENT_AWAY_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 1
_WHY: Final = "its member is about to be removed"


def stop_before_removal(snapshot: Snapshot, decision: Decision) -> Decision:
    """Return the decision, with the stop of the first member that it removes, if it can stop.

    Who can be stopped after that has been removed is left to the next pass.
    """
    if snapshot.stop_refused or voters_not_serving(snapshot) or not _has_room(snapshot):
        return decision
    actions = tuple(_stop_first(snapshot, decision.actions))
    if actions == decision.actions:
        return decision
    return replace(decision, actions=actions, requeue_after=REFUSED_STOP)


def _stop_first(snapshot: Snapshot, actions: tuple[Action, ...]) -> Iterator[Action]:
    pods = _find_stoppable(snapshot, actions)
    voters, alive, removed = set(voter_ids(snapshot)), set(serving_ids(snapshot)), False
    for action in actions:
        if isinstance(action, RemoveMember):
            member = action.member_id
            pod = pods.get(member) if keeps_quorum_while_down(voters, alive, member) else None
            if pod is not None and removed:
                return
            if pod is not None:
                yield EvictPod(pod.name, pod.uid, _WHY, GRACE_SECONDS, SENT_AWAY_SECONDS)
            voters.discard(member)
            alive.discard(member)
            removed = True
        yield action


def _find_stoppable(snapshot: Snapshot, actions: tuple[Action, ...]) -> dict[int, Pod]:
    """The Pods of voters that have left the client Service and may end, by member ID."""
    deleted = {action.uid for action in actions if isinstance(action, DeleteObject)}
    return {
        seat.member.id: seat.pod
        for seat in snapshot.seats()
        if seat.pod and seat.member and not seat.member.is_learner
        if seat.pod.ready and not seat.pod.deleting and seat.pod.role == ROLE_LEAVING
        if not seat.pod.ephemeral and not loses_disk(snapshot, seat.pod)
        if seat.pod.uid not in deleted
    }


def _has_room(snapshot: Snapshot) -> bool:
    """Whether the PodDisruptionBudget will let a Pod go: every member is a Ready voter.

    It counts the replicas of the StatefulSet, one for each ordinal up to that of the last member
    once they are corrected. If it has yet to see that, it refuses for a moment.
    """
    ready = sum(
        pod.ready and not pod.deleting and pod.role in (ROLE_VOTER, ROLE_LEAVING)
        for pod in snapshot.pods
    )
    last = max((seat.ordinal for seat in snapshot.seats() if seat.member), default=-1)
    return ready >= max(len(snapshot.members), last + 1)

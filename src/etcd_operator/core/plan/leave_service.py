"""Pods leave the client Service before they end, so that clients go on at another member.

etcd closes its port at once when it is told to stop, or is removed. Whoever connects by then is
refused, and etcd's own client waits for about a second before it tries again. So a Pod is labelled
first: the client Service does not select it any more, new connections lead to others, and those
that there are go on until the Pod ends. The runtime sees when that is so, and for how long.

It delays what a rule decided, by seconds, and nothing else: whatever is left undone meanwhile is
decided anew in the next pass. So nothing waits while any voter is missed: another one may follow.
"""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.core.actions import Action, EvictPod, LabelPod, RemoveMember
from etcd_operator.core.model.decision import LEAVING, Decision
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.naming import ROLE_LEAVING, ROLE_VOTER
from etcd_operator.core.model.quorum import voters_not_serving
from etcd_operator.core.model.snapshot import Snapshot


def find_ending(snapshot: Snapshot, actions: tuple[Action, ...]) -> tuple[Pod, ...]:
    """Return the Pods of voters that serve clients and that these actions end."""
    evicted = {action.uid for action in actions if isinstance(action, EvictPod)}
    removed = {action.member_id for action in actions if isinstance(action, RemoveMember)}
    return tuple(
        seat.pod
        for seat in snapshot.seats()
        if seat.pod and seat.member and _serves_clients(seat.pod)
        if seat.pod.uid in evicted or seat.member.id in removed
    )


def leave_service_first(
    snapshot: Snapshot, decision: Decision, ending: tuple[Pod, ...]
) -> Decision:
    """Return the decision, with other actions while Pods that it ends have yet to leave."""
    if all(pod.uid in snapshot.out_of_service for pod in ending):
        return decision
    if voters_not_serving(snapshot) or not _leaves_others(snapshot, ending):
        return decision
    labels = (LabelPod(pod.name, pod.uid, ROLE_LEAVING) for pod in ending if pod.role == ROLE_VOTER)
    return replace(decision, actions=tuple(labels), requeue_after=LEAVING)


def _serves_clients(pod: Pod) -> bool:
    return pod.ready and not pod.deleting and pod.role in (ROLE_VOTER, ROLE_LEAVING)


def _leaves_others(snapshot: Snapshot, ending: tuple[Pod, ...]) -> bool:
    """Whether the client Service leads to a voter without these Pods, labelled as one by now."""
    return any(
        seat.pod and seat.pod.ready and not seat.pod.deleting and seat.pod not in ending
        for seat in snapshot.seats()
        if seat.member and not seat.member.is_learner
    )

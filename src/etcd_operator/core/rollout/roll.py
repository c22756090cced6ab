"""Replace Pods that do not match the StatefulSet's template, one member at a time.

The StatefulSet never rolls by itself (OnDelete). While every voter serves, the followers from the
highest ordinal down, and the leader last, after leadership has been handed over. Voters that are
not well come first, if all of those are outdated: the corrected template may be what they lack. Who
serves is evicted: a drain at the same moment takes its Pod from the same PodDisruptionBudget.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action
from etcd_operator.core.consistency.divergence import suspect_ids
from etcd_operator.core.membership.steps import re_add_with_new_disk, transfer_leadership
from etcd_operator.core.model.addresses import advertises_otherwise
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.finalizers import name_held
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.naming import ROLE_LEAVING
from etcd_operator.core.model.quorum import (
    keeps_quorum_while_down,
    keeps_quorum_without,
    serving_ids,
    voter_ids,
    voters_not_serving,
)
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rollout.outdated import is_outdated
from etcd_operator.core.rollout.stop_pod import stop_pod
from etcd_operator.core.rollout.upgrade_route import describe_route
from etcd_operator.core.storage.deleted_claims import loses_disk
from etcd_operator.wording import part_of


def _may_end(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether a Pod is to be made anew, and its data stays."""
    anew = is_outdated(snapshot, pod) or advertises_otherwise(snapshot, pod.ordinal)
    return anew and not loses_disk(snapshot, pod)


def roll(snapshot: Snapshot) -> Decision | None:
    """Roll the next outdated voter, if all the others are well.

    Learners are no part of it: one that serves is promoted before, one that cannot join may take
    for ever, and its Pod has the template of now or is replaced by `replace_failed_pods`.
    """
    voters = [s for s in snapshot.seats() if s.member and not s.member.is_learner]
    outdated = [s for s in voters if s.pod and _may_end(snapshot, s.pod)]
    if not outdated:
        return None
    if any(seat.pod and seat.pod.ephemeral for seat in voters) and len(voters) == 1:
        return _refuse_to_lose_data(snapshot, outdated[0])
    done = len(voters) - len(outdated)
    progress = f"{part_of(done, len(voters), 'member', 'are')} up to date"
    target = _choose(snapshot, voters, outdated)
    actions = _replace(snapshot, target) if target else ()
    if target and not actions and len(voters) != snapshot.spec.size:
        return None  # too few to stop one: what the change of size waits for says more
    if target is None or not actions:
        awaited = _name_awaited(snapshot, voters)
        waits = f"Rolling update: {progress}; waiting for {awaited}.{describe_route(snapshot)}"
        return Decision(
            reason=routine.ROLLING_UPDATE_WAITING,
            message=" ".join([waits, *name_held(snapshot.pods)]),
            phase=Phase.UPGRADING,
            requeue_after=POD_START,
        )
    name = snapshot.naming.member(target.ordinal)
    return Decision(
        reason=routine.ROLLING_UPDATE,
        message=f"Rolling update: replacing Pod {name}; {progress}.{describe_route(snapshot)}",
        phase=Phase.UPGRADING,
        actions=actions,
        requeue_after=POD_START,
    )


def _refuse_to_lose_data(snapshot: Snapshot, only: Seat) -> Decision | None:
    """Say what a person can do about the only member: its data would go with its Pod."""
    if snapshot.spec.size > 1:
        return None  # others are about to have it
    name = snapshot.naming.member(only.ordinal)
    return Decision(
        reason=attention.ROLL_WOULD_LOSE_DATA,
        message=(
            f"Not replacing Pod {name}, which is outdated: it is the only member, and its data "
            "would go with it (spec.storage.ephemeral). Set spec.size to 3, and back when the "
            "members are up to date; or delete the EtcdCluster and create it again."
        ),
        phase=snapshot.cluster.status.phase or Phase.RUNNING,
        requeue_after=OUTSIDE_CHANGE,
    )


def _choose(snapshot: Snapshot, voters: list[Seat], outdated: list[Seat]) -> Seat | None:
    """A voter that is down or not Ready already, else the highest follower, else the leader.

    A follower that has left the client Service for it comes before a higher one that has become
    outdated since: clients have had their gap. Nobody while a voter with the template of now is
    not well: the template may be the reason.
    """
    unwell = list(voters_not_serving(snapshot)) or _not_ready(voters)
    if any(seat not in outdated or _is_ending(seat) for seat in unwell):
        return None
    candidates = unwell or outdated
    followers = [s for s in candidates if s.member and s.member.id != snapshot.leader_id]
    begun = [s for s in followers if s.pod and s.pod.role == ROLE_LEAVING]
    return (begun or followers or candidates[:1])[-1]


def _not_ready(voters: list[Seat]) -> list[Seat]:
    return [s for s in voters if s.pod is None or s.pod.deleting or not s.pod.ready]


def _is_ending(seat: Seat) -> bool:
    return seat.pod is None or seat.pod.deleting


def _name_awaited(snapshot: Snapshot, voters: list[Seat]) -> str:
    """Name the voters that the roll waits for, each with the words of Kubernetes if there are."""
    away = {seat.ordinal for seat in voters_not_serving(snapshot)}
    unwell = [s for s in voters if s.ordinal in away or s in _not_ready(voters)]
    names = []
    for seat in unwell:
        name, trouble = snapshot.naming.member(seat.ordinal), seat.pod and seat.pod.problem
        names.append(f"{name} ({trouble.reason}: {trouble.message})" if trouble else name)
    return f"{', '.join(names)} to be ready"


def _replace(snapshot: Snapshot, target: Seat) -> tuple[Action, ...]:
    member, pod = target.member, target.pod
    if member is None or pod is None:
        return ()
    voters, alive = voter_ids(snapshot), serving_ids(snapshot)
    alone = len(voters) == 1
    if not alone and not keeps_quorum_while_down(voters, alive, member.id):
        return ()
    why = _explain(snapshot) if is_outdated(snapshot, pod) else "its address has changed"
    if pod.ephemeral:
        return _replace_with_data(snapshot, target, why)
    return (*transfer_leadership(snapshot, target), stop_pod(pod, why))


def _explain(snapshot: Snapshot) -> str:
    """Say why a Pod is outdated, and which version it gets on the way to which."""
    why, route = "its spec has changed", snapshot.upgrade_route
    return f"{why} ({route[0]} on the way to {route[-1]})" if route else why


def _replace_with_data(snapshot: Snapshot, target: Seat, why: str) -> tuple[Action, ...]:
    """Replace a member whose data goes with its Pod: the others have it, and all of them a vote."""
    member = target.member
    whole = len(voter_ids(snapshot)) == len(snapshot.members) == snapshot.spec.size
    if member is None or not whole:
        return ()
    sound = serving_ids(snapshot) - suspect_ids(snapshot)
    if not keeps_quorum_without(voter_ids(snapshot), sound, member.id):
        return ()
    return (
        *transfer_leadership(snapshot, target),
        *re_add_with_new_disk(snapshot, target, f"{why}, and its member was replaced"),
    )

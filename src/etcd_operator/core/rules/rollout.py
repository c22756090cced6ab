"""Replace Pods that do not match the StatefulSet's template, one member at a time.

The StatefulSet never rolls by itself (OnDelete). First the Pods that never started: whatever kept
them from starting, a corrected spec must reach them. Then, while every voter serves, the followers
from the highest ordinal down, and the leader last, after leadership has been handed over.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, DeleteObject, MoveLeader
from etcd_operator.core.decision import PRESENTLY, Decision
from etcd_operator.core.difference import corrupt_ids
from etcd_operator.core.quorum import (
    keeps_quorum_while_down,
    serving_ids,
    voter_ids,
    voters_not_serving,
)
from etcd_operator.core.rules.replace import Disk, judge_disk
from etcd_operator.core.snapshot import Pod, Seat, Snapshot


def is_outdated(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether a Pod was made from another template than the StatefulSet has now."""
    live = snapshot.statefulset
    wanted = live.body.get("status", {}).get("updateRevision") if live else None
    current = snapshot.statefulset_observed
    return bool(current and wanted and pod.revision and pod.revision != wanted)


def replace_stuck_pods(snapshot: Snapshot) -> Decision | None:
    """Replace Pods whose process never ran, when the template has changed since."""
    stuck = [
        pod
        for pod in snapshot.pods
        if not pod.ever_ran and not pod.deleting and is_outdated(snapshot, pod)
    ]
    if not stuck:
        return None
    why = "it never started and the spec has changed"
    return Decision(
        reason="ReplacingPods",
        message=f"Replacing {', '.join(p.name for p in stuck)}: the spec was corrected.",
        phase=snapshot.cluster.status.phase or Phase.CREATING,
        actions=tuple(DeleteObject("Pod", pod.name, pod.uid, why) for pod in stuck),
        wake_after=PRESENTLY,
    )


def restart_joiners(snapshot: Snapshot) -> Decision | None:
    """Replace the Pod of a member that never served and crashes: it waits out a long back-off.

    Its process may have started while its gate was still closed. It has no data.
    """
    stuck = [
        seat.pod
        for seat in snapshot.seats()
        if seat.member
        and not seat.member.started
        and seat.pod
        and seat.pod.restarts >= 1
        and not seat.pod.running
        and not seat.pod.deleting
        and judge_disk(seat) in (None, Disk.EMPTY)
    ]
    if not stuck or not snapshot.quorum_confirmed:
        return None
    why = "it crashed before it could join; its configuration is right now"
    return Decision(
        reason="RestartingJoiners",
        message=f"Restarting {', '.join(p.name for p in stuck)}, which could not join yet.",
        phase=Phase.SCALING,
        actions=tuple(DeleteObject("Pod", pod.name, pod.uid, why) for pod in stuck),
        wake_after=PRESENTLY,
    )


def roll(snapshot: Snapshot) -> Decision | None:
    """Roll the next outdated member, if all the others are well."""
    seats = [seat for seat in snapshot.seats() if seat.member]
    outdated = [s for s in seats if s.pod and is_outdated(snapshot, s.pod)]
    if not outdated:
        return None
    done = len(seats) - len(outdated)
    progress = f"{done} of {len(seats)} members are up to date"
    target = _choose(snapshot, outdated)
    if target is None:
        return Decision(
            reason="RollWaiting",
            message=f"Rolling: {progress}; waiting until every member serves.",
            phase=Phase.UPGRADING,
            wake_after=PRESENTLY,
        )
    return Decision(
        reason="Rolling",
        message=f"Rolling {snapshot.naming.member(target.ordinal)}: {progress}.",
        phase=Phase.UPGRADING,
        actions=_replace(snapshot, target),
        wake_after=PRESENTLY,
    )


def _choose(snapshot: Snapshot, outdated: list[Seat]) -> Seat | None:
    """An outdated member that is down already, else the highest follower, else the leader."""
    away = voters_not_serving(snapshot)
    if away:
        fixable = [seat for seat in away if seat in outdated and seat.pod and not seat.pod.deleting]
        return fixable[-1] if len(away) == 1 and fixable else None
    if any(
        seat.pod is None or seat.pod.deleting or not seat.pod.ready for seat in snapshot.seats()
    ):
        return None
    followers = [s for s in outdated if s.member and s.member.id != snapshot.leader_id]
    return followers[-1] if followers else outdated[0]


def _replace(snapshot: Snapshot, target: Seat) -> tuple[Action, ...]:
    member, pod = target.member, target.pod
    if member is None or pod is None:
        return ()
    voters, alive = voter_ids(snapshot), serving_ids(snapshot)
    alone = len(voters) == 1
    if not alone and not keeps_quorum_while_down(voters, alive, member.id):
        return ()
    delete = DeleteObject("Pod", pod.name, pod.uid, "its spec has changed")
    return (*hand_over(snapshot, target), delete)


def hand_over(snapshot: Snapshot, seat: Seat) -> tuple[Action, ...]:
    """Move leadership away from a member that is about to serve nobody, if it leads."""
    member = seat.member
    if member is None or member.id != snapshot.leader_id:
        return ()
    able = serving_ids(snapshot) & voter_ids(snapshot) - {member.id}
    heirs = [(s.member.id, s) for s in snapshot.seats() if s.member and s.member.id in able]
    if not heirs:
        return ()
    wrong = corrupt_ids(snapshot)
    # New members learn from the leader: rather one whose data is right, and that is to stay.
    heir_id, heir = min(
        heirs, key=lambda h: (h[0] in wrong, bool(h[1].pod and h[1].pod.replace_asked))
    )
    cluster_id = snapshot.live_cluster_id
    return (MoveLeader(seat.ordinal, member.id, heir.ordinal, heir_id, cluster_id),)

"""Give running Pods the CPU and memory of the template, one at a time and without a restart.

As in a roll the next one follows when every voter serves and is Ready: less memory may be too
little. A Pod that has what the template says gets its revision, and is up to date from then on.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, ResizePod, SetPodRevision
from etcd_operator.core.model.decision import POD_START, Decision
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.quorum import (
    keeps_quorum_while_down,
    serving_ids,
    voter_ids,
    voters_not_serving,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import routine
from etcd_operator.core.rollout.resizing import (
    Resize,
    find_resize,
    hash_compute,
    wanted_compute,
    wanted_resources,
)
from etcd_operator.wording import part_of


def resize_pods(snapshot: Snapshot) -> Decision | None:
    """Resize the next Pod of a voter, or wait for the one that is being resized."""
    pods = [
        seat.pod
        for seat in snapshot.seats()
        if seat.member and not seat.member.is_learner and seat.pod and _differs(snapshot, seat.pod)
    ]
    states = {pod.name: find_resize(snapshot, pod) for pod in pods}
    done, asked, wanted = (
        [pod for pod in pods if states[pod.name] is state]
        for state in (Resize.DONE, Resize.ASKED, Resize.WANTED)
    )
    if done:
        names = ", ".join(pod.name for pod in done)
        return _decide(f"Resized {names}.", tuple(_adopt(snapshot, pod) for pod in done))
    if asked:
        waits = ", ".join(_name_with_wait(pod) for pod in asked)
        return _decide(f"Resizing without a restart; waiting for {waits}.", ())
    if not wanted or not _can_do_without(snapshot, wanted[-1]):
        return None
    left = f"{part_of(len(wanted), len(pods), 'Pod', 'are')} left"
    message = f"Resizing Pod {wanted[-1].name} without a restart; {left}."
    return _decide(message, (_resize(snapshot, wanted[-1]),))


def _decide(message: str, actions: tuple[Action, ...]) -> Decision:
    return Decision(
        reason=routine.RESIZING_PODS,
        message=message,
        phase=Phase.UPGRADING,
        actions=actions,
        requeue_after=POD_START,
    )


def _name_with_wait(pod: Pod) -> str:
    return f"{pod.name} ({pod.resize_waits})" if pod.resize_waits else pod.name


def _differs(snapshot: Snapshot, pod: Pod) -> bool:
    return snapshot.statefulset_observed and not snapshot.is_current(pod)


def _can_do_without(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether all voters are well, and the others would be a majority without this one's."""
    voters = [seat for seat in snapshot.seats() if seat.member and not seat.member.is_learner]
    if not all(seat.pod and seat.pod.ready and not seat.pod.deleting for seat in voters):
        return False
    if list(voters_not_serving(snapshot)):
        return False
    member = snapshot.seat(pod.ordinal).member
    ids = voter_ids(snapshot)
    return len(ids) == 1 or bool(
        member and keeps_quorum_while_down(ids, serving_ids(snapshot), member.id)
    )


def _resize(snapshot: Snapshot, pod: Pod) -> ResizePod:
    return ResizePod(
        pod.name,
        pod.uid,
        pod.resource_version,
        hash_compute(wanted_compute(snapshot)),
        snapshot.now,
        wanted_resources(snapshot),
    )


def _adopt(snapshot: Snapshot, pod: Pod) -> SetPodRevision:
    live = snapshot.statefulset
    revision = live.update_revision if live else ""
    return SetPodRevision(pod.name, pod.uid, pod.resource_version, revision)

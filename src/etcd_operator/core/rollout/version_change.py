"""Versions that cannot follow, and what etcd has to do before one can.

A downgrade is etcd's own: it stores as the version before does, and says when every disk can be
read. What forces the snapshots that 3.7 needs is the same, taken back when they are written.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.api.release import STEPS_DOWN, Minor, Version
from etcd_operator.core.actions import SetDowngrade
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.quorum import all_serve, serving_ids
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rollout.stop_pod import stop_pod
from etcd_operator.core.rollout.upgrade_route import describe_route
from etcd_operator.core.rollout.versions import (
    BETWEEN,
    find_lie,
    find_obstacle,
    read_record,
    stores_as_it_runs,
)

# How a new member ends that etcd lets not join for its version (server/etcdserver/bootstrap.go).
INCOMPATIBLE: Final = "incompatible with current running cluster"


def refuse_image(snapshot: Snapshot) -> Decision | None:
    """Roll nothing more when members say that the image has another etcd than the spec says.

    The rules for versions go by what the spec calls the image: here they would be wrong.
    """
    lie = find_lie(snapshot)
    if lie is None or snapshot.recorded_cluster_id is None:
        return None
    runs, verb = Version.of(lie.release), "run" if len(lie.members) > 1 else "runs"
    return Decision(
        reason=attention.VERSION_DIFFERS,
        message=(
            f"{', '.join(lie.members)} {verb} etcd {runs} from image {snapshot.template_image}, "
            f"{_correct_image(snapshot)}"
        ),
        phase=Phase.RUNNING,
        requeue_after=OUTSIDE_CHANGE,
    )


def _correct_image(snapshot: Snapshot) -> str:
    """Say which version the image should have, and where to correct that."""
    version, route = snapshot.spec.version, snapshot.upgrade_route
    if route:
        return (
            f"which should have {route[0]} on the way to {route[-1]}: correct it in the ConfigMap "
            "of spec.imageCatalogRef, or in spec.repository."
        )
    return (
        f"and spec.version says {version}: correct spec.version, or name an image of that "
        "version in spec.image."
    )


def refuse_version(snapshot: Snapshot) -> Decision | None:
    """Roll nothing to a version that cannot follow the one that members run."""
    obstacle = find_obstacle(snapshot, snapshot.spec)
    if obstacle is None or obstacle.target or obstacle.passes:
        return None
    return Decision(
        reason=attention.VERSION_REFUSED,
        message=obstacle.sentence,
        phase=Phase.RUNNING,
        requeue_after=OUTSIDE_CHANGE,
    )


def prepare_version(snapshot: Snapshot) -> Decision | None:
    """Have etcd make its disks ready for the version, while every member serves."""
    obstacle = find_obstacle(snapshot, snapshot.spec)
    if obstacle is None or not (obstacle.target or obstacle.passes):
        return None
    what = f"Preparing for {snapshot.spec.tag}"
    if obstacle.target is None:
        return _tell(snapshot, f"{what}: waiting until {obstacle.sentence}.")
    asked = _find_target(snapshot)
    written = obstacle.target != snapshot.spec.minor and _are_written(snapshot)
    if asked and asked != obstacle.target:
        return _end(snapshot)
    if asked and written:
        return _tell(snapshot, f"{what}: the snapshots are written.", "")
    if asked or written:
        return _tell(snapshot, f"{what}: waiting until {obstacle.sentence}.")
    if not _can_change(snapshot):
        return _tell(snapshot, f"{what}: {_name_awaited(snapshot)}")
    target = Version.name_minor(obstacle.target)
    return _tell(snapshot, f"{what}: {obstacle.sentence}.", target)


def end_downgrade(snapshot: Snapshot) -> Decision | None:
    """End a downgrade that the spec does not ask for: it went back, or somebody else began it."""
    asked = _find_target(snapshot)
    return _end(snapshot) if asked and asked != snapshot.spec.minor else None


def end_downgrade_for_learners(snapshot: Snapshot) -> Decision | None:
    """End a downgrade, whoever began it, while a member is to join, for nobody joins during one.

    A new member then wants a cluster one minor version above itself, and the cluster's version went
    down when the downgrade began (`allowedVersionRange` in server/etcdserver/cluster_util.go). The
    cluster's version stays down until every member has said its own, so one of either version can
    join now. Members of 3.5 do not tell of a downgrade: there the new member's own words count.
    """
    joining = [s for s in snapshot.seats() if s.member and not s.member.started]
    if not snapshot.quorum_confirmed or not any(s.member and s.member.is_learner for s in joining):
        return None
    refused = [seat.pod for seat in joining if seat.pod and _is_refused(seat.pod)]
    told = any(status.minor in STEPS_DOWN for status in snapshot.member_statuses)
    if not _find_target(snapshot) and (told or not refused):
        return None
    names = ", ".join(snapshot.naming.member(seat.ordinal) for seat in joining)
    why = "etcd refused it for its version during a downgrade, which has ended"
    return Decision(
        reason=routine.ENDING_DOWNGRADE,
        message=f"Ending the downgrade until {names} can vote: during one etcd lets nobody join.",
        phase=Phase.UPGRADING,
        actions=(
            SetDowngrade("", snapshot.live_cluster_id),
            *(stop_pod(pod, why) for pod in refused),
        ),
        requeue_after=POD_START,
    )


def _is_refused(pod: Pod) -> bool:
    """Whether a Pod crashed because etcd let it not join for its version."""
    waits = pod.restarts >= 1 and not (pod.running or pod.deleting or pod.replace_asked)
    return waits and INCOMPATIBLE in pod.termination_message


def _find_target(snapshot: Snapshot) -> Minor | None:
    """Return where etcd's downgrade goes, by what members say; None if there is none."""
    return next((s.downgrade_minor for s in snapshot.member_statuses if s.downgrade_target), None)


def _end(snapshot: Snapshot) -> Decision:
    return Decision(
        reason=routine.ENDING_DOWNGRADE,
        message=f"Ending the downgrade: spec.version is {snapshot.cluster.spec.version}.",
        phase=Phase.UPGRADING,
        actions=(SetDowngrade("", snapshot.live_cluster_id),),
        requeue_after=POD_START,
    )


def _tell(snapshot: Snapshot, message: str, target: str | None = None) -> Decision:
    action = () if target is None else (SetDowngrade(target, snapshot.live_cluster_id),)
    return Decision(
        reason=routine.PREPARING_VERSION,
        message=f"{message}{describe_route(snapshot)}",
        phase=Phase.UPGRADING,
        actions=action,
        requeue_after=POD_START,
    )


def _are_written(snapshot: Snapshot) -> bool:
    """Whether it is recorded that every member has written a snapshot since it ran 3.5."""
    record = read_record(snapshot)
    return record is not None and record.log >= BETWEEN


def _can_change(snapshot: Snapshot) -> bool:
    """Whether etcd can change the version of the cluster.

    Its leader asks every member for its own version, learners too, and waits for the last answer
    (server/etcdserver/version/monitor.go): to begin beside a late joiner would gain nothing. And it
    goes down from the version that its members run alone.
    """
    voters_only = not any(member.is_learner for member in snapshot.members)
    return all_serve(snapshot) and voters_only and stores_as_it_runs(snapshot)


def _name_awaited(snapshot: Snapshot) -> str:
    """Say which members are waited for, and what helps where one cannot join."""
    members = [(seat, seat.member) for seat in snapshot.seats() if seat.member]
    joining = [seat.ordinal for seat, member in members if member.is_learner]
    if joining:
        names = ", ".join(snapshot.naming.member(ordinal) for ordinal in joining)
        return (
            f"waiting until {names} can vote, for etcd asks every member for its version, learners "
            "too. One that cannot come up leaves when spec.size is again what it was."
        )
    if all_serve(snapshot):
        return "waiting until etcd stores as the version that its members run."
    serving = serving_ids(snapshot)
    away = [seat.ordinal for seat, m in members if m.id not in serving or not _is_ready(seat)]
    names = ", ".join(snapshot.naming.member(ordinal) for ordinal in away)
    return f"waiting until {names} can serve."


def _is_ready(seat: Seat) -> bool:
    return seat.pod is not None and seat.pod.ready and not seat.pod.deleting

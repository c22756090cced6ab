"""Look after the space that the database uses: alarms, history that is kept, unused pages.

etcd refuses writes once its file has the size of its quota, until somebody makes room and takes the
alarm back. Room is made by removing the history of keys (compaction), then by writing each file
anew without its unused pages (defragmentation). A member serves nobody meanwhile, so it is one at
a time, the leader last, and only while every voter answers.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.api.etcd_config import DEFAULT_QUOTA
from etcd_operator.api.maintenance import Defragmentation, DefragmentationWindow
from etcd_operator.core.actions import Action, Compact, Defragment, DisarmAlarm
from etcd_operator.core.consistency.divergence import (
    explain,
    explain_alarm_in_vain,
    find_divergence,
)
from etcd_operator.core.membership.steps import transfer_leadership
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.members import CORRUPT, NO_SPACE, MemberStatus
from etcd_operator.core.model.naming import ANNOTATION_CONFIG
from etcd_operator.core.model.quorum import all_serve, serving_ids, voters_not_serving
from etcd_operator.core.model.requests import (
    SMALLEST_FILE,
    is_defragmentation_asked,
    is_worth_defragmenting,
)
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.objects.etcd_config import render_tuning
from etcd_operator.core.objects.metadata import fingerprint
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rollout.outdated import is_outdated

# The alarm comes back with the next write unless there is some room.
ROOM: Final = 0.1


def disarm_corrupt(snapshot: Snapshot) -> Decision | None:
    """Take back the alarm about corrupt data when the member that had it is gone."""
    members = {member.id for member in snapshot.members}
    left = [(a, m) for a, m in sorted(snapshot.alarms) if a == CORRUPT and m not in {0, *members}]
    if not left:
        return None
    return Decision(
        reason=routine.DISARMING_ALARM,
        message="The member with corrupt data was removed: disarming its alarm.",
        phase=_keep_phase(snapshot),
        actions=tuple(DisarmAlarm(a, m, snapshot.live_cluster_id) for a, m in left),
        requeue_after=POD_START,
    )


def report_divergence(snapshot: Snapshot) -> Decision | None:
    """Members differ, and nobody knows who is right: change nothing until a person says it.

    Because no majority agrees, or because a member that was replaced for its data differs again.
    """
    divergence = find_divergence(snapshot)
    if divergence is None or divergence.wrong or any(pod.replace_asked for pod in snapshot.pods):
        return None
    return Decision(
        reason=attention.DATA_DIFFERS,
        message=f"{explain(snapshot, divergence)} Nothing is removed until a person has decided "
        "who is right: make that member the leader with `etcdctl move-leader`, then replace the "
        "others one by one with the annotation etcd.etcd.io/replace-member=true on their Pods. If "
        "none is right, restore a backup in place.",
        phase=_keep_phase(snapshot),
        requeue_after=OUTSIDE_CHANGE,
    )


def free_space(snapshot: Snapshot) -> Decision | None:
    """The quota is used up: remove history, defragment, take the alarm back; one step a pass."""
    full = sorted(member for alarm, member in snapshot.alarms if alarm == NO_SPACE)
    allowed = snapshot.spec.maintenance.free_space == "Automatic"
    if not full or not allowed or voters_not_serving(snapshot):
        return None
    actions = _make_room(snapshot)
    if not actions and _has_room(snapshot):
        actions = tuple(DisarmAlarm(NO_SPACE, each, snapshot.live_cluster_id) for each in full)
    if not actions:
        return None
    decision = Decision(
        reason=routine.FREEING_SPACE,
        message="etcd refuses writes: its space quota is exceeded. Freeing space.",
        phase=_keep_phase(snapshot),
        actions=actions,
        requeue_after=POD_START,
    )
    return _wait_for_others(decision, snapshot)


def report_alarms(snapshot: Snapshot) -> Decision | None:
    """Say what an alarm is about when the operator can do nothing about it."""
    alarms = {alarm for alarm, _ in snapshot.alarms}
    if CORRUPT in alarms:
        return Decision(
            reason=attention.CORRUPT_DATA,
            message="etcd refuses to work, because members do not have the same data, and which of "
            f"them is right has to be decided by a person.{explain_alarm_in_vain(snapshot)}",
            phase=_keep_phase(snapshot),
            requeue_after=OUTSIDE_CHANGE,
        )
    if NO_SPACE not in alarms:
        return None
    return Decision(
        reason=attention.QUOTA_EXCEEDED,
        message=f"etcd refuses writes: its space quota is exceeded. {_advise(snapshot)}",
        phase=_keep_phase(snapshot),
        requeue_after=1.0,
    )


def defragment(snapshot: Snapshot) -> Decision | None:
    """The next member whose file has much unused space, while everything is well.

    By routine, or because somebody asked for it within the last hour.
    """
    if not _serves_without_alarms(snapshot):
        return None
    target = next((seat for seat in _order(snapshot) if _is_worth_it(snapshot, seat)), None)
    if target is None or target.member is None:
        return None
    name = snapshot.naming.member(target.ordinal)
    decision = Decision(
        reason=routine.DEFRAGMENTING,
        message=f"Defragmenting {name}: much of its database file is unused.",
        phase=_keep_phase(snapshot),
        actions=(*transfer_leadership(snapshot, target), _defragment(snapshot, target)),
        requeue_after=POD_START,
    )
    return _wait_for_others(decision, snapshot)


def is_about_to_defragment(snapshot: Snapshot) -> bool:
    """Whether it matters if a member is being defragmented already, whoever began it."""
    if not snapshot.quorum_confirmed:
        return False
    decisions = filter(None, (free_space(snapshot), defragment(snapshot)))
    return any(_defragments(decision) for decision in decisions)


def _defragments(decision: Decision) -> bool:
    return any(isinstance(action, Defragment) for action in decision.actions)


def _wait_for_others(decision: Decision, snapshot: Snapshot) -> Decision:
    """Begin no second defragmentation: etcd goes on with one whose call was cut off.

    A request that waits behind another at the same member begins when that member seems to be well
    again. So nobody is asked while any member, by its own metrics, is at it.
    """
    busy = [ordinal for ordinal, probe in sorted(snapshot.probes.items()) if probe.defragmenting]
    if not busy or not _defragments(decision):
        return decision
    names = ", ".join(snapshot.naming.member(ordinal) for ordinal in busy)
    waits = f"Waiting: {names} may be in the middle of a defragmentation."
    return replace(decision, message=f"{decision.message} {waits}", actions=())


def _keep_phase(snapshot: Snapshot) -> Phase:
    return snapshot.cluster.status.phase or Phase.RUNNING


def _make_room(snapshot: Snapshot) -> tuple[Action, ...]:
    """The next step that frees space; none if nothing is left to free."""
    seats = _order(snapshot)
    if snapshot.compacted is False and seats:
        newest = max(_status(seat).revision for seat in seats)
        compact = Compact(newest, snapshot.live_cluster_id)
        return (compact, _defragment(snapshot, seats[0]))
    target = next((seat for seat in seats if _unused(seat) >= ROOM), None)
    return (_defragment(snapshot, target),) if target else ()


def _order(snapshot: Snapshot) -> list[Seat]:
    """The members that serve, the leader last."""
    serving = serving_ids(snapshot)
    seats = [seat for seat in snapshot.seats() if seat.member and seat.member.id in serving]
    return sorted(seats, key=lambda seat: _status(seat).member_id == snapshot.leader_id)


def _defragment(snapshot: Snapshot, seat: Seat) -> Defragment:
    return Defragment(seat.ordinal, _status(seat).member_id, snapshot.live_cluster_id)


def _status(seat: Seat) -> MemberStatus:
    assert seat.probe and seat.probe.status  # noqa: S101, PT018 (narrowing: it serves)
    return seat.probe.status


def _unused(seat: Seat) -> float:
    """The part of a member's file that holds nothing."""
    status = _status(seat)
    return 1 - status.db_size_in_use / status.db_size if status.db_size else 0.0


def _has_room(snapshot: Snapshot) -> bool:
    """Whether writes would succeed again, with the quota that members have and not will have."""
    outdated = any(seat.pod and is_outdated(snapshot, seat.pod) for seat in snapshot.seats())
    if outdated or not _is_template_settled(snapshot):
        return False
    return all(
        _status(seat).db_size < (1 - ROOM) * quota_of(snapshot, _status(seat))
        for seat in _order(snapshot)
    )


def _is_template_settled(snapshot: Snapshot) -> bool:
    """Whether the StatefulSet has the settings of the spec, and its controller has seen them."""
    live = snapshot.statefulset
    body = live.body if live else {}
    annotations = body.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations")
    tuning = render_tuning(snapshot.spec)
    wanted = fingerprint(tuning) if tuning else None
    return snapshot.statefulset_observed and (annotations or {}).get(ANNOTATION_CONFIG) == wanted


def quota_of(snapshot: Snapshot, status: MemberStatus) -> int:
    """The size of its database at which a member refuses writes: it says so itself from 3.6 on."""
    config = snapshot.spec.etcd_config
    return status.db_size_quota or (config and config.quota_backend_bytes) or DEFAULT_QUOTA


def _advise(snapshot: Snapshot) -> str:
    if snapshot.spec.maintenance.free_space == "Never":
        return (
            "Compact, defragment and disarm the alarm with etcdctl, or set "
            "spec.maintenance.freeSpace to Automatic."
        )
    if voters_not_serving(snapshot):
        return "Space is freed when every member answers."
    config = snapshot.spec.etcd_config
    field = "storage.size" if config and config.quota else "etcdConfig.quotaBackendBytes"
    return f"Nothing that could be freed is left: delete keys, or raise spec.{field}."


def _serves_without_alarms(snapshot: Snapshot) -> bool:
    return all_serve(snapshot) and not snapshot.alarms


def _is_worth_it(snapshot: Snapshot, seat: Seat) -> bool:
    status = _status(seat)
    if is_defragmentation_asked(snapshot.cluster.annotations, snapshot.now):
        return is_worth_defragmenting(status.db_size, status.db_size_in_use)
    routine = snapshot.spec.maintenance.defragmentation
    if routine is None or not _is_in_window(routine, snapshot.now):
        return False
    large = status.db_size >= max(int(routine.minimum_size.value), SMALLEST_FILE)
    return large and _unused(seat) * 100 >= routine.unused_percent


def _is_in_window(routine: Defragmentation, now: datetime) -> bool:
    window = routine.window
    return window is None or any(
        begin <= now < begin + window.duration.length
        for begin in (_begin(window, now), _begin(window, now - timedelta(days=1)))
    )


def _begin(window: DefragmentationWindow, day: datetime) -> datetime:
    """When the window of this day begins; it may end on the next."""
    return datetime.combine(day.date(), time.fromisoformat(window.start), tzinfo=day.tzinfo)

"""Peer URLs: changed member by member while TLS between members is turned on or off."""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import UpdateMember
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.peer_stage import PeerMode, PeerStage
from etcd_operator.core.model.peer_tls import find_recorded_stage
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.peer_tls.machine import (
    find_obstacle,
    find_step,
    has_certificate,
    is_at_goal,
    list_awaited,
    list_schemes,
)
from etcd_operator.core.reasons import attention, routine


def restore_peer_urls(snapshot: Snapshot) -> Decision | None:
    """List each member at the URL at which it listens: others cannot reach it otherwise.

    A client of etcd may have changed the URL, or a recovery have brought the list of before back.
    """
    stage = find_recorded_stage(snapshot.children, snapshot.naming)
    if stage is None or snapshot.recorded_cluster_id is None:
        return None
    lost = [seat for seat in snapshot.seats() if _is_listed_elsewhere(snapshot, seat, stage)]
    if not lost:
        return None
    return _change(snapshot, lost, ("http", "https"))


def _is_listed_elsewhere(snapshot: Snapshot, seat: Seat, stage: PeerStage) -> bool:
    member = seat.member
    if member is None or not member.started:
        return False
    ours = snapshot.naming.gives_urls(seat.ordinal, member.peer_urls)
    return ours and stage.scheme not in list_schemes(seat)


def change_peer_urls(snapshot: Snapshot) -> Decision | None:
    """Take the step with peer URLs that is due on the way to TLS between members, or from it."""
    step = find_step(snapshot)
    if step is None or step.schemes is None:
        return None
    wanted = set(step.schemes)
    left = [seat for seat in snapshot.seats() if seat.member and set(list_schemes(seat)) != wanted]
    return _change(snapshot, left, step.schemes) if left else None


def _change(snapshot: Snapshot, seats: list[Seat], schemes: tuple[str, ...]) -> Decision:
    naming, cluster_id = snapshot.naming, snapshot.live_cluster_id
    plain, secure = "http" in schemes, "https" in schemes
    updates = []
    for seat in seats:
        both = naming.peer_urls(seat.ordinal)
        urls = tuple(url for url, kept in zip(both, (plain, secure), strict=True) if kept)
        if seat.member:
            updates.append(UpdateMember(seat.ordinal, seat.member.id, urls, cluster_id))
    names = ", ".join(naming.member(seat.ordinal) for seat in seats)
    return Decision(
        reason=routine.CHANGING_PEER_TLS,
        message=f"TLS between members: listing {names} at {' and '.join(schemes)} URLs in etcd.",
        phase=Phase.UPGRADING,
        actions=tuple(updates),
    )


def wait_to_change_peer_tls(snapshot: Snapshot) -> Decision | None:
    """Say that TLS between members is not as the spec has it yet, and what the next step waits for.

    The step that writes other files is taken by itself, with the corrections of objects.
    """
    stage = find_recorded_stage(snapshot.children, snapshot.naming)
    if stage is None or snapshot.recorded_cluster_id is None or is_at_goal(snapshot, stage):
        return None
    wanted = "on" if snapshot.cluster.spec.peer_tls else "off"
    why = find_obstacle(snapshot)
    if not why and stage.mode is PeerMode.OFF and not has_certificate(snapshot):
        why = f"Secret {snapshot.naming.peer_secret} has no certificate yet"
    if why:
        return Decision(
            reason=attention.PEER_TLS_WAITS,
            message=f"TLS between members is to be turned {wanted}, and waits: {why}.",
            phase=snapshot.cluster.status.phase or Phase.RUNNING,
            requeue_after=OUTSIDE_CHANGE,
        )
    awaited = "" if find_step(snapshot) else ", ".join(list_awaited(snapshot))
    doing = (
        f"waiting for {awaited} to be ready" if awaited else "writing the files of the next step"
    )
    return Decision(
        reason=routine.CHANGING_PEER_TLS,
        message=f"Turning TLS between members {wanted}: {doing}.",
        phase=Phase.UPGRADING,
        requeue_after=POD_START,
    )

"""The rule that lets another member lead, because somebody asked for it."""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import MoveLeader
from etcd_operator.core.model.decision import POD_START, Decision
from etcd_operator.core.model.quorum import all_serve, voter_ids
from etcd_operator.core.model.requests import find_wanted_leader
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.reasons import routine


def move_leader(snapshot: Snapshot) -> Decision | None:
    """By a request that is minutes old: while all is well, a voter that serves becomes leader."""
    wanted = find_wanted_leader(snapshot.cluster.annotations, snapshot.now)
    if not wanted or snapshot.alarms or not all_serve(snapshot):
        return None
    members = {seat.member.id: seat for seat in snapshot.seats() if seat.member}
    leader = members.get(snapshot.leader_id)
    target = next((i for i, seat in members.items() if _name(snapshot, seat) == wanted), None)
    if leader is None or target == snapshot.leader_id or target not in voter_ids(snapshot):
        return None
    return Decision(
        reason=routine.MOVING_LEADER,
        message=f"Leadership goes to {wanted}, because that was asked for.",
        phase=snapshot.cluster.status.phase or Phase.RUNNING,
        actions=(
            MoveLeader(
                leader.ordinal,
                snapshot.leader_id,
                members[target].ordinal,
                target,
                snapshot.live_cluster_id,
            ),
        ),
        requeue_after=POD_START,
    )


def _name(snapshot: Snapshot, seat: Seat) -> str:
    return snapshot.naming.member(seat.ordinal)

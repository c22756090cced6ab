"""Say what a change of size waits for, after everything that may be its remedy, or is due anyway.

A disk that was kept, a claim of somebody else or a finalizer may stay for ever. A roll, an upgrade,
a change of authority and the users of etcd wait for none of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from etcd_operator.api.cluster import Phase
from etcd_operator.core.consistency.divergence import suspect_ids
from etcd_operator.core.membership.foreign_claims import foreign_claim
from etcd_operator.core.membership.growth import (
    find_left_disks,
    find_missing,
    joining,
    name_disks,
    waits_for_leftovers,
)
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.quorum import voters_not_serving
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.reasons.reason import Reason


def wait_to_shrink(snapshot: Snapshot) -> Decision | None:
    """Say why nobody can leave, when nothing else can be done about it either."""
    size = snapshot.spec.size
    leaving = [seat.ordinal for seat in snapshot.seats() if seat.member and seat.ordinal >= size]
    if not leaving:
        return None
    suspects = suspect_ids(snapshot)
    away = {seat.ordinal for seat in voters_not_serving(snapshot)}
    away |= {s.ordinal for s in snapshot.seats() if s.member and s.member.id in suspects}
    unhealthy = f"{_name(snapshot, away)} {'is' if len(away) == 1 else 'are'} unhealthy"
    return Decision(
        reason=attention.QUORUM_AT_RISK,
        message=(
            f"Scale-in is waiting: removing {_name(snapshot, leaving)} would lose quorum while "
            f"{unhealthy}."
        ),
        phase=Phase.SCALING,
        requeue_after=POD_START,
    )


def _name(snapshot: Snapshot, ordinals: Iterable[int]) -> str:
    return ", ".join(snapshot.naming.member(ordinal) for ordinal in sorted(ordinals))


def wait_to_grow(snapshot: Snapshot) -> Decision | None:
    """Say why the lowest missing member cannot be announced yet."""
    missing = find_missing(snapshot)
    if not missing or joining(snapshot):
        return None
    first = missing[0]
    if (away := voters_not_serving(snapshot)) != ():
        names = ", ".join(snapshot.naming.member(seat.ordinal) for seat in away)
        return _not_yet(
            attention.MEMBER_UNAVAILABLE, f"Scale-out is waiting for {names} to answer.", POD_START
        )
    if foreign := foreign_claim(snapshot, first):
        return _refuse_foreign_claim(foreign)
    return _wait_for_disk(snapshot, first) if waits_for_leftovers(snapshot, first) else None


def wait_for_left_disks(snapshot: Snapshot) -> Decision | None:
    """Say which disks of removed members have yet to go: a finalizer may keep one for ever."""
    left = find_left_disks(snapshot)
    if not left:
        return None
    return Decision(
        reason=routine.DELETING_DISKS,
        message=f"Deleting the disks of removed members: {name_disks(left)}.",
        phase=Phase.SCALING,
        requeue_after=POD_START,
    )


def _refuse_foreign_claim(name: str) -> Decision:
    return _not_yet(
        attention.FOREIGN_CLAIM,
        f"PersistentVolumeClaim {name} has the name of the next member's disk, and was not made "
        "for this cluster. Delete it if its data is not needed; then the cluster scales out.",
        OUTSIDE_CHANGE,
    )


def _wait_for_disk(snapshot: Snapshot, ordinal: int) -> Decision:
    kept = [claim.name for claim in snapshot.seat(ordinal).claims if not claim.deleting]
    retained = snapshot.spec.storage.retention_policy.when_scaled == "Retain"
    if kept and retained:
        return _not_yet(
            attention.RETAINED_DISK_EXISTS,
            f"PersistentVolumeClaim {', '.join(kept)} was retained when the cluster was scaled in, "
            "as spec.storage.retentionPolicy.whenScaled wants: delete it to let the cluster scale "
            "out.",
            OUTSIDE_CHANGE,
        )
    name = snapshot.naming.member(ordinal)
    return _not_yet(
        routine.WAITING_FOR_DISKS,
        f"Scale-out is waiting: the old disk of {name} is being deleted.",
        1.0,
    )


def _not_yet(reason: Reason, message: str, requeue_after: float) -> Decision:
    return Decision(
        reason=reason, message=message, phase=Phase.SCALING, requeue_after=requeue_after
    )

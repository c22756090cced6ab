"""Members that are missing, and what keeps one from being added."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.membership.foreign_claims import foreign_claim
from etcd_operator.core.model.members import Member
from etcd_operator.core.model.quorum import silent_source_members, voters_not_serving
from etcd_operator.core.model.snapshot import Seat, Snapshot

# The first minor version of etcd that takes more than one learner (`max-learners`).
SEVERAL_LEARNERS: Final = (3, 6)


def find_left_disks(snapshot: Snapshot) -> list[Seat]:
    """The seats of removed members whose disks are to go, or are going."""
    if snapshot.spec.storage.retention_policy.when_scaled == "Retain":
        return []
    return [
        seat
        for seat in snapshot.seats()
        if any(claim.owner_uid == snapshot.naming.uid for claim in seat.claims)
        and not seat.member
        and not is_within(snapshot, seat.ordinal)
    ]


def name_disks(seats: list[Seat]) -> str:
    """The names of the claims of these seats."""
    return ", ".join(claim.name for seat in seats for claim in seat.claims)


def is_held_back(snapshot: Snapshot, ordinal: int) -> bool:
    """Whether a member cannot be announced there yet; `wait_to_grow` says why."""
    return bool(
        voters_not_serving(snapshot)
        or silent_source_members(snapshot)
        or foreign_claim(snapshot, ordinal)
        or waits_for_leftovers(snapshot, ordinal)
    )


def joining(snapshot: Snapshot) -> list[Seat]:
    """The learners that do not serve yet."""
    return [seat for seat in learners(snapshot) if not seat.serves(snapshot.live_cluster_id)]


def may_announce_next(snapshot: Snapshot) -> bool:
    """Whether another learner can be announced while those of before have no vote yet."""
    missing, announced = find_missing(snapshot), learners(snapshot)
    return bool(
        missing
        and announced
        and all(member_of(seat).started for seat in announced)
        and not is_held_back(snapshot, missing[0])
        and _takes_several_learners(snapshot)
    )


def find_missing(snapshot: Snapshot) -> list[int]:
    """The ordinals below the size that are no member's, the lowest first."""
    taken = {seat.ordinal for seat in snapshot.seats() if seat.member}
    return [ordinal for ordinal in range(snapshot.spec.size) if ordinal not in taken]


def is_within(snapshot: Snapshot, ordinal: int) -> bool:
    """Whether the StatefulSet keeps a Pod and a disk for it, because a higher one is a member.

    Somebody removed the member in between, or a replacement was cut off: the disk goes when the
    next member is announced there.
    """
    return any(seat.member and seat.ordinal > ordinal for seat in snapshot.seats())


def waits_for_leftovers(snapshot: Snapshot, ordinal: int) -> bool:
    """Whether an old Pod or disk has to go before a member can be announced there."""
    seat = snapshot.seat(ordinal)
    remains = bool(seat.claims) or seat.pod is not None
    return remains and not is_within(snapshot, ordinal)


def _takes_several_learners(snapshot: Snapshot) -> bool:
    """Whether every voter runs 3.6 or later, and has the max-learners setting of the operator.

    Each member counts learners by its own setting when it applies a change: where one has another,
    their lists of members would differ. While members are about to run 3.5, their files have none.
    """
    if snapshot.ownership.taken_over or snapshot.rendered_spec.minor < SEVERAL_LEARNERS:
        return False
    for seat in snapshot.seats():
        if seat.member and not seat.member.is_learner:
            status = seat.probe.status if seat.probe else None
            if status is None or status.minor < SEVERAL_LEARNERS:
                return False
    return True


def learners(snapshot: Snapshot) -> list[Seat]:
    """The members without a vote."""
    return [seat for seat in snapshot.seats() if seat.member and seat.member.is_learner]


def member_of(seat: Seat) -> Member:
    """The member of a seat that is known to have one."""
    assert seat.member is not None, "only seats of members come here"  # noqa: S101 (narrowing)
    return seat.member

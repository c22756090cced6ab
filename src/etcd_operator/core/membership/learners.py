"""Learners that do not come up: who waits for them, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from etcd_operator.core.model.live_objects import UNSCHEDULABLE
from etcd_operator.core.model.snapshot import Seat, Snapshot

# So long the rest waits for a joiner: nodes are added, and images pulled, within it.
JOINS_WITHIN: Final = timedelta(minutes=2)
# The scheduler has said no. What keeps the joiner away may be those that are to be rolled: their
# anti-affinity holds for every Pod that comes after them.
SCHEDULED_WITHIN: Final = timedelta(seconds=30)


def count_voters_beside_late_learner(snapshot: Snapshot) -> int:
    """Return how many voters there are, if a learner beside them is late; else 0."""
    late = any(
        seat.member and seat.member.is_learner and is_late(snapshot, seat)
        for seat in snapshot.seats()
    )
    return sum(not m.is_learner for m in snapshot.members) if late else 0


def is_late(snapshot: Snapshot, seat: Seat) -> bool:
    """Whether a joiner's process has not run for so long that others must not wait for it.

    Its disk is as old as the announcement, and there also where no Pod can be made.
    """
    first = seat.claim or seat.pod
    created = first.created if first else None
    trouble = seat.pod.problem if seat.pod else None
    unschedulable = trouble is not None and trouble.reason == UNSCHEDULABLE
    patience = SCHEDULED_WITHIN if unschedulable else JOINS_WITHIN
    if created is None or snapshot.now - created < patience:
        return False
    return seat.pod is None or not (seat.pod.running or seat.pod.deleting)

"""Raft arithmetic over voters. Learners never count.

A voter that did not answer counts as dead everywhere here: being wrong in that direction costs
time, being wrong in the other costs data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from etcd_operator.core.model.members import Member
from etcd_operator.core.model.snapshot import Seat, Snapshot


def majority(voters: int) -> int:
    """The least number of voters that can commit: 2 of 3, 3 of 4, 3 of 5."""
    return voters // 2 + 1


def has_quorum(voters: Collection[int], alive: Collection[int]) -> bool:
    """Whether the living among these voters (by member ID) can commit."""
    return len(set(voters) & set(alive)) >= majority(len(set(voters)))


def keeps_quorum_without(voters: Iterable[int], alive: Iterable[int], removed: int) -> bool:
    """Whether the voters that remain after removing one can still commit."""
    rest = set(voters) - {removed}
    return bool(rest) and has_quorum(rest, set(alive) - {removed})


def keeps_quorum_with_another(voters: Iterable[int], alive: Iterable[int]) -> bool:
    """Whether the voters can still commit when one more, on whom nobody counts, has a vote."""
    everyone = set(voters)
    return len(everyone & set(alive)) >= majority(len(everyone) + 1)


def keeps_quorum_while_down(voters: Iterable[int], alive: Iterable[int], stopped: int) -> bool:
    """Whether the voters can still commit while one of them is stopped but remains a voter."""
    everyone = set(voters)
    return has_quorum(everyone, set(alive) - {stopped})


def voter_ids(snapshot: Snapshot) -> frozenset[int]:
    """The member IDs of all voters in the known member list."""
    return frozenset(m.id for m in snapshot.members if not m.is_learner)


def serving_ids(snapshot: Snapshot) -> frozenset[int]:
    """The member IDs that answered for themselves in this pass, as members of this cluster."""
    cluster_id = snapshot.live_cluster_id
    own = (s.member.id for s in snapshot.seats() if s.member and s.serves(cluster_id))
    return frozenset(own) | _serving_source_ids(snapshot)


def _serving_source_ids(snapshot: Snapshot) -> frozenset[int]:
    """The member IDs that answered for themselves from Pods that are to be taken over."""
    if snapshot.source is None:
        return frozenset()
    listed = frozenset(member.id for member in snapshot.ownership.taken_over)
    return snapshot.source.serving(snapshot.live_cluster_id) & listed


def silent_source_members(snapshot: Snapshot) -> tuple[Member, ...]:
    """The voters that are to be taken over and did not answer."""
    serving = _serving_source_ids(snapshot)
    voters = (m for m in snapshot.ownership.taken_over if not m.is_learner)
    return tuple(member for member in voters if member.id not in serving)


def all_serve(snapshot: Snapshot) -> bool:
    """Whether every voter answers, and every member's Pod is ready and is to stay."""
    ready = all(s.pod and s.pod.ready and not s.pod.deleting for s in snapshot.seats() if s.member)
    away = voters_not_serving(snapshot) or silent_source_members(snapshot)
    return ready and not away


def voters_not_serving(snapshot: Snapshot) -> tuple[Seat, ...]:
    """The seats of voters that did not answer, lowest ordinal first."""
    serving = serving_ids(snapshot)
    return tuple(
        seat
        for seat in snapshot.seats()
        if seat.member and not seat.member.is_learner and seat.member.id not in serving
    )

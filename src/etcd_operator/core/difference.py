"""Members that do not have the same data: found by comparing the hashes of their keys.

All members apply the same changes in the same order, so at one revision, with the same history
removed, their keys hash to the same number. One that differs has other data, whatever the reason.
A difference counts when two comparisons, one after the other, say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from etcd_operator.api.release import parse_release
from etcd_operator.core.members import CORRUPT, Comparison
from etcd_operator.core.quorum import all_serve, majority, voter_ids
from etcd_operator.core.snapshot import Snapshot

# Said of members that do not have the same data, in Degraded and by the rule about it.
DATA_DIFFERS: Final = "DataDiffers"
# Before it compactions could leave the same data with different hashes (etcd's CHANGELOG-3.5).
COMPARABLE_SINCE: Final = (3, 5, 16)


@dataclass(frozen=True, slots=True)
class Difference:
    """`groups` are the member IDs that agree with each other, the largest group first.

    `wrong` are those that differ from a majority which agrees; without one nobody knows who is
    right, and it is empty.
    """

    revision: int
    groups: tuple[frozenset[int], ...]
    wrong: frozenset[int]


def is_comparable(snapshot: Snapshot) -> bool:
    """Whether a comparison says something: all members are voters, of one version, and well."""
    members = snapshot.members
    if not snapshot.quorum_confirmed or len(members) < 2 or not all_serve(snapshot):
        return False
    if any(member.is_learner for member in members) or snapshot.cluster.deleting:
        return False
    if any(alarm == CORRUPT for alarm, _ in snapshot.alarms):
        return False
    versions = {probe.status.version for probe in snapshot.probes.values() if probe.status}
    return len(versions) == 1 and _hashes_alike(versions.pop())


def _hashes_alike(version: str) -> bool:
    release = parse_release(version.partition("-")[0])
    return release is not None and release >= COMPARABLE_SINCE


def find_difference(snapshot: Snapshot) -> Difference | None:
    """Return in what the members of now differ, if the last two comparisons agree about it."""
    if len(snapshot.compared) < 2:
        return None
    voters = voter_ids(snapshot)
    before, last = (_judge(each, voters) for each in snapshot.compared[-2:])
    if before is None or last is None:
        return None
    if not before.wrong and not last.wrong:
        return last
    both = before.wrong & last.wrong
    return Difference(last.revision, last.groups, both) if both else None


def _judge(comparison: Comparison, voters: frozenset[int]) -> Difference | None:
    by_hash: dict[int, set[int]] = {}
    for member, value in comparison.hashes.items():
        if member in voters:
            by_hash.setdefault(value, set()).add(member)
    if len(by_hash) < 2:
        return None
    groups = sorted(by_hash.values(), key=lambda group: (-len(group), min(group)))
    agree = len(groups[0]) >= majority(len(voters))
    wrong = frozenset().union(*groups[1:]) if agree else frozenset()
    return Difference(comparison.revision, tuple(frozenset(group) for group in groups), wrong)


def corrupt_ids(snapshot: Snapshot) -> frozenset[int]:
    """The members that are known to have wrong data: by etcd's alarm, or by comparison."""
    difference = find_difference(snapshot)
    alarmed = frozenset(member for alarm, member in snapshot.alarms if alarm == CORRUPT)
    return alarmed | difference.wrong if difference else alarmed


def doubtful_ids(snapshot: Snapshot) -> frozenset[int]:
    """The members whose data must not be all that is left: all, if none is known to be right.

    To doubt them one comparison is enough: it may stay the last one, and the guard believes it.
    Who joined since has learnt from nobody knows whom. An alarm that names nobody is about all.
    """
    known, voters = corrupt_ids(snapshot), voter_ids(snapshot)
    if (CORRUPT, 0) in snapshot.alarms:
        return known | voters
    last = _judge(snapshot.compared[-1], voters) if snapshot.compared else None
    if last is None:
        return known
    right = last.groups[0] if last.wrong else frozenset()
    return known | (voters - right)


def explain(snapshot: Snapshot, difference: Difference) -> str:
    """Return the sentence about a difference: which members, and at which revision."""
    names = {seat.member.id: seat.ordinal for seat in snapshot.seats() if seat.member}
    groups = [_name(snapshot, names, group) for group in difference.groups]
    at = f"at revision {difference.revision}"
    if difference.wrong:
        wrong = _name(snapshot, names, difference.wrong)
        return f"{wrong} {_have(difference.wrong)} other data than {groups[0]}, which agree, {at}."
    return f"Members do not have the same data {at}, and no majority agrees: {' / '.join(groups)}."


def _have(members: frozenset[int]) -> str:
    return "has" if len(members) == 1 else "have"


def _name(snapshot: Snapshot, names: Mapping[int, int], members: frozenset[int]) -> str:
    ordinals = sorted(names[member] for member in members if member in names)
    return ", ".join(snapshot.naming.member(ordinal) for ordinal in ordinals)

"""Members that do not have the same data: found by comparing the hashes of their keys.

All members apply the same changes in the same order, so at one revision, with the same history
removed, their keys hash to the same number. One that differs has other data, whatever the reason.
A difference counts when two comparisons, one after the other, say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from etcd_operator.core.consistency.record import (
    find_replaced_in_vain,
    recorded_differed,
    write_differed,
)
from etcd_operator.core.model.members import CORRUPT, Comparison
from etcd_operator.core.model.quorum import all_serve, majority, voter_ids
from etcd_operator.core.model.snapshot import Snapshot

# Said of members that do not have the same data, in Degraded and by the rule about it.
# Before it compactions could leave the same data with different hashes (etcd's CHANGELOG-3.5).
COMPARABLE_SINCE: Final = (3, 5, 16)


@dataclass(frozen=True, slots=True)
class Divergence:
    """`groups` are the member IDs that agree with each other, the largest group first.

    `wrong` are those that differ from a majority which agrees; without one nobody knows who is
    right, and it is empty. So it is where some of them came in place of others that differed as
    well: these are `in_vain`, and what the majority has may be what is wrong.
    """

    revision: int
    groups: tuple[frozenset[int], ...]
    wrong: frozenset[int]
    in_vain: frozenset[int] = frozenset()


def is_comparable(snapshot: Snapshot) -> bool:
    """Whether a comparison says something: all members are voters, of one version, and well."""
    members = snapshot.members
    if not snapshot.quorum_confirmed or len(members) < 2 or not all_serve(snapshot):
        return False
    if any(member.is_learner for member in members) or snapshot.cluster.deleting:
        return False
    if any(alarm == CORRUPT for alarm, _ in snapshot.alarms):
        return False
    told = [probe.status for probe in snapshot.probes.values() if probe.status]
    told += snapshot.source_statuses
    alike = len({s.minor if snapshot.take_over else s.version for s in told}) == 1
    releases = {status.release for status in told}
    return alike and all(one is not None and one >= COMPARABLE_SINCE for one in releases)


def find_divergence(snapshot: Snapshot) -> Divergence | None:
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
    in_vain = find_replaced_in_vain(snapshot, both)
    known = frozenset() if in_vain else both
    return Divergence(last.revision, last.groups, known, in_vain) if both else None


def _judge(comparison: Comparison, voters: frozenset[int]) -> Divergence | None:
    by_hash: dict[int, set[int]] = {}
    for member, value in comparison.hashes.items():
        if member in voters:
            by_hash.setdefault(value, set()).add(member)
    if len(by_hash) < 2:
        return None
    groups = sorted(by_hash.values(), key=lambda group: (-len(group), min(group)))
    agree = len(groups[0]) >= majority(len(voters))
    wrong = frozenset().union(*groups[1:]) if agree else frozenset()
    return Divergence(comparison.revision, tuple(frozenset(group) for group in groups), wrong)


def corrupt_ids(snapshot: Snapshot) -> frozenset[int]:
    """The members that are known to have wrong data: by etcd's alarm, or by comparison.

    None while one of them came in place of another that differed as well.
    """
    divergence, alarmed = find_divergence(snapshot), alarmed_ids(snapshot)
    wrong = alarmed | divergence.wrong if divergence else alarmed
    return frozenset() if find_replaced_in_vain(snapshot, wrong) else wrong


def alarmed_ids(snapshot: Snapshot) -> frozenset[int]:
    """The members that etcd's alarm is about; 0 if it does not know who differs."""
    return frozenset(member for alarm, member in snapshot.alarms if alarm == CORRUPT)


def suspect_ids(snapshot: Snapshot) -> frozenset[int]:
    """The members whose data must not be all that is left: all, if none is known to be right.

    To doubt them one comparison is enough: it may stay the last one, and the guard believes it.
    Who joined since has learnt from nobody knows whom. An alarm that names nobody is about all.
    """
    known, voters = corrupt_ids(snapshot), voter_ids(snapshot)
    alarmed = alarmed_ids(snapshot)
    if 0 in alarmed or find_replaced_in_vain(snapshot, alarmed):
        return known | voters
    last = _judge(snapshot.compared[-1], voters) if snapshot.compared else None
    if last is None:
        return known
    in_vain = find_replaced_in_vain(snapshot, last.wrong)
    right = last.groups[0] if last.wrong and not in_vain else frozenset()
    return known | (voters - right)


def next_differed(snapshot: Snapshot) -> str:
    """Return the record of members whose data differed, as it is to be written in this pass."""
    if _all_agree(snapshot):
        return ""
    wrong, own = corrupt_ids(snapshot), snapshot.ownership.own
    found = {ordinal: member.id for ordinal, member in own.items() if member.id in wrong}
    return write_differed({**found, **recorded_differed(snapshot)})


def _all_agree(snapshot: Snapshot) -> bool:
    """Whether a comparison of all members that there are found no difference."""
    members = {member.id for member in snapshot.members}
    if alarmed_ids(snapshot):
        return False
    hashes = snapshot.compared[-1].hashes if snapshot.compared else {}
    return len(members) == 1 or (members <= hashes.keys() and len(set(hashes.values())) == 1)


def explain(snapshot: Snapshot, divergence: Divergence) -> str:
    """Return the sentence about a difference: which members, and at which revision."""
    names = {seat.member.id: seat.ordinal for seat in snapshot.seats() if seat.member}
    groups = [_name(snapshot, names, group) for group in divergence.groups]
    at = f"at revision {divergence.revision}"
    wrong = divergence.wrong or frozenset().union(*divergence.groups[1:])
    if divergence.wrong or divergence.in_vain:
        said = f"{_name(snapshot, names, wrong)} {_have(wrong)} other data than {groups[0]}, which "
        in_vain = _name(snapshot, names, divergence.in_vain)
        return f"{said}agree, {at}.{_explain_in_vain(in_vain)}"
    return f"Members do not have the same data {at}, and no majority agrees: {' / '.join(groups)}."


def explain_alarm_in_vain(snapshot: Snapshot) -> str:
    """Return what to add about members that etcd's alarm names although they were replaced."""
    names = {seat.member.id: seat.ordinal for seat in snapshot.seats() if seat.member}
    in_vain = find_replaced_in_vain(snapshot, alarmed_ids(snapshot))
    return _explain_in_vain(_name(snapshot, names, in_vain))


def _explain_in_vain(names: str) -> str:
    if not names:
        return ""
    return f" To replace {names} for that did not help: what the majority has may be what is wrong."


def _have(members: frozenset[int]) -> str:
    return "has" if len(members) == 1 else "have"


def _name(snapshot: Snapshot, names: Mapping[int, int], members: frozenset[int]) -> str:
    ordinals = sorted(names[member] for member in members if member in names)
    return ", ".join(snapshot.naming.member(ordinal) for ordinal in ordinals)

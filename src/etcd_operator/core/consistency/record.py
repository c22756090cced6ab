"""The record of members whose data differed: each is replaced for that once.

Whoever is replaced learns from the others. If what came in its place differs as well, that did not
help: then the majority agrees on data that may be wrong, and to replace again would go on for ever.
So the gate says, before such a member goes, which ordinal and which member ID it was; until a
comparison of all members finds no difference. It holds no more than one member of each ordinal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from etcd_operator.core.model.members import format_id
from etcd_operator.core.model.naming import ANNOTATION_DIFFERED, MOST_MEMBERS
from etcd_operator.core.model.numbers import read_identity, read_number
from etcd_operator.core.model.snapshot import Snapshot

# An ordinal, a member ID, and what is between them, for each.
LONGEST: Final = 24 * MOST_MEMBERS


def read_differed(text: str) -> Mapping[int, int] | None:
    """Return member IDs by ordinal from the text of a record; None for anything else."""
    found: dict[int, int] = {}
    for entry in text[: LONGEST + 1].split():
        left, _, right = entry.partition("/")
        ordinal, identity = read_number(left, MOST_MEMBERS - 1), read_identity(right)
        if ordinal is None or identity is None or ordinal in found:
            return None
        found[ordinal] = identity
    return found if len(text) <= LONGEST else None


def write_differed(members: Mapping[int, int]) -> str:
    """Return the text of a record."""
    return " ".join(f"{ordinal}/{format_id(found)}" for ordinal, found in sorted(members.items()))


def recorded_differed(snapshot: Snapshot) -> Mapping[int, int]:
    """Return whose data differed since the members last agreed: member IDs by ordinal."""
    return read_differed(snapshot.gate_annotations.get(ANNOTATION_DIFFERED, "")) or {}


def find_replaced_in_vain(snapshot: Snapshot, wrong: Iterable[int]) -> frozenset[int]:
    """Return those of these members that came in place of one whose data differed as well."""
    ids = frozenset(wrong)
    if not ids:
        return ids
    recorded = recorded_differed(snapshot)
    return frozenset(
        member.id
        for ordinal, member in snapshot.ownership.own.items()
        if member.id in ids and recorded.get(ordinal, member.id) != member.id
    )

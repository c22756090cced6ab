"""Members that do not have the same data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from etcd_operator.core.model.members import Comparison
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import NOW, formed, member_id


def comparison(hashes: str, revision: int = 100) -> Comparison:
    """One letter for each ordinal: equal letters are equal hashes."""
    by_id = {member_id(ordinal): ord(letter) for ordinal, letter in enumerate(hashes)}
    return Comparison(NOW - timedelta(seconds=10), revision, by_id)


def compared(snapshot: Snapshot, *rounds: str) -> Snapshot:
    """Comparisons with these outcomes, the newest last, 10 revisions apart."""
    taken = (comparison(hashes, 100 + 10 * place) for place, hashes in enumerate(rounds))
    return replace(snapshot, compared=tuple(taken))


def differing(hashes: str) -> Snapshot:
    """A healthy cluster whose members differ like this, which was confirmed."""
    return compared(formed(len(hashes)), hashes, hashes)

"""Members that do not have the same data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from etcd_operator.core.model.members import Comparison
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import NOW, change_pod, formed, member_id

REMEDY = (
    " Nothing is removed until a person has decided who is right: make that member the leader with "
    "`etcdctl move-leader`, then replace the others one by one with the annotation "
    "etcd.etcd.io/replace-member=true on their Pods. If none is right, restore a backup in place."
)


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


def asked(snapshot: Snapshot, ordinal: int) -> Snapshot:
    """Somebody annotated a member's Pod."""
    return change_pod(snapshot, ordinal, replace_asked=True)


def replacement_on_record(ordinal: int) -> tuple[str, ...]:
    """What replacing a member takes that is on record already, or that somebody has asked for."""
    return (
        f"remove {ordinal}",
        f"delete PersistentVolumeClaim data-db-{ordinal}",
        f"add {ordinal}",
        f"delete Pod db-{ordinal}",
        "apply ConfigMap db-config",
    )

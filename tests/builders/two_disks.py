"""Clusters whose members have a second disk, for their write-ahead logs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import NAMING, change_pod, claim, formed, with_spec

# What etcd says when its log output leads through a directory that is not there.
NO_DATA: Final = (
    'failed to verify flags","error":"open sink \\"/var/lib/etcd/db-1/member/snap/../../dev/null\\"'
    ": open /var/lib/etcd/db-1/member/snap/../../dev/null: no such file or directory"
)


def two_disks(members: int = 3, to: int | None = None, **storage: Any) -> Snapshot:
    """A healthy cluster whose members have two disks, which is to have so many members."""
    made = formed(members, storage={"wal": {}, **storage})
    for ordinal in range(members):
        made = change_pod(made, ordinal, wal=True)
    logs = tuple(wal_claim(ordinal) for ordinal in range(members))
    made = replace(made, claims=(*made.claims, *logs))
    return made if to is None else with_spec(made, size=to)


def wal_claim(ordinal: int, **changes: Any) -> Claim:
    """The disk of a member's write-ahead log, bound."""
    name = NAMING.claim(ordinal, wal=True)
    return claim(ordinal, **{"name": name, "uid": f"wal-{ordinal}", "wal": True, **changes})


def change_disk(snapshot: Snapshot, name: str, **changes: Any) -> Snapshot:
    """Change fields of the claim of this name."""
    claims = tuple(replace(c, **changes) if c.name == name else c for c in snapshot.claims)
    return replace(snapshot, claims=claims)


def without_disk(snapshot: Snapshot, name: str) -> Snapshot:
    """The claim of this name does not exist."""
    return replace(snapshot, claims=tuple(c for c in snapshot.claims if c.name != name))

"""Clusters whose members have their data in emptyDirs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import change_pod, formed, silent, with_spec

# What etcd says on an empty directory behind a closed gate.
EMPTY: Final = "discovery failed: cannot fetch cluster info from peer urls"


def in_pods(members: int = 3, size: int | None = None, **storage: Any) -> Snapshot:
    """A healthy cluster whose members have emptyDirs, which is to have so many members."""
    made = formed(members, storage={"ephemeral": storage})
    for ordinal in range(members):
        made = change_pod(made, ordinal, ephemeral=True)
    made = replace(made, claims=())
    return made if size is None else with_spec(made, size=size)


def emptied(snapshot: Snapshot, *ordinals: int, **changes: Any) -> Snapshot:
    """These Pods were replaced, and say of their directories that they are empty."""
    snapshot = silent(snapshot, *ordinals)
    for ordinal in ordinals:
        told = {"termination_message": EMPTY, "restarts": 1, "running": False, "ready": False}
        snapshot = change_pod(snapshot, ordinal, **{**told, **changes})
    return snapshot

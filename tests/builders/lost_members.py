"""Members that lost their node or their data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from etcd_operator.core.model.live_objects import NodeState, PodProblem
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import NOW, change_pod, silent

AFFINITY = "0/3 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity."


LONG_AGO = NOW - timedelta(minutes=6)


def homeless(snapshot: Snapshot, ordinal: int, *, message: str = AFFINITY, **host: Any) -> Snapshot:
    """No node takes a member's Pod; `host` says what became of the node with its disk."""
    state: dict[str, Any] = {"running": False, "ready": False, "node": "", "ever_ran": False}
    since = host.get("since", LONG_AGO)
    trouble = PodProblem("Unschedulable", message)
    away = change_pod(
        silent(snapshot, ordinal), ordinal, problem=trouble, unready_since=since, **state
    )
    return on(away, ordinal, host.get("host"))


def on(snapshot: Snapshot, ordinal: int, host: NodeState | None) -> Snapshot:
    """What became of a node."""
    return replace(snapshot, nodes={ordinal: host}) if host else snapshot


WIPED = "discovery failed: cannot fetch cluster info from peer urls: could not retrieve"


def ended(snapshot: Snapshot, ordinal: int, words: str) -> Snapshot:
    """A member's process ends again and again with these last words."""
    state = {"ready": False, "running": False, "restarts": 3, "termination_message": words}
    return change_pod(silent(snapshot, ordinal), ordinal, **state)

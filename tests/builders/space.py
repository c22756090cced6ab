"""Members with alarms and with databases of a given size."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.snapshot import Snapshot


def sized(snapshot: Snapshot, *ordinals: int, **changes: Any) -> Snapshot:
    """Change what these members say about themselves."""
    probes = {
        o: Probe(replace(p.status, **changes)) if p.status and o in ordinals else p
        for o, p in snapshot.probes.items()
    }
    return replace(snapshot, probes=probes)


def alarmed(snapshot: Snapshot, *alarms: str) -> Snapshot:
    """Every member lists these alarms."""
    return sized(snapshot, *snapshot.probes, errors=alarms)

"""Where the client Service leads: to Pods that are about to end, or to them no more."""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import pod


def with_clients(snapshot: Snapshot) -> Snapshot:
    """The client Service leads to every Ready voter."""
    return replace(snapshot, out_of_service=frozenset())


def left_by_clients(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """The client Service has led to these Pods no more for a while."""
    uids = frozenset(pod(o).uid for o in ordinals)
    return replace(snapshot, out_of_service=snapshot.out_of_service | uids)

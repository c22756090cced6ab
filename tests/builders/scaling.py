"""Clusters that are growing or shrinking."""

from __future__ import annotations

from etcd_operator.core.membership import resize_waits as resize_waits
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.snapshots import formed, settled, with_spec, without_member, without_pods

KEPT = {"retentionPolicy": {"whenScaled": "Retain"}}


def shrinking(members: int, size: int) -> Snapshot:
    """A healthy cluster whose size was just lowered."""
    return with_spec(formed(members), size=size)


def shrunk(members: int, size: int) -> Snapshot:
    """Members removed from etcd and Pods gone; only the disks are left."""
    snapshot = shrinking(members, size)
    for ordinal in range(size, members):
        snapshot = without_member(snapshot, ordinal)
    return settled(without_pods(snapshot, *range(size, members)))

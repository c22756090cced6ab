"""Shards, and the Leases that say who holds them.

A shard is a part of all EtcdClusters, by a hash of namespace and name. A name, and not the UID: an
EtcdRestore goes with an EtcdCluster that it has yet to create, and an EtcdBackup with one that may
be gone. Whatever is about a cluster is in the cluster's shard, so that one replica works on it.

All replicas have to share by the same number of shards. The Lease of shard 0 records that number,
beside the name of the replica that wrote it: a holder of another name knows of no shards, and works
on all clusters. A record that replaces another is pending at first, as long as a replica that goes
by the one before may still be working.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from etcd_operator.json_types import Json

LEASE_NAME: Final = "etcd-operator"
# An object of the same kind, in which the replicas say that they are there.
ROSTER_NAME: Final = f"{LEASE_NAME}-replicas"
# The rights of the operator name the Leases one by one.
MOST_SHARDS: Final = 16
ANNOTATION_SHARDS: Final = "etcd.etcd.io/shards"
_PENDING: Final = "pending"


def find_shard(namespace: str, name: str, count: int) -> int:
    """Return the shard, from 0, of the EtcdCluster of this name where there are `count` of them."""
    if count == 1:
        return 0  # asked for several times in each pass
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).digest()
    return int.from_bytes(digest[:8]) % count


def name_lease(shard: int) -> str:
    """Return the name of the Lease of a shard."""
    return f"{LEASE_NAME}-{shard}" if shard else LEASE_NAME


@dataclass(frozen=True, slots=True)
class Recorded:
    """Number of shards on record; `pending` while replicas that go by another may be working."""

    count: int = 1
    pending: bool = False

    def write(self, replica: str) -> str | None:
        """Return the annotation that records it, as `replica` writes it; None for none."""
        if self == Recorded():
            return None
        return " ".join([str(self.count), replica, *([_PENDING] if self.pending else [])])


def read_recorded(lease: Json) -> Recorded:
    """Return what the Lease of shard 0 records; without any record there is one shard."""
    written = _read_written(lease)
    return written[0] if written and written[1] else Recorded()


def succeed(lease: Json, count: int) -> Recorded:
    """Return what a replica has to record that takes the Lease of shard 0 as it is.

    Without a record, its holder worked alone, and has ended. Otherwise holders of other shards may
    be working by another number than `count`: by one that was replaced, or while a holder of this
    Lease knew of no shards.
    """
    written = _read_written(lease)
    return Recorded(count, pending=written is not None and written != (Recorded(count), True))


def _read_written(lease: Json) -> tuple[Recorded, bool] | None:
    """Return the record, and whether its writer was the last holder; None for none."""
    annotations = lease.get("metadata", {}).get("annotations") or {}
    holder = (lease.get("spec") or {}).get("holderIdentity") or ""
    count, replica, state = (*str(annotations.get(ANNOTATION_SHARDS, "")).split(" "), "", "")[:3]
    if not (_is_count(count) and replica):
        return None
    return Recorded(int(count), state == _PENDING), holder in ("", replica)


def _is_count(text: str) -> bool:
    return len(text) <= 2 and text.isdecimal() and text.isascii() and 0 < int(text) <= MOST_SHARDS

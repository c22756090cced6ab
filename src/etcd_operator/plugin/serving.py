"""Operator that serves a cluster: its Lease, as far as the user may read it."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.lifecycle.serving_operator import ANNOTATION_OPERATOR
from etcd_operator.core.sharding.shards import (
    LEASE_NAME,
    find_shard,
    name_lease,
    read_recorded,
)
from etcd_operator.errors import KubeError
from etcd_operator.json_types import Json
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import LEASES

# Far longer than between two renewals of a Lease, and than until another replica takes it over.
RENEWED_WITHIN: Final = 30.0


def find_home(cluster: Json) -> str:
    """Return the namespace of the operator that served the cluster last; empty if none has."""
    return str((cluster["metadata"].get("annotations") or {}).get(ANNOTATION_OPERATOR) or "")


async def find_lease(own: Session, place: str, cluster: Json) -> Json:
    """Return the Lease of the cluster's shard, whose holder makes the passes over it.

    `place` is the operator's namespace. Raises KubeError.
    """
    first = await own.api.get(LEASES, place, LEASE_NAME)
    metadata = cluster["metadata"]
    count = read_recorded(first).count
    shard = find_shard(metadata["namespace"], metadata["name"], count)
    return first if shard == 0 else await own.api.get(LEASES, place, name_lease(shard))


class Renewals:
    """Looks now and then whether the operator of a cluster renews its Lease.

    Two readings are compared, because the clock here may be another than there. Without the right
    to read the Lease nothing is known.
    """

    def __init__(self, own: Session, cluster: Json) -> None:
        self._own = own
        self._cluster = cluster
        self._home = find_home(cluster)
        self._seen = ""
        self._since = 0.0

    async def check(self, now: float) -> None:
        """Raise PluginError if the Lease was not renewed for long; `now` is in seconds."""
        if not self._home or (self._seen and now - self._since < RENEWED_WITHIN):
            return
        renewed = await self._read()
        if renewed and renewed == self._seen:
            raise PluginError(
                f"No operator has renewed its Lease in namespace {self._home} for "
                f"{RENEWED_WITHIN:.0f} s: see whether it runs.",
                Exit.NO_OPERATOR,
            )
        self._seen, self._since = renewed, now
        if not renewed:
            self._home = ""

    async def _read(self) -> str:
        try:
            lease = await find_lease(self._own, self._home, self._cluster)
        except KubeError:
            return ""
        return str((lease.get("spec") or {}).get("renewTime") or "")

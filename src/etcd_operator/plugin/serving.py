"""Operator that serves a cluster: its Lease, as far as the user may read it."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.lifecycle.serving_operator import ANNOTATION_OPERATOR
from etcd_operator.errors import KubeError
from etcd_operator.json_types import Json
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.session import Session
from etcd_operator.runtime.kubernetes.api import LEASES

LEASE: Final = "etcd-operator"
# Far longer than between two renewals of a Lease, and than until another replica takes it over.
RENEWED_WITHIN: Final = 30.0


def find_home(cluster: Json) -> str:
    """Return the namespace of the operator that served the cluster last; empty if none has."""
    return str((cluster["metadata"].get("annotations") or {}).get(ANNOTATION_OPERATOR) or "")


class Renewals:
    """Looks now and then whether the operator of a cluster renews its Lease.

    Two readings are compared, because the clock here may be another than there. Without the right
    to read the Lease nothing is known.
    """

    def __init__(self, own: Session, cluster: Json) -> None:
        self._own = own
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
                f"No operator has renewed Lease {LEASE} in namespace {self._home} for "
                f"{RENEWED_WITHIN:.0f} s: see whether it runs.",
                Exit.NO_OPERATOR,
            )
        self._seen, self._since = renewed, now
        if not renewed:
            self._home = ""

    async def _read(self) -> str:
        try:
            lease = await self._own.api.get(LEASES, self._home, LEASE)
        except KubeError:
            return ""
        return str((lease.get("spec") or {}).get("renewTime") or "")

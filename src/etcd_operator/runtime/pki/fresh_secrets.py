"""Secrets of a cluster, read when a pass needs them and believed for a while.

No watch tells of Secrets, because the operator has no right to list them. Only what `read` makes of
one is kept, and that holds no content.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from etcd_operator.core.model.naming import Naming
from etcd_operator.errors import NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

REMEMBERED: Final = 10_000
T = TypeVar("T")


async def get_secret(api: KubeApi, namespace: str, name: str) -> Json | None:
    """Return a Secret, None if there is none; raises KubeError."""
    try:
        return await api.get(kube.SECRETS, namespace, name)
    except NotFound:
        return None


@dataclass(frozen=True, slots=True)
class _Known(Generic[T]):
    """Secrets of one cluster as they were last read."""

    at: float
    found: dict[str, T]


class FreshSecrets(Generic[T]):
    """What `read` makes of the Secrets of all clusters, at most `seconds` old. Raises KubeError."""

    def __init__(
        self, api: KubeApi, clock: Clock, seconds: float, read: Callable[[Json], T]
    ) -> None:
        self._api = api
        self._clock = clock
        self._seconds = seconds
        self._read = read
        self._known: Latest[str, _Known[T]] = Latest(REMEMBERED)

    async def look(self, naming: Naming, names: Sequence[str]) -> dict[str, T]:
        """Return those of these Secrets that exist; one that was not found is asked for again."""
        known, now = self._known.get(naming.uid), self._clock.monotonic()
        is_old = known is None or now - known.at > self._seconds
        if known is None or is_old or not known.found.keys() >= set(names):
            secrets = await asyncio.gather(
                *(get_secret(self._api, naming.namespace, name) for name in names)
            )
            found = {s["metadata"]["name"]: self._read(s) for s in secrets if s}
            known = self._known[naming.uid] = _Known(now, found)
        return {name: known.found[name] for name in names if name in known.found}

    def forget(self, uid: str) -> None:
        """Believe nothing any more that was read of a cluster."""
        self._known.pop(uid, None)

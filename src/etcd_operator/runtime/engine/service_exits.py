"""Sees Pods leave the client Service: EndpointSlices, its aliases' too, then every kube-proxy.

EndpointSlices are not watched: they are asked for only while a Pod with the label of one that
leaves is there, which is for a second or two. Only pace depends on what is remembered: a process
that has forgotten it waits for clients once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.naming import ROLE_LEAVING, Naming
from etcd_operator.errors import KubeError
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

# By which a Service's EndpointSlices are found: a label of Kubernetes.
SERVICE_NAME: Final = "kubernetes.io/service-name"
# A kube-proxy writes its rules at most once a second by default (`minSyncPeriod`).
GRACE_SECONDS: Final = 1.0
# No Pod is waited for longer, whatever the EndpointSlices say.
LONGEST_SECONDS: Final = 10.0
REMEMBERED: Final = 10_000


@dataclass(slots=True)
class _Exit:
    """Since when a Pod was seen to leave, and to be in no EndpointSlice; monotonic seconds."""

    since: float
    out: float | None = None


class ServiceExits:
    """Tells by uid which Pods clients are led to no more; never raises."""

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._exits: Latest[str, _Exit] = Latest(REMEMBERED)

    async def look(
        self, naming: Naming, pods: tuple[Pod, ...], aliases: tuple[str, ...] = ()
    ) -> frozenset[str]:
        """Return the uids of Pods that left long enough ago, or were waited for long enough."""
        leaving = [pod for pod in pods if pod.role == ROLE_LEAVING]
        for pod in pods:
            if pod.role != ROLE_LEAVING:
                self._exits.pop(pod.uid, None)  # clients are led to it, maybe once more
        if not leaving:
            return frozenset()  # of nearly all clusters, nearly always
        now = self._clock.monotonic()
        exits = {pod.uid: self._exits.get(pod.uid) or _Exit(now) for pod in leaving}
        if any(each.out is None for each in exits.values()):
            listed = await self._find_listed(naming, aliases)
            for uid, each in exits.items():
                each.out = _choose_time(each, now, listed=listed is None or uid in listed)
        for uid, each in exits.items():
            self._exits[uid] = each
        return frozenset(uid for uid, each in exits.items() if _is_over(each, now))

    async def _find_listed(self, naming: Naming, aliases: tuple[str, ...]) -> set[str] | None:
        """The uids of Pods that the EndpointSlices list; None where nobody can tell."""
        listed: set[str] = set()
        try:
            for service in (naming.client_service, *aliases):
                selector = f"{SERVICE_NAME}={service}"
                async for page in self._api.list_pages(
                    kube.ENDPOINT_SLICES, naming.namespace, selector
                ):
                    listed |= {uid for each in page.get("items") or () for uid in _read_uids(each)}
        except KubeError:
            return None
        return listed


def _read_uids(endpoint_slice: Json) -> Iterator[str]:
    for endpoint in endpoint_slice.get("endpoints") or ():
        yield str((endpoint.get("targetRef") or {}).get("uid", ""))


def _choose_time(known: _Exit, now: float, *, listed: bool) -> float | None:
    return None if listed else known.out or now


def _is_over(known: _Exit, now: float) -> bool:
    gone = known.out is not None and now - known.out >= GRACE_SECONDS
    return gone or now - known.since >= LONGEST_SECONDS

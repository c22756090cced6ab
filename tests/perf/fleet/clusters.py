"""The clusters under measurement: made, watched and changed through the API server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable
from typing import Final

import httpx2

from etcd_operator.errors import Conflict, Gone, KubeError
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi
from tests.perf.fleet.control_plane import ControlPlane, ask_world
from tests.perf.fleet.figures import Reading, read_processor_seconds, read_samples

PORT: Final = 18081
NAMESPACES: Final = Kind("", "v1", "namespaces", "Namespace")
ACCOUNTS: Final = Kind("", "v1", "serviceaccounts", "ServiceAccount")
VERSION: Final = "v3.5.35"
PER_NAMESPACE: Final = 10
# Requests of the harness at a time: more are refused in favour of the operator's.
AT_ONCE: Final = 16
PAUSE_SECONDS: Final = 0.2


def is_settled(cluster: Json) -> bool:
    """Whether the operator says that a cluster is exactly as its spec wants it."""
    status, metadata = cluster.get("status") or {}, cluster["metadata"]
    return (
        status.get("phase") == "Running"
        and is_true(cluster, "Ready")
        and status.get("observedGeneration") == metadata["generation"]
        and len(status.get("members") or ()) == cluster["spec"]["size"]
    )


def is_true(cluster: Json, condition: str) -> bool:
    """Whether a condition is True."""
    found = (cluster.get("status") or {}).get("conditions") or ()
    return any(each["type"] == condition and each["status"] == "True" for each in found)


async def ask(page: str, **wish: object) -> Json:
    """Ask the world without keeping the watch waiting."""
    answer: Json = await asyncio.to_thread(ask_world, page, **wish)
    return answer


class Clusters:
    """EtcdClusters by namespace/name: the newest state of each, and since when it is settled."""

    def __init__(self, plane: ControlPlane, api: KubeApi, count: int) -> None:
        self.plane = plane
        self.api = api
        self.names = [f"team-{i // PER_NAMESPACE:04}/c{i:04}" for i in range(count)]
        self.seen: dict[str, Json] = {}
        self.settled: dict[str, float] = {}
        self._changed = time.time()
        self._news = asyncio.Condition()

    async def follow(self) -> None:
        """Keep what is known of the clusters current, until cancelled."""
        while True:
            version = ""
            with contextlib.suppress(Gone, KubeError):
                async for page in self.api.list_pages(kube.CLUSTERS, None):
                    version = page["metadata"]["resourceVersion"]
                    for item in page["items"]:
                        await self._see(item)
                async for event in self.api.watch(kube.CLUSTERS, None, "", version):
                    if event.type in ("ADDED", "MODIFIED"):
                        await self._see(event.object)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _see(self, item: Json) -> None:
        name = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        known = self.seen.get(name)
        if known and _version(known) > _version(item):
            return
        self.seen[name] = item
        self._changed = time.time()
        if is_settled(item):
            self.settled.setdefault(name, self._changed)
        else:
            self.settled.pop(name, None)
        async with self._news:
            self._news.notify_all()

    async def wait_for(self, name: str, holds: Callable[[Json], bool]) -> float | None:
        """Return the moment when something is seen to hold for a cluster; None after minutes."""
        try:
            async with asyncio.timeout(120), self._news:
                await self._news.wait_for(lambda: name in self.seen and holds(self.seen[name]))
        except TimeoutError:
            return None
        return time.time()

    async def wait_settled(
        self, names: Iterable[str] = (), *, seconds: float = 300, quiet: float = 0
    ) -> bool:
        """Wait until these (or all) are settled, and no status has changed for a while."""
        wanted = set(names or self.names)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if wanted <= self.settled.keys() and time.time() - self._changed >= quiet:
                return True
            await asyncio.sleep(PAUSE_SECONDS)
        return False

    async def create(self, names: Iterable[str], size: int) -> dict[str, float]:
        """Create EtcdClusters, some at a time; return when each was asked for."""
        turns = asyncio.Semaphore(AT_ONCE)
        asked: dict[str, float] = {}

        async def create_one(name: str) -> None:
            namespace, _, short = name.partition("/")
            body = {
                "apiVersion": kube.CLUSTERS.api_version,
                "kind": kube.CLUSTERS.name,
                "metadata": {"name": short, "namespace": namespace},
                "spec": {"size": size, "version": VERSION, "storage": {"size": "1Gi"}},
            }
            async with turns:
                asked[name] = time.time()
                await self.api.create(kube.CLUSTERS, namespace, body)

        await asyncio.gather(*(create_one(name) for name in names))
        return asked

    async def create_namespaces(self) -> None:
        """Create the namespaces of all, and wait until Pods can be made there."""
        for namespace in sorted({name.partition("/")[0] for name in self.names}):
            with contextlib.suppress(Conflict):
                await self.api.create(NAMESPACES, "", {"metadata": {"name": namespace}})
            while True:  # Pods can be made there as soon as there is its ServiceAccount
                with contextlib.suppress(KubeError):
                    await self.api.get(ACCOUNTS, namespace, "default")
                    break
                await asyncio.sleep(PAUSE_SECONDS)

    async def resize(self, name: str, size: int) -> float:
        """Change spec.size; return the moment just before the request."""
        moment = time.time()
        namespace, _, short = name.partition("/")
        self.settled.pop(name, None)
        patch = {"spec": {"size": size}}
        await self._see(await self.api.merge_patch(kube.CLUSTERS, namespace, short, patch))
        return moment

    def members(self, name: str) -> list[Json]:
        """The members of a cluster as its status has them."""
        return list((self.seen[name].get("status") or {}).get("members") or ())

    async def list_pods(self) -> list[str]:
        """Return the Pods of all members, by namespace/name."""
        return [
            f"{item['metadata']['namespace']}/{item['metadata']['name']}"
            async for page in self.api.list_pages(kube.PODS, None, "etcd.etcd.io/cluster-uid")
            for item in page["items"]
        ]

    async def read(self) -> Reading:
        """Read everything that counts up."""
        metrics = read_samples(await asyncio.to_thread(_scrape))
        world = await ask("counts")
        pids = self.plane.pids()
        used = {name: read_processor_seconds(pid) for name, pid in pids.items()}
        used["harness"] = read_processor_seconds(os.getpid())
        return Reading(time.time(), used, metrics, world)


def _scrape() -> str:
    return httpx2.get(f"http://127.0.0.1:{PORT}/metrics", timeout=60, trust_env=False).text


def is_ready(port: int = PORT) -> bool:
    """Whether the operator has listed every kind."""
    with contextlib.suppress(httpx2.HTTPError):
        url = f"http://127.0.0.1:{port}/readyz"
        return httpx2.get(url, timeout=5, trust_env=False).status_code == httpx2.codes.OK
    return False


def _version(item: Json) -> int:
    return int(item["metadata"]["resourceVersion"])

"""What there is in the namespace, as watches tell it: reading it costs nothing while time runs."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from etcd_operator.errors import KubeError
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi, WatchEvent
from tests.perf.timeline import Timeline, is_ready

RETRY_SECONDS: Final = 0.1


class Sight:
    """The Pods of one namespace. `changed` is set when anything is told; `timeline` hears it."""

    def __init__(self, api: KubeApi, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._pods: dict[str, Json] = {}
        self.changed = asyncio.Event()
        self.timeline: Timeline | None = None

    async def run(self) -> None:
        """Keep watching until cancelled."""
        async with asyncio.TaskGroup() as group:
            for kind in (kube.PODS, kube.CLUSTERS):
                group.create_task(self._follow(kind))

    async def _follow(self, kind: Kind) -> None:
        while True:
            try:
                version = await self._list(kind)
                async for event in self._api.watch(kind, self._namespace, "", version):
                    self._hear(kind, event)
            except KubeError:
                await asyncio.sleep(RETRY_SECONDS)

    async def _list(self, kind: Kind) -> str:
        version, found = "", {}
        async for page in self._api.list_pages(kind, self._namespace):
            version = page["metadata"]["resourceVersion"]
            found.update({item["metadata"]["name"]: item for item in page.get("items") or ()})
        if kind is kube.PODS:
            self._pods = found
            self.changed.set()
        return version

    def _hear(self, kind: Kind, event: WatchEvent) -> None:
        now = time.perf_counter()
        if event.type == "BOOKMARK":
            return
        if kind is kube.CLUSTERS:
            if self.timeline:
                self.timeline.see_cluster(event.object, now)
            return
        name = event.object["metadata"]["name"]
        if event.type == "DELETED":
            self._pods.pop(name, None)
        else:
            self._pods[name] = event.object
        if self.timeline:
            tell = self.timeline.lose_pod if event.type == "DELETED" else self.timeline.see_pod
            tell(event.object, now)
        self.changed.set()

    def pods(self, cluster: str) -> list[Json]:
        """All Pods of a cluster, by ordinal, those that are being stopped too."""
        mine = {
            int(name.rpartition("-")[2]): pod
            for name, pod in self._pods.items()
            if name.rpartition("-")[0] == cluster
        }
        return [mine[ordinal] for ordinal in sorted(mine)]

    def ready_pods(self, cluster: str) -> list[Json]:
        """Its Pods of which the kubelet says that they are Ready."""
        return [pod for pod in self.pods(cluster) if is_ready(pod)]

    def uids(self, cluster: str) -> dict[str, str]:
        """The uid and name of each of its Pods."""
        return {p["metadata"]["uid"]: p["metadata"]["name"] for p in self.pods(cluster)}

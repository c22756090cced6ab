"""A cluster under measurement, of either side, changed only through the Kubernetes API."""

from __future__ import annotations

import asyncio
from typing import Final

from etcd_operator.errors import KubeError, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi
from tests.perf.manifests import build_floor, build_floor_service, build_ours
from tests.perf.samples import Side

POLL_SECONDS: Final = 0.1
GONE_SECONDS: Final = 60.0


class StillThere(Exception):
    """A cluster does not go away."""


class Subject:
    """One cluster by name. Requests return the resourceVersion of what they wrote of ours."""

    side: Side
    kind: Kind

    def __init__(self, api: KubeApi, namespace: str, name: str, version: str) -> None:
        self.api = api
        self.namespace = namespace
        self.name = name
        self.version = version

    async def create(self, size: int) -> str:
        """Ask for the cluster."""
        raise NotImplementedError

    async def kill(self, pod: Json) -> str:
        """Delete a Pod, as `kubectl delete pod` does."""
        metadata = pod["metadata"]
        await self.api.delete(kube.PODS, self.namespace, metadata["name"], uid=metadata["uid"])
        return ""

    async def remove(self) -> None:
        """Delete everything and wait until no disk is left, which is the last thing to go."""
        try:
            live = await self.api.get(self.kind, self.namespace, self.name)
            uid = live["metadata"]["uid"]
            await self.api.delete(self.kind, self.namespace, self.name, uid=uid)
        except NotFound:
            return
        try:
            async with asyncio.timeout(GONE_SECONDS):
                while True:
                    if not await self._leaves_something():
                        return
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError as error:
            raise StillThere(f"{self.name} is not gone after {GONE_SECONDS:.0f} s") from error

    async def _leaves_something(self) -> bool:
        try:
            await self.api.get(self.kind, self.namespace, self.name)
        except NotFound:
            return await self._count(kube.PODS) + await self._count(kube.CLAIMS) > 0
        except KubeError:
            return True
        return True

    async def _count(self, kind: Kind) -> int:
        """All objects of a kind: there is never more than one cluster in the namespace."""
        count = 0
        async for page in self.api.list_pages(kind, self.namespace):
            count += len(page.get("items") or ())
        return count


class Floor(Subject):
    """The hand-written StatefulSet."""

    side = Side.FLOOR
    kind = kube.STATEFUL_SETS

    async def create(self, size: int) -> str:
        """Create the Service, then the StatefulSet."""
        where = (self.namespace, self.name)
        await self.api.create(kube.SERVICES, self.namespace, build_floor_service(*where))
        manifest = build_floor(*where, self.version, size)
        await self.api.create(kube.STATEFUL_SETS, self.namespace, manifest)
        return ""


class Ours(Subject):
    """The EtcdCluster."""

    side = Side.OURS
    kind = kube.CLUSTERS

    async def create(self, size: int) -> str:
        """Create the EtcdCluster."""
        manifest = build_ours(self.namespace, self.name, self.version, size)
        return _version(await self.api.create(kube.CLUSTERS, self.namespace, manifest))

    async def resize(self, size: int) -> str:
        """Write another size."""
        patch = {"spec": {"size": size}}
        return _version(await self.api.merge_patch(kube.CLUSTERS, self.namespace, self.name, patch))

    async def roll(self, mark: str) -> str:
        """Write something that every member has to be replaced for."""
        patch = {"spec": {"podTemplate": {"annotations": {"bench.example.com/mark": mark}}}}
        return _version(await self.api.merge_patch(kube.CLUSTERS, self.namespace, self.name, patch))

    async def says_it_is_done(self, size: int) -> bool:
        """Whether status says that this size is reached: then nothing more will be written."""
        live = await self.api.get(kube.CLUSTERS, self.namespace, self.name)
        status = live.get("status") or {}
        return bool(
            status.get("observedGeneration") == live["metadata"]["generation"]
            and status.get("phase") == "Running"
            and status.get("readyReplicas") == size == status.get("replicas")
        )


def _version(answer: Json) -> str:
    return str(answer["metadata"]["resourceVersion"])

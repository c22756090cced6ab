"""The API server in memory, which notes the rights that each request needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import PODS, Kind, WatchEvent
from tests.fakes.kubernetes import ApiServer, InMemoryApi

Right = tuple[str, str, str]  # API group, resource, verb


class RightsApi(InMemoryApi):
    """InMemoryApi that adds to `needed`; what is to be changed is there, as it was looked at."""

    def __init__(self, needed: set[Right]) -> None:
        super().__init__(ApiServer())
        self.needed = needed

    def _note(self, kind: Kind, *verbs: str, subresource: str = "") -> None:
        resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
        self.needed |= {(kind.group, resource, verb) for verb in verbs}

    def _have(self, kind: Kind, namespace: str, name: str, metadata: Json) -> None:
        """Store the object that a request has looked at, unless there is one."""
        if metadata.get("uid") and (kind.name, namespace, name) not in self.server.objects:
            self.server.version = int(metadata.get("resourceVersion") or 9) - 1
            self.server.put(kind, name, {"metadata": {"uid": metadata["uid"]}}, namespace)

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        self._note(kind, "get")
        return await super().get(kind, namespace, name)

    def list_pages(
        self, kind: Kind, namespace: str | None, label_selector: str = "", **rest: str
    ) -> AsyncIterator[Json]:
        self._note(kind, "list")
        return super().list_pages(kind, namespace, label_selector, **rest)

    def watch(
        self, kind: Kind, namespace: str | None, label_selector: str, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        self._note(kind, "watch")
        return super().watch(kind, namespace, label_selector, resource_version)

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        self._note(kind, "create")
        return await super().create(kind, namespace, body)

    async def apply(self, kind: Kind, manifest: Json) -> Json:
        # Server-side apply is a patch, and needs the right to create where it does.
        self._note(kind, "create", "patch")
        metadata = manifest["metadata"]
        self._have(kind, metadata["namespace"], metadata["name"], metadata)
        return await super().apply(kind, manifest)

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        self._note(kind, "patch", subresource=subresource)
        self._have(kind, namespace, name, patch["metadata"])
        return await super().merge_patch(kind, namespace, name, patch, subresource=subresource)

    async def resize(self, namespace: str, name: str, **_: Any) -> Json:
        self._note(PODS, "patch", subresource="resize")
        return self.server.objects[PODS.name, namespace, name]

    async def evict(self, namespace: str, name: str, *, uid: str, **_: Any) -> None:
        self._note(PODS, "create", subresource="eviction")
        self._have(PODS, namespace, name, {"uid": uid})
        await InMemoryApi.delete(self, PODS, namespace, name, uid=uid)

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str, **rest: Any) -> Json:
        self._note(kind, "delete")
        version = rest.get("resource_version")
        self._have(kind, namespace, name, {"uid": uid, "resourceVersion": version})
        return await super().delete(kind, namespace, name, uid=uid, **rest)

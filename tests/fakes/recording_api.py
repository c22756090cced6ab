# ruff: noqa: ARG002 (an implementation of a protocol has all its arguments)
"""An API server for tests that notes which rights each request needs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from etcd_operator.errors import Conflict, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import LEASES, PODS, VOLUMES, Kind, WatchEvent
from tests.builders.snapshots import UID
from tests.builders.volumes import bound_volume

Right = tuple[str, str, str]  # API group, resource, verb


class RecordingApi:
    """An API server that has next to nothing and notes which rights each request needs."""

    def __init__(self) -> None:
        self.needed: set[Right] = set()
        self.leases: dict[str, Json] = {}
        self.conflict = False

    def _note(self, kind: Kind, *verbs: str, subresource: str = "") -> None:
        resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
        self.needed |= {(kind.group, resource, verb) for verb in verbs}

    def _answer(self, body: Json) -> Json:
        if self.conflict:
            raise Conflict("it has changed", 409)
        metadata = {"uid": UID, "resourceVersion": "9", **body.get("metadata", {})}
        return {**body, "metadata": {**metadata, "resourceVersion": "9"}}

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        self._note(kind, "get")
        if kind is VOLUMES:
            return bound_volume("n1")
        if kind is not LEASES or name not in self.leases:
            raise NotFound(f"{name} not found", 404)
        return self.leases[name]

    async def list_pages(
        self,
        kind: Kind,
        namespace: str | None,
        label_selector: str = "",
        *,
        field_selector: str = "",
    ) -> AsyncIterator[Json]:
        self._note(kind, "list")
        yield {"metadata": {"resourceVersion": "1"}, "items": []}

    async def watch(self, kind: Kind, *_: object) -> AsyncIterator[WatchEvent]:
        self._note(kind, "watch")
        await asyncio.sleep(3600)
        yield WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": "1"}})

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        self._note(kind, "create")
        answer = self._answer(body)
        if kind is LEASES:
            self.leases[body["metadata"]["name"]] = answer
        return answer

    async def apply(self, kind: Kind, manifest: Json) -> Json:
        # Server-side apply is a patch, and needs the right to create where it does.
        self._note(kind, "create", "patch")
        return self._answer(manifest)

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        self._note(kind, "patch", subresource=subresource)
        place = {"namespace": namespace, "name": name}
        return self._answer({**patch, "metadata": {**place, **patch["metadata"]}})

    async def evict(self, *_: object, **__: object) -> None:
        self._note(PODS, "create", subresource="eviction")

    async def delete(self, kind: Kind, *_: object, **__: object) -> Json:
        self._note(kind, "delete")
        return self._answer({})

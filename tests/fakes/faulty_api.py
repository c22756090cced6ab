# ruff: noqa: ARG002 (an implementation of a protocol has all its arguments)
"""A KubeApi in memory that keeps objects, watches and preconditions, in whatever weather.

It behaves as the real one does for what the operator asks: one resourceVersion for all writes, uid
and resourceVersion insisted on, deletions at once. No controller looks at what is stored.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from etcd_operator.errors import Conflict, KubeError, KubeUnavailable, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import PODS, Kind, WatchEvent

Key = tuple[str, str, str]  # kind, namespace, name

READS = ("get", "list", "watch")


class Request(NamedTuple):
    """One request as it arrived."""

    at: float
    verb: str
    kind: str
    name: str = ""

    @property
    def writes(self) -> bool:
        """Whether it is to change something."""
        return self.verb not in READS


class Weather(NamedTuple):
    """What becomes of requests: the seconds until they take effect, and an error instead.

    `lost`: the request takes effect, and then the error is what comes back.
    """

    seconds: float = 0.0
    error: Callable[[], KubeError] | None = None
    lost: bool = False
    only_writes: bool = False


FAIR = Weather()


class WeatheredApi:
    """The API server and the connection to it in one."""

    def __init__(self) -> None:
        self.objects: dict[Key, Json] = {}
        self.requests: list[Request] = []
        self.effects: list[Request] = []
        self.weather = FAIR
        self._version = 0
        self._history: list[tuple[int, str, Json]] = []
        self._changed = asyncio.Event()

    def change(self, weather: Weather) -> None:
        """The weather changes; open watches break when a storm begins."""
        self.weather = weather
        self._wake()

    def store(self, event: str, key: Key, body: Json) -> Json:
        """Store an object under the next resourceVersion."""
        self._version += 1
        old = self.objects.get(key)
        body = copy.deepcopy(body)
        body["kind"] = key[0]
        body["metadata"]["uid"] = (old or body)["metadata"].get("uid") or f"uid-{self._version}"
        body["metadata"]["resourceVersion"] = str(self._version)
        if event == "DELETED":
            del self.objects[key]
        else:
            self.objects[key] = body
        self._history.append((self._version, event, body))
        self._wake()
        return copy.deepcopy(body)

    def find(self, kind: str) -> list[Json]:
        """All objects of a kind, by name."""
        return [body for key, body in sorted(self.objects.items()) if key[0] == kind]

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _arrive(self, verb: str, kind: Kind, name: str = "") -> Request:
        request = Request(asyncio.get_running_loop().time(), verb, kind.name, name)
        self.requests.append(request)
        weather = self.weather
        if weather.only_writes and not request.writes:
            return request
        await asyncio.sleep(weather.seconds)
        if weather.error and not weather.lost:
            raise weather.error()
        return request

    def _answer(self, request: Request, body: Json) -> Json:
        self.effects.append(request)
        if self.weather.error and self.weather.lost:
            raise self.weather.error()
        return body

    def _insist(self, key: Key, uid: str | None, version: str | None) -> Json | None:
        live = self.objects.get(key)
        known = live["metadata"] if live else {}
        if (uid and known.get("uid") != uid) or (
            live and version and known["resourceVersion"] != version
        ):
            raise Conflict(f"{key[2]} is not what was looked at", 409)
        return live

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return one object."""
        await self._arrive("get", kind, name)
        found = self.objects.get((kind.name, namespace, name))
        if found is None:
            raise NotFound(f"{name} not found", 404)
        return copy.deepcopy(found)

    async def list_pages(
        self,
        kind: Kind,
        namespace: str | None,
        label_selector: str = "",
        *,
        field_selector: str = "",
    ) -> AsyncIterator[Json]:
        """Yield everything as one page."""
        await self._arrive("list", kind)
        yield {
            "metadata": {"resourceVersion": str(self._version)},
            "items": copy.deepcopy(self.find(kind.name)),
        }

    async def watch(
        self, kind: Kind, namespace: str | None, label_selector: str, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield what happens after a resourceVersion, until a storm comes."""
        await self._arrive("watch", kind)
        at, begun = int(resource_version), self.weather
        while True:
            changed = self._changed
            for version, event, body in self._history:
                if version > at and body["kind"] == kind.name:
                    yield WatchEvent(event, copy.deepcopy(body))
            at = self._version
            if self.weather is not begun and not self.weather.only_writes:
                raise KubeUnavailable("the connection broke")
            await changed.wait()

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create an object."""
        key = (kind.name, namespace, body["metadata"]["name"])
        request = await self._arrive("create", kind, key[2])
        if key in self.objects:
            raise Conflict(f"{key[2]} exists", 409)
        return self._answer(request, self.store("ADDED", key, body))

    async def apply(self, kind: Kind, manifest: Json) -> Json:
        """Server-side apply of everything that the manifest says."""
        metadata = manifest["metadata"]
        key = (kind.name, metadata["namespace"], metadata["name"])
        request = await self._arrive("apply", kind, key[2])
        live = self._insist(key, metadata.get("uid"), metadata.get("resourceVersion"))
        event = "MODIFIED" if live else "ADDED"
        return self._answer(request, self.store(event, key, {**(live or {}), **manifest}))

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        """Merge-patch an object or its status."""
        request = await self._arrive("patch", kind, name)
        metadata = patch["metadata"]
        key = (kind.name, namespace, name)
        live = self._insist(key, metadata.get("uid"), metadata.get("resourceVersion"))
        if live is None:
            raise NotFound(f"{name} not found", 404)
        changed = {**live, **patch, "metadata": {**live["metadata"], **metadata}}
        return self._answer(request, self.store("MODIFIED", key, changed))

    async def evict(self, namespace: str, name: str, *, uid: str) -> None:
        """Evict exactly the Pod with this uid: no budget is against it."""
        await self.delete(PODS, namespace, name, uid=uid)

    async def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        uid: str,
        resource_version: str | None = None,
        grace_seconds: int | None = None,
        orphan: bool = False,
    ) -> Json:
        """Delete exactly the object with this uid."""
        request = await self._arrive("delete", kind, name)
        key = (kind.name, namespace, name)
        if key not in self.objects:
            raise NotFound(f"{name} not found", 404)
        live = self._insist(key, uid, resource_version)
        return self._answer(request, self.store("DELETED", key, live or {}))

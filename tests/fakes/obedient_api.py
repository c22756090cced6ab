# ruff: noqa: ARG002 (an implementation of a protocol has all its arguments)
"""A KubeApi in memory that obeys orders: slow, hanging, failing, away."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

from etcd_operator.errors import Conflict, KubeUnavailable, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import Kind, WatchEvent

# Told of each request (who asks, which verb); returns the delay before it takes effect and the one
# after it, both in seconds, or raises.
Weather = Callable[[str, str], tuple[float, float]]


class LoopClock:
    """The loop's own (virtual) time as a clock; the wall clock may jump."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def monotonic(self) -> float:
        """Seconds of the loop."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """A wall clock that runs with the loop, wherever it was set to."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic()) + self.offset


class MemoryServer:
    """The objects, shared by the connections of all replicas."""

    def __init__(self, weather: Weather = lambda *_: (0.0, 0.0)) -> None:
        self.objects: dict[str, Json] = {}
        self.created: list[Json] = []
        self.weather = weather
        self._version = 0

    def store(self, name: str, body: Json) -> Json:
        """Store an object under the next resourceVersion."""
        self._version += 1
        body = copy.deepcopy(body)
        body["metadata"]["resourceVersion"] = str(self._version)
        self.objects[name] = body
        return copy.deepcopy(body)


class MemoryApi:
    """One replica's connection."""

    def __init__(self, server: MemoryServer, who: str = "") -> None:
        self.server = server
        self.who = who

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return one object."""
        before, after = self.server.weather(self.who, "get")
        await asyncio.sleep(before)
        found = copy.deepcopy(self.server.objects.get(name))
        await asyncio.sleep(after)
        if found is None:
            raise NotFound(f"{name} not found", 404)
        return found

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create an object."""
        before, after = self.server.weather(self.who, "create")
        await asyncio.sleep(before)
        name = body["metadata"]["name"]
        if name in self.server.objects:
            raise Conflict(f"{name} exists", 409)
        self.server.created.append(body)
        answer = self.server.store(name, body)
        await asyncio.sleep(after)
        return answer

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        """Change an object if its version is the one that was seen."""
        before, after = self.server.weather(self.who, "patch")
        await asyncio.sleep(before)
        live = self.server.objects[name]
        if patch["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]:
            raise Conflict("it has changed", 409)
        answer = self.server.store(name, {**live, "spec": {**live["spec"], **patch["spec"]}})
        await asyncio.sleep(after)
        return answer

    async def apply(self, kind: Kind, manifest: Json) -> Json:
        """Not needed here."""
        raise KubeUnavailable("not needed here")

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
        """Not needed here."""
        raise KubeUnavailable("not needed here")

    async def evict(self, namespace: str, name: str, *, uid: str) -> None:
        """Not needed here."""
        raise KubeUnavailable("not needed here")

    async def list_pages(
        self,
        kind: Kind,
        namespace: str | None,
        label_selector: str = "",
        *,
        field_selector: str = "",
    ) -> AsyncIterator[Json]:
        """Nothing is listed here."""
        return
        yield {}

    async def watch(
        self, kind: Kind, namespace: str | None, label_selector: str, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Nothing is watched here."""
        return
        yield WatchEvent("", {})

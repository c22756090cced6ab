# ruff: noqa: ARG002 (an implementation of a protocol has all its arguments)
"""API server in memory: objects, watches, preconditions, and faults of the way there.

It behaves as the real one does for what the operator asks: one resourceVersion for all writes, uid
and resourceVersion insisted on, deletions at once unless a finalizer is in the way, an apply that
leaves what others have put beside it. No controller looks at what is stored.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from etcd_operator.errors import Conflict, KubeError, KubeUnavailable, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import EVENTS, PODS, Kind, WatchEvent

Key = tuple[str, str, str]  # kind, namespace, name

READS = ("get", "list", "watch")


class Request(NamedTuple):
    """One request as it arrived."""

    at: float
    verb: str
    kind: str
    name: str = ""  # of a list: its namespace and selectors

    def __str__(self) -> str:
        """As a person would write it: `get Pod db-0`."""
        return f"{self.verb} {self.kind} {self.name}".rstrip()

    @property
    def writes(self) -> bool:
        """Whether it is to change something."""
        return self.verb not in READS


class ApiFaults(NamedTuple):
    """What becomes of requests: the seconds until they take effect, and an error instead.

    `lost`: the request takes effect, and then the error is what comes back.
    """

    seconds: float = 0.0
    error: Callable[[], KubeError] | None = None
    lost: bool = False
    only_writes: bool = False


NO_FAULTS = ApiFaults()
# When whatever waits for its finalizers was deleted.
DELETED_AT = "2026-03-04T05:06:07Z"

# Told of each request (who asks, which verb); returns the delay before it takes effect and the one
# after it, both in seconds, or raises.
Pace = Callable[[str, str], tuple[float, float]]


class ApiServer:
    """The objects, shared by all connections, and what was asked of them."""

    def __init__(self, pace: Pace = lambda *_: (0.0, 0.0), *, page_size: int = 500) -> None:
        self.objects: dict[Key, Json] = {}
        self.applied: dict[Key, Json] = {}  # by the operator, the last time
        self.created: list[Json] = []
        self.requests: list[Request] = []
        self.effects: list[Request] = []
        self.reads: list[Request] = []  # of single objects, as they were answered
        self.sent: list[tuple[str, Json]] = []  # what wrote, in words, and what it said
        self.delays: dict[str, float] = {}  # by the name of the object
        self.faults = NO_FAULTS
        self.refusals: list[KubeError] = []  # of the next writes, one after the other
        self.admission: Callable[[Json], object] = lambda _: None  # changes what is applied
        self.pace = pace
        self.page_size = page_size
        self.version = 0
        self.history: list[tuple[int, str, Json]] = []
        self.changed = asyncio.Event()

    @property
    def asked(self) -> list[str]:
        """What was asked, in words."""
        return [str(request) for request in self.requests]

    def change(self, faults: ApiFaults) -> None:
        """Begin or end faults; open watches break with the first of them."""
        self.faults = faults
        self._wake()

    def put(self, kind: Kind, name: str, body: Json | None = None, namespace: str = "") -> Json:
        """Store an object as somebody else has written it."""
        body = body or {}
        whole = {**body, "metadata": {"name": name, **body.get("metadata", {})}}
        event = "MODIFIED" if (kind.name, namespace, name) in self.objects else "ADDED"
        return self.store(event, (kind.name, namespace, name), whole)

    def warn(self, uid: str, *events: Json, namespace: str = "team") -> None:
        """Store Events about the object with this uid, in this order."""
        for event in events:
            about = {"involvedObject": {"uid": uid}}
            self.put(EVENTS, f"event-{self.version:06}", {**event, **about}, namespace)

    def store(self, event: str, key: Key, body: Json) -> Json:
        """Store an object under the next resourceVersion."""
        self.version += 1
        old = self.objects.get(key)
        body = copy.deepcopy(body)
        body["kind"] = key[0]
        if key[1]:
            body["metadata"]["namespace"] = key[1]
        body["metadata"]["uid"] = (old or body)["metadata"].get("uid") or f"uid-{self.version}"
        body["metadata"]["resourceVersion"] = str(self.version)
        if event == "DELETED":
            del self.objects[key]
        else:
            self.objects[key] = body
        self.history.append((self.version, event, body))
        self._wake()
        return copy.deepcopy(body)

    def find(self, kind: str) -> list[Json]:
        """All objects of a kind, by name."""
        return [body for key, body in sorted(self.objects.items()) if key[0] == kind]

    def _wake(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


class InMemoryApi:
    """One connection to the server: KubeApi without HTTP."""

    def __init__(self, server: ApiServer | None = None, who: str = "") -> None:
        self.server = server or ApiServer()
        self.who = who

    async def _arrive(
        self, verb: str, kind: Kind, name: str = "", body: Json | None = None
    ) -> tuple[Request, float]:
        """Wait until the request takes effect; return how long its answer takes then."""
        server = self.server
        request = Request(asyncio.get_running_loop().time(), verb, kind.name, name)
        server.requests.append(request)
        if body is not None:
            server.sent.append((str(request), body))
        before, after = server.pace(self.who, verb)
        faults = server.faults
        if faults.only_writes and not request.writes:
            return request, after
        await asyncio.sleep(before + faults.seconds + server.delays.get(name, 0.0))
        if faults.error and not faults.lost:
            raise faults.error()
        if request.writes and server.refusals:
            raise server.refusals.pop(0)
        return request, after

    async def _answer(self, arrived: tuple[Request, float], body: Json) -> Json:
        request, after = arrived
        self.server.effects.append(request)
        await asyncio.sleep(after)
        if self.server.faults.error and self.server.faults.lost:
            raise self.server.faults.error()
        return body

    def _insist(self, key: Key, uid: str | None, version: str | None) -> Json | None:
        live = self.server.objects.get(key)
        known = live["metadata"] if live else {}
        if (uid and known.get("uid") != uid) or (
            live and version and known["resourceVersion"] != version
        ):
            raise Conflict(f"{key[2]} is not what was looked at", 409)
        return live

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return one object."""
        request, after = await self._arrive("get", kind, name)
        self.server.reads.append(request)
        found = copy.deepcopy(self.server.objects.get((kind.name, namespace, name)))
        await asyncio.sleep(after)
        if found is None:
            raise NotFound(f"{name} not found", 404)
        return found

    async def list_pages(
        self,
        kind: Kind,
        namespace: str | None,
        label_selector: str = "",
        *,
        field_selector: str = "",
    ) -> AsyncIterator[Json]:
        """Yield what is selected; each page is a request."""
        asked = " ".join(filter(None, (namespace, label_selector, field_selector)))
        size = self.server.page_size
        for first in itertools.count(step=size):
            await self._arrive("list", kind, asked)
            chosen = [
                body
                for key, body in sorted(self.server.objects.items())
                if key[0] == kind.name
                and namespace in {None, key[1]}
                and _matches(body["metadata"].get("labels") or {}, label_selector)
                and _matches(_flatten(body), field_selector)
            ]
            yield {
                "metadata": {"resourceVersion": str(self.server.version)},
                "items": [_as_listed(body) for body in chosen[first : first + size]],
            }
            if first + size >= len(chosen):
                return

    async def watch(
        self, kind: Kind, namespace: str | None, label_selector: str, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield what happens after a resourceVersion, until a storm comes."""
        await self._arrive("watch", kind)
        server, at = self.server, int(resource_version)
        begun = server.faults
        while True:
            changed = server.changed
            for version, event, body in server.history:
                if version > at and body["kind"] == kind.name:
                    yield WatchEvent(event, copy.deepcopy(body))
            at = server.version
            if server.faults is not begun and not server.faults.only_writes:
                raise KubeUnavailable("the connection broke")
            await changed.wait()

    async def create(self, kind: Kind, namespace: str, body: Json) -> Json:
        """Create an object."""
        key = (kind.name, namespace, body["metadata"]["name"])
        request = await self._arrive("create", kind, key[2], body)
        if key in self.server.objects:
            raise Conflict(f"{key[2]} exists", 409)
        self.server.created.append(body)
        return await self._answer(request, self.server.store("ADDED", key, body))

    async def apply(self, kind: Kind, manifest: Json) -> Json:
        """Server-side apply of everything that the manifest says."""
        metadata = manifest["metadata"]
        key = (kind.name, metadata["namespace"], metadata["name"])
        request = await self._arrive("apply", kind, key[2], manifest)
        live = self._insist(key, metadata.get("uid"), metadata.get("resourceVersion"))
        whole = copy.deepcopy(self._lay_over(key, live, manifest))
        self.server.admission(whole)
        if whole == live:
            return await self._answer(request, copy.deepcopy(whole))
        event = "MODIFIED" if live else "ADDED"
        return await self._answer(request, self.server.store(event, key, whole))

    def _lay_over(self, key: Key, live: Json | None, manifest: Json) -> Json:
        """What was applied before and is not any more goes; what others have put there stays."""
        left = _drop(live, self.server.applied.get(key), manifest) if live else {}
        self.server.applied[key] = copy.deepcopy(manifest)
        whole: Json = _cover(left, manifest)
        return whole

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        """Merge-patch an object or its status."""
        request = await self._arrive("patch", kind, name, patch)
        metadata = patch["metadata"]
        key = (kind.name, namespace, name)
        if key not in self.server.objects:
            raise NotFound(f"{name} not found", 404)
        live = self._insist(key, metadata.get("uid"), metadata.get("resourceVersion"))
        changed = _merge(live, patch)
        left = changed["metadata"]
        ended = left.get("deletionTimestamp") and not left.get("finalizers")
        event = "DELETED" if ended else "MODIFIED"
        return await self._answer(request, self.server.store(event, key, changed))

    async def resize(
        self, namespace: str, name: str, *, resource_version: str, container: str, resources: Json
    ) -> Json:
        """Give a container other resources, as the kubelet does at once."""
        request = await self._arrive("patch", PODS, name, resources)
        key = (PODS.name, namespace, name)
        if key not in self.server.objects:
            raise NotFound(f"{name} not found", 404)
        pod = copy.deepcopy(self._insist(key, None, resource_version) or {})
        for one in (*pod["spec"]["containers"], *pod["status"]["containerStatuses"]):
            if one["name"] == container:
                one["resources"] = copy.deepcopy(resources)
        return await self._answer(request, self.server.store("MODIFIED", key, pod))

    async def evict(
        self, namespace: str, name: str, *, uid: str, grace_seconds: int | None = None
    ) -> None:
        """Evict exactly the Pod with this uid: no budget is against it."""
        await self.delete(PODS, namespace, name, uid=uid, grace_seconds=grace_seconds)

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
        wanted = {
            "uid": uid,
            "resource_version": resource_version,
            "grace_seconds": grace_seconds,
            "orphan": orphan,
        }
        said = {key: value for key, value in wanted.items() if value}
        request = await self._arrive("delete", kind, name, said)
        key = (kind.name, namespace, name)
        if key not in self.server.objects:
            raise NotFound(f"{name} not found", 404)
        live = self._insist(key, uid, resource_version) or {}
        if live["metadata"].get("finalizers"):
            going = _merge(live, {"metadata": {"deletionTimestamp": DELETED_AT}})
            return await self._answer(request, self.server.store("MODIFIED", key, going))
        return await self._answer(request, self.server.store("DELETED", key, live))


def _drop(live: Any, before: Any, now: Any) -> Any:
    """Live without the fields that were applied before, and are not any more."""
    if not (isinstance(live, dict) and isinstance(before, dict) and isinstance(now, dict)):
        return live
    return {
        key: _drop(value, before.get(key), now.get(key))
        for key, value in live.items()
        if key in now or key not in before
    }


def _cover(live: Any, manifest: Any) -> Any:
    """Maps grow by what is applied; everything else is as applied."""
    if not isinstance(live, dict) or not isinstance(manifest, dict):
        return manifest
    return {**live, **{key: _cover(live.get(key), one) for key, one in manifest.items()}}


def _merge(live: Any, patch: Any) -> Any:
    """RFC 7386: objects are merged, null deletes, everything else is replaced."""
    if not isinstance(live, dict) or not isinstance(patch, dict):
        return patch
    merged = {**live, **{key: _merge(live.get(key), value) for key, value in patch.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def _flatten(body: Json, prefix: str = "") -> dict[str, str]:
    """Fields by their paths, as field selectors name them."""
    found: dict[str, str] = {}
    for key, value in body.items():
        if isinstance(value, dict):
            found |= _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            found[prefix + key] = value
    return found


def _as_listed(body: Json) -> Json:
    """An item of a list: of what kind it is, only the list says."""
    return copy.deepcopy({k: v for k, v in body.items() if k not in ("apiVersion", "kind")})


def _matches(fields: dict[str, str], selector: str) -> bool:
    """Whether all of `a=b,c` hold."""
    terms = [term.partition("=") for term in selector.split(",") if term]
    return all(name in fields and (not sign or fields[name] == v) for name, sign, v in terms)

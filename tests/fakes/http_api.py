"""A small honest API server over real HTTP: lists in pages, watches, and all that goes wrong.

Faults are queued per verb and used up one by one, so that a test says what happens and in which
order. Without faults it behaves as the real one: one resourceVersion for all writes, history that
can be compacted, preconditions that are checked.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
from aiohttp import web

from etcd_operator.json_types import Json

Key = tuple[str, str]

STATUS_FAULTS = {"429": 429, "500": 500, "503": 503, "gone": 410}
LIST_FAULTS = ("429", "500", "503", "gone", "drop", "garbage", "cut")
WATCH_FAULTS = (*LIST_FAULTS, "silent", "end", "error-410", "error-500")


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any


@dataclass
class FakeApi:
    """One collection of objects, whatever its kind; all of them in one namespace map."""

    page_size: int = 3
    objects: dict[Key, Json] = field(default_factory=dict)
    faults: dict[str, deque[str]] = field(default_factory=dict)
    requests: list[Seen] = field(default_factory=list)
    url: str = ""
    bookmarks: bool = True

    def __post_init__(self) -> None:
        self._version = 100
        self._born = 0
        self._history: list[tuple[int, str, Json]] = []
        self._compacted = 0
        self._pages: dict[str, tuple[int, list[Json]]] = {}
        self._changed = asyncio.Event()
        self._transports: set[asyncio.Transport] = set()

    # What a test does to the server

    def break_next(self, verb: str, *faults: str) -> None:
        """The next requests of this verb (list, watch, write) go wrong like this."""
        self.faults.setdefault(verb, deque()).extend(faults)

    def write(
        self, name: str, *, namespace: str = "team", cluster: str = "db", **spec: Any
    ) -> Json:
        """Somebody creates or changes an object."""
        old = self.objects.get((namespace, name))
        if old is None:
            self._born += 1
        uid = old["metadata"]["uid"] if old else f"u{self._born}"
        labels = {"cluster": cluster}
        metadata = {"name": name, "namespace": namespace, "uid": uid, "labels": labels}
        return self._store("MODIFIED" if old else "ADDED", {"metadata": metadata, "spec": spec})

    def remove(self, name: str, *, namespace: str = "team") -> None:
        """Somebody deletes an object."""
        self._store("DELETED", self.objects[namespace, name])

    def compact(self) -> None:
        """Forget the history: older watches have to list again."""
        self._compacted = self._version
        self._history.clear()
        self._pages.clear()

    def drop_connections(self) -> None:
        """Every open connection breaks now."""
        for transport in list(self._transports):
            transport.abort()

    def snapshot(self) -> dict[Key, tuple[str, int]]:
        """Uid and version of everything there is."""
        return {
            key: (o["metadata"]["uid"], int(o["metadata"]["resourceVersion"]))
            for key, o in self.objects.items()
        }

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[FakeApi]:
        """Serve on a free port of loopback."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.005)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            self.drop_connections()
            await runner.cleanup()

    # What the server does

    def _store(self, event: str, item: Json) -> Json:
        self._version += 1
        item = copy.deepcopy(item)
        metadata = item["metadata"]
        metadata["resourceVersion"] = str(self._version)
        item.setdefault("apiVersion", "v1")
        item.setdefault("kind", "ConfigMap")
        key = (metadata["namespace"], metadata["name"])
        if event == "DELETED":
            del self.objects[key]
        else:
            self.objects[key] = item
        self._history.append((self._version, event, item))
        self._wake()
        return item

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if isinstance(request.transport, asyncio.Transport):
            self._transports.add(request.transport)
        text = await request.text()
        body = json.loads(text) if text else None
        seen = Seen(request.method, request.path, dict(request.query), request.content_type, body)
        self.requests.append(seen)
        verb = _verb(seen)
        queue = self.faults.get(verb)
        fault = queue.popleft() if queue else ""
        if fault in STATUS_FAULTS:
            headers = {"Retry-After": "7"} if fault == "429" else {}
            return _status(STATUS_FAULTS[fault], f"fault {fault}", headers=headers)
        if verb == "watch":
            return await self._watch(request, fault)
        if fault:
            return await _break(request, fault)
        return self._list(seen) if verb == "list" else self._change(seen)

    def _list(self, seen: Seen) -> web.Response:
        token = seen.query.get("continue", "")
        if token and token not in self._pages:
            return _status(410, "the provided continue parameter is too old")
        version, items = self._pages.pop(token, (self._version, list(self.objects.values())))
        items = [item for item in items if _selected(item, seen)]
        page, rest = items[: self.page_size], items[self.page_size :]
        metadata = {"resourceVersion": str(version)}
        if rest:
            metadata["continue"] = f"token-{len(self.requests)}"
            self._pages[metadata["continue"]] = (version, rest)
        bare = [{k: v for k, v in i.items() if k not in ("kind", "apiVersion")} for i in page]
        return web.json_response({"kind": "List", "metadata": metadata, "items": bare})

    async def _watch(self, request: web.Request, fault: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        at = int(request.query["resourceVersion"])
        seen = Seen("GET", request.path, dict(request.query), "", None)
        if fault in ("error-410", "error-500") or at < self._compacted:
            code = 500 if fault == "error-500" else 410
            await _send(response, "ERROR", {"kind": "Status", "code": code, "message": "fault"})
            return response
        if fault == "silent":
            await asyncio.sleep(60)
        if fault:
            return await _spoil(request, response, fault)
        if self.bookmarks:
            await _send(response, "BOOKMARK", {"metadata": {"resourceVersion": str(at)}})
        while True:
            changed = self._changed
            for version, event, item in [entry for entry in self._history if entry[0] > at]:
                at = version
                if _selected(item, seen):
                    await _send(response, event, item)
            if at < self._compacted:
                return response
            await changed.wait()

    def _change(self, seen: Seen) -> web.Response:
        namespace, name = _key_of(seen)
        old = self.objects.get((namespace, name))
        body = seen.body or {}
        wanted = body.get("preconditions" if seen.method == "DELETE" else "metadata") or {}
        if seen.method == "POST":
            if old:
                return _status(409, f"{name} already exists", "AlreadyExists")
            return web.json_response(self._create(body, namespace), status=201)
        if old is None and (seen.method != "PATCH" or "merge" in seen.content_type):
            return _status(404, f"{name} not found", "NotFound")
        for known in ("uid", "resourceVersion"):
            if old and known in wanted and wanted[known] != old["metadata"][known]:
                return _status(409, f"the {known} in the precondition does not match", "Conflict")
        if seen.method == "GET":
            return web.json_response(old)
        if seen.method == "DELETE":
            self.remove(name, namespace=namespace)
            return web.json_response({"kind": "Status", "status": "Success"})
        if old is None:
            return web.json_response(self._create(body, namespace), status=201)
        return web.json_response(self._store("MODIFIED", _merge(old, body)))

    def _create(self, body: Json, namespace: str) -> Json:
        self._born += 1
        metadata = {**body["metadata"], "namespace": namespace, "uid": f"u{self._born}"}
        return self._store("ADDED", {**body, "metadata": metadata})


def connect(url: str) -> httpx2.AsyncClient:
    """A client of a server without TLS: reading the CA bundle would take longer than the test."""
    return httpx2.AsyncClient(base_url=url, verify=False)


def _verb(seen: Seen) -> str:
    if seen.method != "GET":
        return "write"
    if "watch" in seen.query:
        return "watch"
    return "list" if "limit" in seen.query else "get"


def _key_of(seen: Seen) -> Key:
    parts = seen.path.strip("/").split("/")
    place = parts.index("namespaces")
    name = parts[place + 3] if len(parts) > place + 3 else seen.body["metadata"]["name"]
    return parts[place + 1], name


def _selected(item: Json, seen: Seen) -> bool:
    parts = seen.path.strip("/").split("/")
    if (
        "namespaces" in parts
        and parts[parts.index("namespaces") + 1] != item["metadata"]["namespace"]
    ):
        return False
    selector = seen.query.get("labelSelector", "")
    labels = item["metadata"].get("labels") or {}
    return all(labels.get(k) == v for k, v in (p.split("=") for p in selector.split(",") if p))


def _merge(old: Json, patch: Json) -> Json:
    return {**old, **patch, "metadata": {**old["metadata"], **patch.get("metadata", {})}}


def _status(
    code: int, message: str, reason: str = "", headers: dict[str, str] | None = None
) -> web.Response:
    body = {"kind": "Status", "code": code, "message": message, "reason": reason}
    return web.json_response(body, status=code, headers=headers)


async def _send(response: web.StreamResponse, event: str, item: Json) -> None:
    line = json.dumps({"type": event, "object": item}).encode() + b"\n"
    middle = len(line) // 2
    # In two pieces: nothing promises that a line arrives whole.
    await response.write(line[:middle])
    await response.write(line[middle:])


async def _break(request: web.Request, fault: str) -> web.StreamResponse:
    if fault == "garbage":
        return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    if fault == "cut":
        await response.prepare(request)
    return await _spoil(request, response, fault)


async def _spoil(
    request: web.Request, response: web.StreamResponse, fault: str
) -> web.StreamResponse:
    """End a connection that has begun: mid-line, with nonsense, broken, or cleanly."""
    if fault == "cut":
        await response.write(b'{"type": "ADDED", "obj')
    if fault == "garbage":
        await response.write(b"<html>\n")
    if fault in ("cut", "drop") and request.transport:
        request.transport.abort()
    return response

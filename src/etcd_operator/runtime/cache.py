"""List and watch one kind, keep what matters of each object, tell whoever asked of changes.

The store survives everything a watch can suffer: when the server forgot our place (410) it lists
again and works out what was deleted meanwhile; silent and broken connections are dropped and
resumed; nothing ever ends it but cancellation.

Answers to our own writes are stored at once, so that the next pass sees them. Versions of one
object are compared as numbers: Kubernetes declares resourceVersions of one resource comparable
that way, and every API server over etcd has always made them so.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from etcd_operator.errors import Gone, KubeError
from etcd_operator.runtime.clock import Clock, SystemClock
from etcd_operator.runtime.kube import Kind, KubeApi

Json = dict[str, Any]
T = TypeVar("T")
Key = tuple[str, str]

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
# Remember deletions for a while, so that a late answer cannot bring an object back.
TOMBSTONES = 1024

log = structlog.get_logger("cache")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """What is kept of one object."""

    uid: str
    version: int
    cluster: str
    value: T


class Cache(Generic[T]):
    """All objects of one kind that a selector matches, projected to values.

    `project` makes the value of an object; `cluster_of` names the EtcdCluster it belongs to.
    """

    def __init__(
        self,
        api: KubeApi,
        kind: Kind,
        project: Callable[[Json], T],
        cluster_of: Callable[[Json], str],
        *,
        namespaces: tuple[str, ...] = (),
        label_selector: str = "",
        clock: Clock | None = None,
    ) -> None:
        self.kind = kind
        self._api = api
        self._project = project
        self._cluster_of = cluster_of
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._selector = label_selector
        self._clock = clock or SystemClock()
        self._entries: dict[Key, Entry[T]] = {}
        self._by_cluster: dict[Key, set[str]] = {}
        self._tombstones: dict[str, int] = {}
        self._listeners: list[Callable[[str, str], None]] = []
        self._waiting = set(self._namespaces)
        self.synced = asyncio.Event()
        self.last_contact = self._clock.monotonic()
        self._random = random.Random()  # noqa: S311 (jitter)

    def subscribe(self, listener: Callable[[str, str], None]) -> None:
        """Call `listener(namespace, cluster)` whenever an object of a cluster changes."""
        self._listeners.append(listener)

    def get(self, namespace: str, name: str) -> T | None:
        """Return an object's value."""
        entry = self._entries.get((namespace, name))
        return entry.value if entry else None

    def in_cluster(self, namespace: str, cluster: str) -> list[T]:
        """Return the values of all objects of one EtcdCluster, by name."""
        names = self._by_cluster.get((namespace, cluster), ())
        return [self._entries[namespace, name].value for name in sorted(names)]

    def values(self) -> Iterator[T]:
        """All values."""
        return (entry.value for entry in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    async def run(self) -> None:
        """Keep the store current until cancelled."""
        async with asyncio.TaskGroup() as group:
            for namespace in self._namespaces:
                group.create_task(self._follow(namespace))

    async def _follow(self, namespace: str | None) -> None:
        version, pause = "", FIRST_PAUSE
        while True:
            try:
                if not version:
                    version = await self._list(namespace)
                    self._mark_synced(namespace)
                async for event in self._api.watch(self.kind, namespace, self._selector, version):
                    version = self._handle(event.type, event.object) or version
                    pause = FIRST_PAUSE
            except Gone:
                version = ""
            except KubeError as error:
                log.warning("watch interrupted", kind=self.kind.plural, error=str(error)[:200])
            await asyncio.sleep(pause * (1 + self._random.random()))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _mark_synced(self, namespace: str | None) -> None:
        self._waiting.discard(namespace)
        if not self._waiting:
            self.synced.set()

    async def _list(self, namespace: str | None) -> str:
        """Replace what is known by a fresh list; what is missing in it was deleted."""
        seen: dict[Key, str] = {}
        version = ""
        async for page in self._api.list_pages(self.kind, namespace, self._selector):
            self.last_contact = self._clock.monotonic()
            version = page["metadata"]["resourceVersion"]
            for item in page.get("items") or ():
                item.setdefault("kind", self.kind.name)
                item.setdefault("apiVersion", self.kind.api_version)
                metadata = item["metadata"]
                seen[metadata["namespace"], metadata["name"]] = metadata["uid"]
                self.observe(item)
        listed = int(version)
        for key, entry in list(self._entries.items()):
            inside = namespace is None or key[0] == namespace
            # An object newer than the list was written by ourselves while we listed.
            if inside and seen.get(key) != entry.uid and entry.version <= listed:
                self._drop(key, entry)
        return version

    def _handle(self, event_type: str, item: Json) -> str:
        self.last_contact = self._clock.monotonic()
        metadata = item["metadata"]
        if event_type == "DELETED":
            self.observe_deleted(metadata["namespace"], metadata["name"], metadata["uid"])
        elif event_type != "BOOKMARK":
            self.observe(item)
        return str(metadata["resourceVersion"])

    def observe(self, item: Json) -> None:
        """Store an object unless it is older than what is known, or known to be deleted."""
        metadata = item["metadata"]
        key = (metadata["namespace"], metadata["name"])
        uid, version = metadata["uid"], int(metadata["resourceVersion"])
        old = self._entries.get(key)
        if uid in self._tombstones or (old and old.version >= version):
            return
        metadata.pop("managedFields", None)
        entry = Entry(uid, version, self._cluster_of(item), self._project(item))
        if old:
            self._unindex(key, old)
        self._entries[key] = entry
        self._by_cluster.setdefault((key[0], entry.cluster), set()).add(key[1])
        if old is None or old.value != entry.value:
            self._tell(key[0], entry.cluster)

    def observe_deleted(self, namespace: str, name: str, uid: str) -> None:
        """Forget an object that is gone for good."""
        self._tombstones[uid] = 1
        while len(self._tombstones) > TOMBSTONES:
            del self._tombstones[next(iter(self._tombstones))]
        entry = self._entries.get((namespace, name))
        if entry and entry.uid == uid:
            self._drop((namespace, name), entry)

    def _drop(self, key: Key, entry: Entry[T]) -> None:
        del self._entries[key]
        self._unindex(key, entry)
        self._tell(key[0], entry.cluster)

    def _unindex(self, key: Key, entry: Entry[T]) -> None:
        names = self._by_cluster[key[0], entry.cluster]
        names.discard(key[1])
        if not names:
            del self._by_cluster[key[0], entry.cluster]

    def _tell(self, namespace: str, cluster: str) -> None:
        for listener in self._listeners:
            listener(namespace, cluster)

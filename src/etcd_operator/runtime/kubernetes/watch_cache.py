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
import sys
from abc import ABC, abstractmethod
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import structlog

from etcd_operator.errors import Forbidden, Gone, KubeError, KubeUnavailable, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi
from etcd_operator.runtime.process.clock import Clock, SystemClock
from etcd_operator.runtime.process.latest import Latest

T = TypeVar("T")
Key = tuple[str, str]  # namespace and name

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
# A server that asks for more than this is not believed: nothing would be seen for so long.
LONGEST_ASKED = 60.0
# How often a kind that Kubernetes does not have is asked for.
ABSENT_SECONDS = 10.0
# Remember deletions for a while, so that a late answer cannot bring an object back.
TOMBSTONES = 1024

log = structlog.get_logger("cache")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """Cache entry of one object."""

    uid: str
    version: int
    cluster: str
    value: T


class Cache(Generic[T]):
    """All objects of one kind that a selector matches, projected to values.

    `project` makes the value of an object; `cluster_of` names the EtcdCluster it belongs to.
    An `optional` kind need not be known to Kubernetes: until it is, there are no objects.
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
        optional: bool = False,
    ) -> None:
        self.kind = kind
        self._optional = optional
        self._absent: set[str | None] = set()
        self._api = api
        self._project = project
        self._cluster_of = cluster_of
        self._namespaces: tuple[str | None, ...] = namespaces or (None,)
        self._selector = label_selector
        self._clock = clock or SystemClock()
        self._entries: dict[Key, Entry[T]] = {}
        # Names in order. Most are of one object, for which a set takes three times as much.
        self._by_cluster: dict[Key, list[str]] = {}
        self._tombstones: Latest[str, int] = Latest(TOMBSTONES)
        self._listeners: list[Callable[[str, str], None]] = []
        self._waiting = set(self._namespaces)
        self.synced = asyncio.Event()
        self.last_contact = self._clock.monotonic()
        self._random = random.Random()  # noqa: S311 (jitter)

    @property
    def served(self) -> bool:
        """Whether Kubernetes is known to have this kind."""
        return self.synced.is_set() and not self._absent

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
        return [self._entries[namespace, name].value for name in names]

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
            least = 0.0
            try:
                if not version:
                    version = await self._list(namespace)
                    self._absent.discard(namespace)
                    self._mark_synced(namespace)
                async for event in self._api.watch(self.kind, namespace, self._selector, version):
                    version = self._handle(event.type, event.object) or version
                    pause = FIRST_PAUSE
            except Gone:
                version = ""
            except KubeError as error:
                if self._optional and isinstance(error, NotFound | Forbidden):
                    version, least = "", self._miss(namespace, error)
                else:
                    least = self._complain(error)
            except Exception:
                log.exception("watch not understood", kind=self.kind.plural)
                version = ""
            await asyncio.sleep(max(pause * (1 + self._random.random()), least))
            pause = min(pause * 2, LONGEST_PAUSE)

    def _complain(self, error: KubeError) -> float:
        """Note what interrupted a watch; return the seconds that the server asks to wait."""
        log.warning("watch interrupted", kind=self.kind.plural, error=str(error)[:200])
        if isinstance(error, KubeUnavailable):
            return min(error.retry_after or 0.0, LONGEST_ASKED)
        return 0.0

    def _miss(self, namespace: str | None, error: KubeError) -> float:
        """Note that the kind is not there for us; return the seconds until the next look."""
        if namespace not in self._absent:
            log.info("kind not served", kind=self.kind.plural, error=str(error)[:200])
        self._absent.add(namespace)
        for key, entry in list(self._entries.items()):
            if namespace in (None, key[0]):
                self._drop(key, entry)
        self._mark_synced(namespace)
        return ABSENT_SECONDS

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
            self.observe_deleted(
                metadata["namespace"],
                metadata["name"],
                metadata["uid"],
                int(metadata["resourceVersion"]),
            )
        elif event_type != "BOOKMARK":
            self.observe(item)
        return str(metadata["resourceVersion"])

    def observe(self, item: Json) -> None:
        """Store an object unless it is older than what is known, or known to be deleted."""
        metadata = item["metadata"]
        key = (metadata["namespace"], metadata["name"])
        version = int(metadata["resourceVersion"])
        old = self._entries.get(key)
        known = self._tombstones.get(metadata["uid"], 0)
        if version < known or (old and old.version >= version):
            return
        try:
            value = self._project(item)
            # From here on, for the value may be made of texts that many objects have in common.
            key = (sys.intern(metadata["namespace"]), metadata["name"])
            cluster = sys.intern(self._cluster_of(item))
            entry = Entry(metadata["uid"], version, cluster, value)
        except Exception:
            # One object that nobody can read must not hide all the others: it stays as it was.
            log.exception("object not understood", kind=self.kind.plural, object="/".join(key))
            return
        # As large as the object itself, and what is of interest in it has been read by now.
        metadata.pop("managedFields", None)
        self._entries[key] = entry
        if old is None or old.cluster != entry.cluster:
            if old:
                self._unindex(key, old)
            self._index(key, entry)
        if old and old.cluster != entry.cluster:
            self._tell(key[0], old.cluster)
        if old is None or old.value != entry.value:
            self._tell(key[0], entry.cluster)

    def observe_deleted(self, namespace: str, name: str, uid: str, version: int = 0) -> None:
        """Forget an object that is gone, or that the selector does not match any more.

        `version` is that of its end; answers from before it are not believed any more.
        """
        entry = self._entries.get((namespace, name))
        if version and entry and entry.uid == uid and entry.version > version:
            # It left the selection and came back: our own write's answer overtook the watch.
            return
        known = entry.version + 1 if entry and entry.uid == uid else 0
        self._tombstones[uid] = max(version, known)
        if entry and entry.uid == uid:
            self._drop((namespace, name), entry)

    async def refresh(self, namespace: str, name: str, uid: str = "") -> None:
        """Read one object again because the cache was shown to be behind; `uid` is what it had."""
        try:
            self.observe(await self._api.get(self.kind, namespace, name))
        except NotFound:
            if uid:
                self.observe_deleted(namespace, name, uid)

    def _drop(self, key: Key, entry: Entry[T]) -> None:
        del self._entries[key]
        self._unindex(key, entry)
        self._tell(key[0], entry.cluster)

    def _index(self, key: Key, entry: Entry[T]) -> None:
        names = self._by_cluster.get((key[0], entry.cluster))
        if names is None:
            self._by_cluster[key[0], entry.cluster] = [key[1]]
        else:
            insort(names, key[1])

    def _unindex(self, key: Key, entry: Entry[T]) -> None:
        names = self._by_cluster[key[0], entry.cluster]
        del names[bisect_left(names, key[1])]
        if not names:
            del self._by_cluster[key[0], entry.cluster]

    def _tell(self, namespace: str, cluster: str) -> None:
        for listener in self._listeners if cluster else ():
            listener(namespace, cluster)


class CacheGroup(ABC):
    """Several caches that are kept current together."""

    @abstractmethod
    def __iter__(self) -> Iterator[Cache[Any]]:
        """Go through the caches."""

    async def run(self) -> None:
        """Keep everything current until cancelled."""
        async with asyncio.TaskGroup() as group:
            for cache in self:
                group.create_task(cache.run())

    async def wait_until_synced(self) -> None:
        """Return when every kind has been listed."""
        for cache in self:
            await cache.synced.wait()

    def find_unsynced(self) -> list[str]:
        """The kinds that have not been listed yet."""
        return [cache.kind.plural for cache in self if not cache.synced.is_set()]


def own_name(item: Json) -> str:
    """Key of an object of a user: its own name."""
    return str(item["metadata"]["name"])

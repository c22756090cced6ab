"""Tell users what happened, as Kubernetes Events. Never blocks, never fails, never repeats."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import zlib
from collections import deque
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from etcd_operator.errors import Conflict, KubeError, KubeUnavailable
from etcd_operator.printable import make_printable
from etcd_operator.runtime.kubernetes.api import CLUSTERS, EVENTS, KubeApi
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

COMPONENT: Final = "etcd-operator"
REPEAT_SECONDS: Final = 600.0
# All that can be wrong with thousands of clusters at once: what is forgotten is told again.
REMEMBERED: Final = 50_000
LONGEST_MESSAGE: Final = 1000
# Events that wait in one lane, each of some 2 KiB, and how many lanes write at the same time.
BACKLOG: Final = 1000
LANES: Final = 8
# Seconds before each further attempt: an API server that restarts takes less than their sum.
# Longer, and what waits behind would be older than it is worth.
RETRY_AFTER: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

# Digest of whom it is about (uid), the reason and the message: what is said is remembered for each
# of thousands of clusters.
Sentence = bytes

log = structlog.get_logger("events")


@dataclass(frozen=True, slots=True)
class Regarding:
    """The object that an event is about."""

    namespace: str
    name: str
    uid: str
    kind: str = CLUSTERS.name


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Event that is to be written."""

    sentence: Sentence
    namespace: str
    body: dict[str, object]

    @property
    def is_warning(self) -> bool:
        """Whether a person should look."""
        return self.body["type"] == "Warning"


class _Lane:
    """Events of some objects, in the order in which they are to be written.

    When it is full, the oldest that is no warning makes room: what went well can be seen elsewhere.
    """

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._available = asyncio.Event()

    def put(self, event: _Waiting) -> _Waiting | None:
        """Append an event; returns the one that is dropped for it, which may be itself."""
        dropped = self._make_room(event) if len(self._waiting) >= BACKLOG else None
        if dropped is not event:
            self._waiting.append(event)
            self._available.set()
        return dropped

    def _make_room(self, event: _Waiting) -> _Waiting:
        for index, waiting in enumerate(self._waiting):
            if not waiting.is_warning:
                del self._waiting[index]
                return waiting
        return event

    async def get(self) -> _Waiting:
        """Take the oldest out, once there is one."""
        while not self._waiting:
            self._available.clear()
            await self._available.wait()
        return self._waiting.popleft()


class EventRecorder:
    """Writes events in the background, those of one object in order.

    The same sentence about the same object is not written again for ten minutes, unless it is
    about an effect (`always`): an effect that happens twice is two events.
    """

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._lanes = tuple(_Lane() for _ in range(LANES))
        self._told: Latest[Sentence, float] = Latest(REMEMBERED)
        self._count = 0

    def record(
        self,
        regarding: Regarding,
        kind: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        *,
        always: bool = False,
    ) -> None:
        """Write an event, unless it was just said; words of strangers in it do nothing there."""
        message = make_printable(message[:LONGEST_MESSAGE])
        said = f"{regarding.uid} {reason} {message}".encode(errors="replace")
        key = hashlib.blake2b(said, digest_size=16).digest()
        if not always and self._repeats(key):
            return
        body = self._build(regarding, kind, reason, message)
        lane = self._lanes[zlib.crc32(regarding.uid.encode()) % LANES]
        dropped = lane.put(_Waiting(key, regarding.namespace, body))
        if dropped is not None:
            log.warning("event dropped", reason=dropped.body["reason"])
            self._told.pop(dropped.sentence, None)  # whoever says it again is heard

    def _repeats(self, sentence: Sentence) -> bool:
        """Whether it was just said; if not, it is said now."""
        now = self._clock.monotonic()
        # The oldest comes first; what is that old may be said again.
        while self._told and now - next(iter(self._told.values())) >= REPEAT_SECONDS:
            self._told.popitem(last=False)
        if sentence in self._told:
            return True
        self._told[sentence] = now
        return False

    def _build(
        self, regarding: Regarding, kind: str, reason: str, message: str
    ) -> dict[str, object]:
        self._count += 1
        moment = self._clock.now()
        stamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        unique = f"{int(moment.timestamp() * 1e6):x}{self._count:x}"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{regarding.name}.{unique}",
                "namespace": regarding.namespace,
            },
            "involvedObject": {
                "apiVersion": CLUSTERS.api_version,
                "kind": regarding.kind,
                "name": regarding.name,
                "namespace": regarding.namespace,
                "uid": regarding.uid,
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }

    async def run(self) -> None:
        """Write events until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._empty(lane))

    async def _empty(self, lane: _Lane) -> None:
        while True:
            event = await lane.get()
            try:
                await self._write(event.namespace, event.body)
            except KubeError as error:
                log.warning("event lost", reason=event.body["reason"], error=str(error)[:200])
                if isinstance(error, KubeUnavailable):
                    self._told.pop(event.sentence, None)  # whoever says it again is heard

    async def _write(self, namespace: str, body: dict[str, object]) -> None:
        """Create the event, again while the API server is away; raises KubeError."""
        for seconds in RETRY_AFTER:
            try:
                await self._create(namespace, body)
                return
            except KubeUnavailable as error:
                await asyncio.sleep(max(seconds, min(error.retry_after or 0.0, RETRY_AFTER[-1])))
        await self._create(namespace, body)

    async def _create(self, namespace: str, body: dict[str, object]) -> None:
        # Its name is its own: if it exists, an attempt without an answer has written it.
        with contextlib.suppress(Conflict):
            await self._api.create(EVENTS, namespace, body)

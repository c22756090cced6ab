"""Tell users what happened, as Kubernetes Events. Never blocks, never fails, never repeats."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from dataclasses import dataclass
from typing import Final, Literal

import structlog

from etcd_operator.errors import Conflict, KubeError, KubeUnavailable
from etcd_operator.runtime.kubernetes.api import CLUSTERS, EVENTS, KubeApi
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.latest import Latest

COMPONENT: Final = "etcd-operator"
REPEAT_SECONDS: Final = 600.0
# All that can be wrong with thousands of clusters at once: what is forgotten is told again.
REMEMBERED: Final = 50_000
LONGEST_MESSAGE: Final = 1000
BACKLOG: Final = 1000
# Seconds before each further attempt: an API server that restarts takes less than their sum.
# Longer, and what waits behind would be older than it is worth.
RETRY_AFTER: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

# Who it is about (uid), the reason, and a digest of the message.
Sentence = tuple[str, str, bytes]

log = structlog.get_logger("events")


@dataclass(frozen=True, slots=True)
class Regarding:
    """The object that an event is about."""

    namespace: str
    name: str
    uid: str
    kind: str = CLUSTERS.name


class EventRecorder:
    """Writes events in the background, in order.

    The same sentence about the same object is not written again for ten minutes, unless it is
    about an effect (`always`): an effect that happens twice is two events.
    """

    def __init__(self, api: KubeApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._queue: asyncio.Queue[tuple[Sentence, str, dict[str, object]]] = asyncio.Queue(BACKLOG)
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
        """Write an event, unless it was just said."""
        message = message[:LONGEST_MESSAGE]
        digest = hashlib.blake2b(message.encode(errors="replace"), digest_size=16).digest()
        key = (regarding.uid, reason, digest)
        now = self._clock.monotonic()
        last = self._told.get(key)
        if last is not None and now - last < REPEAT_SECONDS and not always:
            return
        if self._queue.full():
            log.warning("event dropped", reason=reason)
            return
        self._told[key] = now
        body = self._build(regarding, kind, reason, message)
        self._queue.put_nowait((key, regarding.namespace, body))

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
        while True:
            key, namespace, body = await self._queue.get()
            try:
                await self._write(namespace, body)
            except KubeError as error:
                log.warning("event lost", reason=body["reason"], error=str(error)[:200])
                if isinstance(error, KubeUnavailable):
                    self._told.pop(key, None)  # whoever says it again is heard

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

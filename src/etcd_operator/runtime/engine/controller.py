"""Turns changes into passes: the queue, its workers, and the steady pace at which all is well.

Clusters never wait for each other: a pass that waits for a silent member holds one of many workers
and nothing else. Where workers are short, what a person changed goes before what changed by itself,
and that before looks at clusters of which nothing is known to have changed. Some workers do only
the first, and of the others few compute at a time: all share one processor, on which a pass that a
person waits for has its turn after each of theirs.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from etcd_operator.errors import OperatorError, find_retry_after
from etcd_operator.runtime.engine.workqueue import Urgency, WorkQueue
from etcd_operator.runtime.kubernetes.watch_cache import Cache, Key
from etcd_operator.runtime.process import logs
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.metrics import Metrics

log = structlog.get_logger("controller")


# Members are asked at least this often even when nothing changed, in seconds: a leader that moved
# or a member that hangs is told by no watch. With many clusters the pace is slower, so that asking
# never takes more than a small part of one processor.
STEADY_SECONDS = 1.0
STEADY_SECONDS_PER_CLUSTER = 0.008
PASS_SECONDS = 60.0
# One in so many workers makes only passes that a person waits for.
RESERVED_PART = 8
# So many of the other passes are under way at a time, not counting those that have taken longer:
# they wait for a member, or for the API server, and not for the processor.
AT_A_TIME = 8
YOUNG_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Requeue:
    """When to look again: `after` seconds (None: at the steady pace), or after a `failure`."""

    after: float | None = None
    failure: bool = False


class _Place:
    """A place of one pass among those that compute."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._taken = True

    def give_back(self) -> None:
        """Let another pass begin, once."""
        if self._taken:
            self._taken = False
            self._places.release()


class Watched(Protocol):
    """Objects that passes are made over, and the source of their changes."""

    @property
    def roots(self) -> Cache[Any]:
        """The objects: EtcdClusters, EtcdBackups or EtcdRestores."""
        ...

    def subscribe(self, listener: Callable[[str, str], None]) -> None:
        """Call `listener(namespace, name)` whenever anything about one of them changes."""
        ...


class Controller:
    """Runs passes over all objects of one kind until cancelled."""

    def __init__(
        self,
        reconcile: Callable[[str, str], Awaitable[Requeue]],
        caches: Watched,
        metrics: Metrics,
        clock: Clock,
        workers: int,
    ) -> None:
        self._reconcile = reconcile
        self._caches = caches
        self._metrics = metrics
        self._clock = clock
        self._workers = workers
        self._queue: WorkQueue[Key] = WorkQueue()
        self._places = asyncio.Semaphore(AT_A_TIME)
        # What a person wanted of each object when its last pass began.
        self._requested: dict[Key, object] = {}
        self._leading = False
        self._random = random.Random()  # noqa: S311 (spreads the passes, guards nothing)
        caches.subscribe(self._note)

    def _note(self, namespace: str, name: str) -> None:
        if self._leading:
            self._queue.add((namespace, name), self._find_urgency((namespace, name)))

    def _find_urgency(self, key: Key) -> Urgency:
        root = self._caches.roots.get(*key)
        changed = root is not None and self._requested.get(key) != _request_of(root)
        return Urgency.REQUESTED if changed else Urgency.CHANGED

    def _oldest_wait(self) -> float:
        return self._queue.oldest_wait()

    async def run(self) -> None:
        """Begin with a pass over every cluster, then follow the changes."""
        kind, metrics = self._caches.roots.kind.name, self._metrics
        self._queue = WorkQueue(
            on_wait=metrics.queue_wait.labels(kind).observe, monotonic=self._clock.monotonic
        )
        self._places = asyncio.Semaphore(AT_A_TIME)
        metrics.queued.labels(kind).set_function(lambda: len(self._queue))
        metrics.queue_oldest.labels(kind).set_function(self._oldest_wait)
        self._leading = True
        try:
            for root in self._caches.roots.values():
                # The first pass over each; a person waits for those that changed meanwhile.
                late = root.status.observed_generation != root.generation
                urgency = Urgency.REQUESTED if late else Urgency.ROUTINE
                self._queue.add((root.namespace, root.name), urgency)
            async with asyncio.TaskGroup() as group:
                reserved = self._workers // RESERVED_PART
                for number in range(self._workers):
                    group.create_task(self._work(reserved=number < reserved))
        finally:
            self._leading = False
            # From here on the other replica knows better.
            self._metrics.clusters.clear()
            self._queue = WorkQueue()
            self._requested.clear()

    async def _work(self, *, reserved: bool) -> None:
        while True:
            if reserved:
                await self._process(await self._queue.get(Urgency.REQUESTED))
                continue
            await self._places.acquire()
            place = _Place(self._places)
            key = await self._queue.get()
            timer = asyncio.get_running_loop().call_later(YOUNG_SECONDS, place.give_back)
            try:
                await self._process(key)
            finally:
                timer.cancel()
                place.give_back()

    async def _process(self, key: Key) -> None:
        self._remember_request(key)
        started = self._clock.monotonic()
        try:
            wake = await self._make_pass(key)
        finally:
            self._queue.done(key)
        self._metrics.pass_seconds.observe(self._clock.monotonic() - started)
        self._wake(key, wake)

    def _remember_request(self, key: Key) -> None:
        root = self._caches.roots.get(*key)
        if root is None:
            self._requested.pop(key, None)
        else:
            self._requested[key] = _request_of(root)

    async def _make_pass(self, key: Key) -> Requeue:
        """Make one pass; whatever goes wrong in it is this cluster's business alone."""
        root = self._caches.roots.get(*key)
        annotations = getattr(root, "annotations", {})
        with logs.in_pass(self._caches.roots.kind.name, key, annotations, self._clock):
            return await self._try_pass(key)

    async def _try_pass(self, key: Key) -> Requeue:
        try:
            async with asyncio.timeout(PASS_SECONDS):
                wake = await self._reconcile(*key)
        except (OperatorError, TimeoutError) as error:
            log.warning("pass failed", error=repr(error)[:300])
            wake = Requeue(find_retry_after(error), failure=True)
        except Exception:
            log.exception("pass crashed")
            wake = Requeue(failure=True)
        self._metrics.passes.labels("failed" if wake.failure else "done").inc()
        return wake

    def _wake(self, key: Key, wake: Requeue) -> None:
        if wake.failure:
            self._queue.retry(key, wake.after or 0.0)
            return
        self._queue.forget(key)
        if self._caches.roots.get(*key) is None:
            return
        pace = max(STEADY_SECONDS, STEADY_SECONDS_PER_CLUSTER * len(self._caches.roots))
        after = pace * (1 + self._random.random() / 10) if wake.after is None else wake.after
        self._queue.add_after(key, after)


def _request_of(root: Any) -> object:
    """Whatever of an object a person writes, to be compared: spec, deletion and annotations."""
    return root.uid, root.generation, getattr(root, "annotations", None)

"""Turns changes into passes: the queue, its workers, and the steady pace at which all is well.

Clusters never wait for each other: a pass that waits for a silent member holds one of many workers
and nothing else.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import structlog

from etcd_operator.errors import OperatorError, find_retry_after
from etcd_operator.runtime.engine.reconciler import Requeue
from etcd_operator.runtime.engine.workqueue import WorkQueue
from etcd_operator.runtime.kubernetes.watch_cache import Cache
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.metrics import Metrics

log = structlog.get_logger("controller")

Key = tuple[str, str]

# Members are asked at least this often even when nothing changed, in seconds: a leader that moved
# or a member that hangs is told by no watch. With many clusters the pace is slower, so that asking
# never takes more than a small part of one processor.
STEADY_SECONDS = 1.0
STEADY_SECONDS_PER_CLUSTER = 0.02
PASS_SECONDS = 60.0


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
        self._leading = False
        self._random = random.Random()  # noqa: S311 (spreads the passes, guards nothing)
        caches.subscribe(self._note)

    def _note(self, namespace: str, cluster: str) -> None:
        if self._leading:
            self._queue.add((namespace, cluster))

    async def run(self) -> None:
        """Begin with a pass over every cluster, then follow the changes."""
        self._queue = WorkQueue()
        kind = self._caches.roots.kind.name
        self._metrics.queued.labels(kind).set_function(lambda: len(self._queue))
        self._leading = True
        try:
            for root in self._caches.roots.values():
                self._queue.add((root.namespace, root.name))
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._work())
        finally:
            self._leading = False
            # From here on the other replica knows better.
            self._metrics.clusters.clear()
            self._queue = WorkQueue()

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            started = self._clock.monotonic()
            try:
                wake = await self._make_pass(key)
            finally:
                self._queue.done(key)
            self._metrics.pass_seconds.observe(self._clock.monotonic() - started)
            self._wake(key, wake)

    async def _make_pass(self, key: Key) -> Requeue:
        """Make one pass; whatever goes wrong in it is this cluster's business alone."""
        try:
            async with asyncio.timeout(PASS_SECONDS):
                wake = await self._reconcile(*key)
        except (OperatorError, TimeoutError) as error:
            log.warning("pass failed", cluster="/".join(key), error=repr(error)[:300])
            wake = Requeue(find_retry_after(error), failure=True)
        except Exception:
            log.exception("pass crashed", cluster="/".join(key))
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

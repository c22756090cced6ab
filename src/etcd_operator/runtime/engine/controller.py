"""Turns changes into passes: the queue, its workers, and the steady pace at which all is well.

Clusters never wait for each other: a pass that waits for a silent member holds one of many workers
and nothing else. Where workers are short, what a person changed goes before what changed by itself,
and that before looks at clusters of which nothing is known to have changed. Some workers do only
the first, and of the others few compute at a time.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from etcd_operator.errors import OperatorError, find_retry_after
from etcd_operator.runtime.engine.places import Places
from etcd_operator.runtime.engine.wishes import Wishes
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
STEADY_SECONDS_PER_CLUSTER = 0.0075
# Routine looks begin together: answers of members that were asked at the same moment wake the
# process together. A call takes 0.41 ms of the processor where three are made in a moment, 0.24
# where eighteen, and 0.21 where seventy.
TICK_SECONDS = 0.2
PASS_SECONDS = 60.0
# Workers, and one in eight at most, that make only passes that a person waits for.
RESERVED = 4


@dataclass(frozen=True, slots=True)
class Requeue:
    """When to look again: `after` seconds (None: at the steady pace), or after a `failure`."""

    after: float | None = None
    failure: bool = False


@dataclass(frozen=True, slots=True)
class Sharding:
    """Number of shards, and which shard an object is in, from 0."""

    count: int = 1
    find: Callable[[Any], int] = lambda _: 0


@dataclass(frozen=True, slots=True)
class _Pass:
    """A pass that is under way: the object's shard, the time limit, and when it is over."""

    shard: int | None
    limit: asyncio.Timeout
    ended: asyncio.Event


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
    """Runs passes over the objects of one kind that are in shards which this replica holds."""

    def __init__(
        self,
        reconcile: Callable[[str, str], Awaitable[Requeue]],
        caches: Watched,
        metrics: Metrics,
        clock: Clock,
        workers: int,
        sharding: Sharding | None = None,
    ) -> None:
        self._reconcile = reconcile
        self._caches = caches
        self._metrics = metrics
        self._clock = clock
        self._workers = workers
        self._queue: WorkQueue[Key] = WorkQueue()
        self._places = Places(clock.monotonic)
        self._wishes = Wishes(clock.monotonic)
        self._sharding = sharding or Sharding()
        self._held: set[int] = set()
        self._under_way: dict[Key, _Pass] = {}
        self._shown = metrics.series_of(caches.roots.kind.name)
        self._random = random.Random()  # noqa: S311 (spreads the passes, guards nothing)
        caches.subscribe(self._note)

    def _note(self, namespace: str, name: str) -> None:
        key = namespace, name
        if self._is_ours(key):
            self._queue.add(key, self._find_urgency(key, Urgency.CHANGED))
        elif self._held:
            self._shown.forget(key)

    def _is_ours(self, key: Key) -> bool:
        """Whether to make passes over an object. One that is gone may be forgotten by each."""
        shard = self._find_shard(key)
        return bool(self._held) if shard is None else shard in self._held

    def _find_shard(self, key: Key) -> int | None:
        root = self._caches.roots.get(*key)
        return None if root is None else self._sharding.find(root)

    def _find_urgency(self, key: Key, otherwise: Urgency) -> Urgency:
        return self._wishes.find_urgency(key, self._caches.roots.get(*key), otherwise)

    def _oldest_wait(self) -> float:
        return self._queue.oldest_wait()

    async def run(self) -> None:
        """Make the passes that are due in the shards that are held, until cancelled."""
        kind, metrics = self._caches.roots.kind.name, self._metrics
        self._queue = WorkQueue(
            on_wait=metrics.queue_wait.labels(kind).observe,
            monotonic=self._clock.monotonic,
            requested_at=self._wishes.seen_at,
        )
        self._places = Places(self._clock.monotonic)
        metrics.queued.labels(kind).set_function(lambda: len(self._queue))
        metrics.queue_oldest.labels(kind).set_function(self._oldest_wait)
        async with asyncio.TaskGroup() as group:
            reserved = min(RESERVED, self._workers // 8)
            for number in range(self._workers):
                group.create_task(self._work(reserved=number < reserved))

    async def hold(self, shard: int) -> None:
        """Hold a shard until cancelled: begin with a pass over each object, follow the changes.

        When it returns, no pass over an object of this shard is under way.
        """
        self._held.add(shard)
        try:
            for root in list(self._caches.roots.values()):
                if self._sharding.find(root) == shard:
                    # The first pass over each; a person waits for those that changed meanwhile.
                    late = root.status.observed_generation != root.generation
                    urgency = Urgency.REQUESTED if late else Urgency.ROUTINE
                    self._queue.add((root.namespace, root.name), urgency)
            await asyncio.Event().wait()
        finally:
            self._held.discard(shard)
            try:
                await self._end_passes(shard)
            finally:
                self._forget(shard)

    def _forget(self, shard: int) -> None:
        """Forget the objects of a shard: from here on another replica knows better."""
        for root in self._caches.roots.values():
            if self._sharding.find(root) == shard:
                key = root.namespace, root.name
                self._queue.discard(key)
                self._wishes.forget(key)
                self._shown.forget(key)
        if not self._held:
            self._shown.clear()

    async def _end_passes(self, shard: int) -> None:
        """End the passes over objects of a shard, and wait until they are over."""
        ending = [one for one in self._under_way.values() if one.shard == shard]
        for one in ending:
            if not one.limit.expired():
                one.limit.reschedule(asyncio.get_running_loop().time())
        await asyncio.gather(*(one.ended.wait() for one in ending))

    async def _work(self, *, reserved: bool) -> None:
        while True:
            if reserved:
                await self._process(await self._queue.get(Urgency.REQUESTED))
                continue
            place = await self._places.take()
            key = await self._queue.get()
            place.begin()
            try:
                await self._process(key)
            finally:
                place.give_back()

    async def _process(self, key: Key) -> None:
        wake = None
        started = self._clock.monotonic()
        try:
            if self._is_ours(key):
                self._wishes.begin(key, self._caches.roots.get(*key))
                wake = await self._make_pass(key)
        finally:
            self._queue.done(key)
        if wake is not None:
            self._metrics.pass_seconds.observe(self._clock.monotonic() - started)
            self._wake(key, wake)

    async def _make_pass(self, key: Key) -> Requeue | None:
        """Make one pass; whatever goes wrong in it is this cluster's business alone."""
        root = self._caches.roots.get(*key)
        annotations = getattr(root, "annotations", {})
        with logs.in_pass(self._caches.roots.kind.name, key, annotations, self._clock):
            return await self._try_pass(key)

    async def _try_pass(self, key: Key) -> Requeue | None:
        """Make a pass; returns None if it was ended because another replica has the shard."""
        shard, ended = self._find_shard(key), asyncio.Event()
        try:
            async with asyncio.timeout(PASS_SECONDS) as limit:
                self._under_way[key] = _Pass(shard, limit, ended)
                wake = await self._reconcile(*key)
        except (OperatorError, TimeoutError) as error:
            if shard is not None and shard not in self._held:
                log.info("pass ended: another replica has the shard")
                return None
            log.warning("pass failed", error=repr(error)[:300])
            wake = Requeue(find_retry_after(error), failure=True)
        except Exception:
            log.exception("pass crashed")
            wake = Requeue(failure=True)
        finally:
            del self._under_way[key]
            ended.set()
        self._metrics.passes.labels("failed" if wake.failure else "done").inc()
        return wake

    def _wake(self, key: Key, wake: Requeue) -> None:
        if not self._is_ours(key):
            self._shown.forget(key)
            return
        if wake.failure:
            self._queue.retry(key, wake.after or 0.0)
            return
        self._queue.forget(key)
        if self._caches.roots.get(*key) is None:
            return
        if wake.after is None:
            self._queue.add_after(key, self._find_pace())
        else:
            self._queue.add_after(key, wake.after, self._find_urgency(key, Urgency.ROUTINE))

    def _find_pace(self) -> float:
        """Return the seconds until a routine look, spread by a twentieth, which ends at a tick."""
        ours = len(self._caches.roots) * len(self._held) / self._sharding.count
        pace = max(STEADY_SECONDS, STEADY_SECONDS_PER_CLUSTER * ours)
        now, spread = asyncio.get_running_loop().time(), pace / 20
        when = now + pace + spread * self._random.random()
        # The tick before or after it, and on average neither: so clusters leave a crowded tick.
        return math.floor(when / TICK_SECONDS + self._random.random()) * TICK_SECONDS - now

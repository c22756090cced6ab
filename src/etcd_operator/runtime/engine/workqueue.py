"""Keys that need a pass: coalescing, urgency, one pass per key at a time, back-off per key."""

from __future__ import annotations

import asyncio
import enum
import random
import time
from collections.abc import Callable, Hashable, Iterable
from contextvars import Context
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_RETRY = 0.05
LONGEST_RETRY = 30.0
# One in so many keys handed out is that which waited longest, whatever its urgency: a flood of
# changes delays the routine, and does not end it.
FAIR_SHARE: Final = 4
# What a person has changed is new for so many seconds: many times what a creation takes. Of a crowd
# of changes the rest comes in turn, for while one waits, what happens to it becomes a single pass.
NEW_SECONDS: Final = 10.0


class Urgency(enum.IntEnum):
    """Classes of keys that wait; a lower number is handed out first."""

    REQUESTED = 0  # a person changed what is wanted, and looks at the screen
    CHANGED = 1  # something about the object changed: a Pod, a claim, a Job
    ROUTINE = 2  # a timer: nothing is known to have changed


class WorkQueue(Generic[K]):
    """Keys waiting for a worker, with the semantics of client-go's work queue and an urgency.

    A key added while it waits is not added twice, but moves up if it became more urgent; one added
    while it is worked on is handed out again when that is done, and never to two workers at once.
    `on_wait` is told for how many seconds a key that is handed out has waited. Of keys that persons
    wait for, that which was `requested_at` the latest moment is handed out first, while it is new.
    """

    def __init__(
        self,
        jitter: random.Random | None = None,
        on_wait: Callable[[float], None] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
        requested_at: Callable[[K], float] = lambda _: 0.0,
    ) -> None:
        self._on_wait = on_wait
        self._requested_at = requested_at
        self._monotonic = monotonic
        # By urgency, in order of arrival, with the time since when each waits.
        self._waiting: dict[Urgency, dict[K, float]] = {urgency: {} for urgency in Urgency}
        # By the least urgent class that is asked for: at least one permit for each key that waits.
        self._available = {urgency: asyncio.Semaphore(0) for urgency in Urgency}
        self._handed_out = 0
        self._dirty: dict[K, Urgency] = {}
        self._processing: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        # A timer would else keep the pass that asks for it, as its log lines name it.
        self._outside = Context()
        self._failures: dict[K, int] = {}
        self._jitter = jitter or random.Random()  # noqa: S311 (spreads retries, guards nothing)

    def __len__(self) -> int:
        return sum(len(keys) for keys in self._waiting.values())

    def oldest_wait(self) -> float:
        """Seconds that the first of the waiting keys has waited; any thread may ask."""
        since = [begun for keys in self._waiting.values() for begun in list(keys.values())]
        return self._monotonic() - min(since) if since else 0.0

    def add(self, key: K, urgency: Urgency = Urgency.CHANGED) -> None:
        """Ask for a pass over this key, now."""
        before = self._dirty.get(key)
        if before is not None and before <= urgency:
            return
        self._dirty[key] = urgency
        if key in self._processing:
            return
        if before is None:
            self._put(key, urgency)
        else:
            self._waiting[urgency][key] = self._waiting[before].pop(key)
            self._announce(urgency)

    def _put(self, key: K, urgency: Urgency) -> None:
        self._waiting[urgency][key] = self._monotonic()
        self._announce(urgency)

    def _announce(self, urgency: Urgency) -> None:
        for least, available in self._available.items():
            if urgency <= least:
                available.release()

    def add_after(self, key: K, seconds: float, urgency: Urgency = Urgency.ROUTINE) -> None:
        """Ask for a pass in some seconds; an earlier time replaces a later one."""
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= when:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(when, self._fire, key, urgency, context=self._outside)

    def _fire(self, key: K, urgency: Urgency) -> None:
        self._timers.pop(key, None)
        self.add(key, urgency)

    def retry(self, key: K, at_least: float = 0.0) -> float:
        """Ask again after a failure, later each time; returns the delay in seconds."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        doublings = min(count, 16)  # without a bound a long outage overflows the power
        delay = min(FIRST_RETRY * 2.0**doublings, LONGEST_RETRY) * (1 + self._jitter.random() / 2)
        delay = max(delay, at_least)
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """Say that the key is well: the next failure starts from the shortest delay."""
        self._failures.pop(key, None)

    def discard(self, key: K) -> None:
        """Forget a key, whatever it waits for; one that is worked on is not handed out again."""
        before = self._dirty.pop(key, None)
        if before is not None:
            self._waiting[before].pop(key, None)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        self._failures.pop(key, None)

    async def get(self, least: Urgency = Urgency.ROUTINE) -> K:
        """Return the next key that is at least so urgent, to be given back with `done`."""
        key = None
        while key is None:  # one that asks for other classes may have been here before
            await self._available[least].acquire()
            key = self._take(least)
        del self._dirty[key]
        self._processing.add(key)
        timer = self._timers.pop(key, None)
        if timer is not None:
            # This pass looks at everything and says anew when it wants to be woken.
            timer.cancel()
        return key

    def _take(self, least: Urgency) -> K | None:
        """Take out the key whose turn it is, if there is one."""
        asked = (self._waiting[urgency] for urgency in Urgency if urgency <= least)
        heads = [(next(iter(keys)), keys) for keys in asked if keys]
        if not heads:
            return None
        self._handed_out += 1
        if self._handed_out % FAIR_SHARE:
            key, keys = heads[0]
            if keys is self._waiting[Urgency.REQUESTED]:
                key = self._find_newest(keys) or key
        else:
            key, keys = min(heads, key=lambda head: head[1][head[0]])
        self._on_wait(self._monotonic() - keys.pop(key))
        return key

    def _find_newest(self, keys: Iterable[K]) -> K | None:
        """Return the newest request, unless all are from long ago."""
        newest = max(keys, key=self._requested_at)
        return newest if self._monotonic() - self._requested_at(newest) < NEW_SECONDS else None

    def done(self, key: K) -> None:
        """Give a key back; it is handed out again if it was added meanwhile."""
        self._processing.discard(key)
        if key in self._dirty:
            self._put(key, self._dirty[key])

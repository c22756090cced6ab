"""Which clusters need a pass: coalescing, one pass per cluster at a time, back-off per cluster."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_RETRY = 0.05
LONGEST_RETRY = 30.0


class WorkQueue(Generic[K]):
    """Keys waiting for a worker, with the semantics of client-go's work queue.

    A key added while it waits is not added twice; one added while it is worked on is handed out
    again when that is done, and never to two workers at once.
    """

    def __init__(self, jitter: random.Random | None = None) -> None:
        self._waiting: asyncio.Queue[K] = asyncio.Queue()
        self._dirty: set[K] = set()
        self._processing: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._jitter = jitter or random.Random()  # noqa: S311 (spreads retries, guards nothing)

    def __len__(self) -> int:
        return self._waiting.qsize()

    def add(self, key: K) -> None:
        """Ask for a pass over this key, now."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._processing:
            self._waiting.put_nowait(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Ask for a pass in some seconds; an earlier time replaces a later one."""
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= when:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(when, self._fire, key)

    def _fire(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

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

    async def get(self) -> K:
        """Return the next key, to be given back with `done`."""
        key = await self._waiting.get()
        self._dirty.discard(key)
        self._processing.add(key)
        timer = self._timers.pop(key, None)
        if timer is not None:
            # This pass looks at everything and says anew when it wants to be woken.
            timer.cancel()
        return key

    def done(self, key: K) -> None:
        """Give a key back; it is handed out again if it was added meanwhile."""
        self._processing.discard(key)
        if key in self._dirty:
            self._waiting.put_nowait(key)

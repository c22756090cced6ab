"""Places of passes that compute: few at a time, for all share one processor.

A pass that a person waits for has its turn after each of those that are under way. One that waits
for a member or for the API server delays nobody, and gives its place to another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

AT_A_TIME: Final = 3
# A pass that takes longer waits for somebody, unless the event loop is late: then it may be waiting
# for the processor alone, and one more would make all of them wait longer.
YOUNG_SECONDS: Final = 0.2
LATE_SECONDS: Final = 0.005
# Whatever the event loop does: members that hang are given up after as long.
LONGEST_SECONDS: Final = 2.0


class Place:
    """A place of one pass, given back when the pass ends or is seen to wait, once."""

    def __init__(self, places: asyncio.Semaphore, monotonic: Callable[[], float]) -> None:
        self._places = places
        self._monotonic = monotonic
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._taken = True

    def begin(self) -> None:
        """Begin the pass."""
        self._until = self._monotonic() + LONGEST_SECONDS
        self._look_later()

    def _look_later(self) -> None:
        due = self._monotonic() + YOUNG_SECONDS
        self._timer = asyncio.get_running_loop().call_later(YOUNG_SECONDS, self._look, due)

    def _look(self, due: float) -> None:
        now = self._monotonic()
        if now - due < LATE_SECONDS or now >= self._until:
            self.give_back()
        else:
            self._look_later()

    def give_back(self) -> None:
        """Let another pass begin."""
        if self._timer is not None:
            self._timer.cancel()
        if self._taken:
            self._taken = False
            self._places.release()


class Places:
    """The places; `monotonic` counts seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._places = asyncio.Semaphore(AT_A_TIME)
        self._monotonic = monotonic

    async def take(self) -> Place:
        """Wait until a place is free, and take it."""
        await self._places.acquire()
        return Place(self._places, self._monotonic)

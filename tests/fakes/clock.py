"""Clock of the loop, which may be virtual."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta


class LoopClock:
    """The loop's own (virtual) time as a clock; the wall clock may jump."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def monotonic(self) -> float:
        """Seconds of the loop."""
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        """A wall clock that runs with the loop, wherever it was set to."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.monotonic()) + self.offset

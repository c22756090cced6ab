"""Steps told as they happen, each with the seconds since the command began."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from threading import Lock
from typing import TextIO

from local.errors import LocalError

POLL = 0.1


class Progress:
    """Plain lines, flushed at once, so that a CI log shows where time goes."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._begin = time.monotonic()
        self._lock = Lock()

    def say(self, what: str) -> None:
        """Print one step."""
        with self._lock:
            elapsed = time.monotonic() - self._begin
            print(f"[{elapsed:6.1f} s] {what}", file=self._stream, flush=True)


def wait_for(what: str, holds: Callable[[], bool], seconds: float) -> None:
    """Poll until it holds; LocalError after that many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise LocalError(f"{what}: not within {seconds:.0f} s; see `python -m local logs`")
        time.sleep(POLL)

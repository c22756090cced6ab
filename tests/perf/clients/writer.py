"""One number written after the other, by whatever writes it; every answer is kept."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from tests.perf.clients.answers import Answer, Felt, judge

PAUSE_SECONDS: Final = 0.02


class Client(Protocol):
    """Writes all the time from its start on, and says what it felt between two moments."""

    @property
    def name(self) -> str:
        """Its name in the results."""

    def start(self) -> None:
        """Start writing."""

    def stop(self) -> None:
        """Stop writing, and wait until it has stopped."""

    def judge(self, began: float, ended: float) -> Felt:
        """Return what was felt between two moments."""


class Writer(threading.Thread):
    """Writes until it is stopped; what fails is not repeated."""

    def __init__(
        self, name: str, write: Callable[[int], str], pause: float = PAUSE_SECONDS
    ) -> None:
        """`write` returns what failed, and is called by this thread alone."""
        super().__init__(name=name, daemon=True)
        self._write = write
        self._pause = pause
        self._over = threading.Event()
        self._answers: list[Answer] = []

    def run(self) -> None:
        """Write one number after the other."""
        for number in itertools.count(1):
            if self._over.wait(self._pause):
                return
            sent = time.monotonic()
            error = self._write(number)
            self._answers.append(Answer(sent, time.monotonic(), error, number))

    def stop(self) -> None:
        """Stop writing, and wait until it has stopped."""
        self._over.set()
        self.join()

    def judge(self, began: float, ended: float) -> Felt:
        """Return what was felt between two moments."""
        return judge(list(self._answers), began, ended)

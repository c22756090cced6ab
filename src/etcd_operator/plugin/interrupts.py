"""Signals that end a verb: each as Ctrl-C does, so that temporary keys are removed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

# Of a process manager, and of a terminal that is closed.
ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """The signal that has ended the verb; SIGINT unless another came."""

    def __init__(self) -> None:
        self._number = int(signal.SIGINT)

    @property
    def code(self) -> int:
        """The exit code of a program that a signal has ended, as shells have it."""
        return 128 + self._number

    def pass_on(self, number: int, frame: FrameType | None) -> None:
        """Do what SIGINT does now: asyncio cancels the verb, a question ends at once."""
        self._number = number
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):
            raise KeyboardInterrupt
        handler(signal.SIGINT, frame)


@contextmanager
def end_as_interrupts() -> Iterator[Interrupts]:
    """Let the signals that end a program raise KeyboardInterrupt, as SIGINT does."""
    interrupts = Interrupts()
    # What nohup has ignored stays ignored.
    caught = [each for each in ENDING if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.signal(each, interrupts.pass_on) for each in caught}
    try:
        yield interrupts
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def interrupt_at_once() -> Iterator[None]:
    """Let SIGINT raise KeyboardInterrupt here: asyncio's handler waits until the read is over."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)

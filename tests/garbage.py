"""Garbage collection of processes that run thousands of tests, or explore millions of states."""

from __future__ import annotations

import gc


def collect_rarely() -> None:
    """Look for garbage rarely: there is little, and to look for it is a tenth of the time."""
    gc.set_threshold(100_000, 20, 100)


def leave_alone_what_stays() -> None:
    """Never look through what is there now: what was imported and collected stays to the end."""
    gc.freeze()

"""Shared by every level."""

from __future__ import annotations

import asyncio

import pytest

from tests.reruns import note_rerun

# A plugin asks for the main thread's loop before each test. Without this it makes one there, only
# to remember it; nobody closes it, and its end is told as a failure of whatever test runs then.
asyncio.set_event_loop(None)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test that passes when repeated counts as passed, and is listed, so that it gets mended."""
    note_rerun(report)

"""A synchronous test makes no event loop that nobody closes."""

from __future__ import annotations

import asyncio

import pytest


def test_a_synchronous_test_has_no_loop() -> None:
    with pytest.raises(RuntimeError, match="no current event loop"):
        asyncio.get_event_loop_policy().get_event_loop()

"""Turns of Services that the API server gives an address of the cluster.

It looks for a free address, and of many requests at a time most look again and again: with 50 of
them, one takes 4 s where any other request takes 0.2 s. Meanwhile it holds a worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from etcd_operator.core.actions import ApplyObject

AT_A_TIME: Final = 4
# Whoever has waited as long goes without a turn: requests may hang, in somebody's webhook, and
# nobody else shall wait for that.
LONGEST_SECONDS: Final = 1.0


class AddressTurns:
    """Few requests at a time, in order of arrival."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_A_TIME)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn, but not for long, and hold it inside."""
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            yield
            return
        try:
            yield
        finally:
            self._turns.release()


def is_given_address(action: ApplyObject) -> bool:
    """Whether an object is created here that the API server gives an address."""
    if action.kind != "Service" or action.uid:
        return False
    return bool(action.manifest["spec"].get("clusterIP") != "None")

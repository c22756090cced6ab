"""Tests of the places of passes that compute."""

from __future__ import annotations

import asyncio

import pytest

from etcd_operator.runtime.engine.places import (
    AT_A_TIME,
    LONGEST_SECONDS,
    YOUNG_SECONDS,
    Places,
)

pytestmark = pytest.mark.looptime


class FastClock:
    """A clock that runs ahead of the event loop, by whose timers it is late then."""

    rate = 1.0

    def monotonic(self) -> float:
        """Seconds."""
        return asyncio.get_running_loop().time() * self.rate


@pytest.fixture
def clock() -> FastClock:
    """A clock that goes as the event loop does."""
    return FastClock()


async def wait_for_place(clock: FastClock) -> float:
    """Begin as many passes as there are places; return the seconds until one more may begin."""
    places = Places(clock.monotonic)
    for _ in range(AT_A_TIME):
        (await places.take()).begin()
    begun = asyncio.get_running_loop().time()
    await places.take()
    return asyncio.get_running_loop().time() - begun


async def test_a_pass_that_waits_gives_its_place_back(clock: FastClock) -> None:
    assert await wait_for_place(clock) == pytest.approx(YOUNG_SECONDS)


async def test_it_keeps_its_place_while_the_event_loop_is_late(clock: FastClock) -> None:
    clock.rate = 1.1
    asyncio.get_running_loop().call_later(4.5 * YOUNG_SECONDS, setattr, clock, "rate", 1.0)
    assert await wait_for_place(clock) == pytest.approx(5 * YOUNG_SECONDS)


async def test_but_not_for_ever(clock: FastClock) -> None:
    clock.rate = 1.1
    seconds = await wait_for_place(clock)
    assert LONGEST_SECONDS - 2 * YOUNG_SECONDS < seconds <= LONGEST_SECONDS

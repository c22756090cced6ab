"""Services that the API server gives an address: few at a time, and nobody waits for long."""

from __future__ import annotations

import asyncio

import pytest

from etcd_operator.core.actions import ApplyObject
from etcd_operator.runtime.engine.handlers.addresses import (
    AT_A_TIME,
    LONGEST_SECONDS,
    AddressTurns,
    is_given_address,
)

pytestmark = pytest.mark.looptime


async def find_beginnings(requests: int, seconds: float) -> list[float]:
    """Make requests that each take so long; return when each began."""
    turns, begun = AddressTurns(), []

    async def request() -> None:
        async with turns.take():
            begun.append(asyncio.get_running_loop().time())
            await asyncio.sleep(seconds)

    start = asyncio.get_running_loop().time()
    await asyncio.gather(*(request() for _ in range(requests)))
    return [round(at - start, 3) for at in begun]


async def test_few_at_a_time() -> None:
    took = LONGEST_SECONDS / 4
    expected = [turn * took for turn in range(3) for _ in range(AT_A_TIME)]
    assert await find_beginnings(3 * AT_A_TIME, took) == pytest.approx(expected)


async def test_nobody_waits_for_long_where_requests_hang() -> None:
    begun = await find_beginnings(3 * AT_A_TIME, 30)
    assert begun == [0.0] * AT_A_TIME + [LONGEST_SECONDS] * 2 * AT_A_TIME


async def test_a_turn_comes_back_after_those_who_went_without_one() -> None:
    turns = AddressTurns()
    for _ in range(2):

        async def hang() -> None:
            async with turns.take():
                await asyncio.sleep(3)

        await asyncio.gather(*(hang() for _ in range(2 * AT_A_TIME)))
    assert turns._turns._value == AT_A_TIME


@pytest.mark.parametrize(
    ("kind", "uid", "address", "expected"),
    [
        ("Service", "", None, True),
        ("Service", "", "None", False),
        ("Service", "uid-1", None, False),
        ("ConfigMap", "", None, False),
    ],
    ids=["a new Service", "headless", "there already", "another kind"],
)
def test_who_is_given_one(kind: str, uid: str, address: str | None, expected: bool) -> None:
    spec = {} if address is None else {"clusterIP": address}
    action = ApplyObject(kind, "db-client", uid, "", "the cluster needs it", {"spec": spec})
    assert is_given_address(action) is expected

"""Which cluster goes first where workers are short."""

from __future__ import annotations

import asyncio

import pytest

from etcd_operator.runtime.engine.controller import Requeue
from tests.harnesses.controller import NEVER, ControllerHarness, now

pytestmark = pytest.mark.looptime


async def busy(_: str) -> Requeue:
    """A pass that takes a while."""
    await asyncio.sleep(0.1)
    return Requeue(NEVER)


async def test_what_a_person_changed_goes_first() -> None:
    names = [f"c{number}" for number in range(9)]
    harness = ControllerHarness(*names, make_pass=busy, workers=1)
    async with harness.lead():
        await asyncio.sleep(10)
        for name in names[:-1]:
            harness.change(name)
        harness.change(names[-1], generation=2)
        begun = now()
        await asyncio.sleep(10)
    assert harness.times(names[-1])[-1] == begun


async def test_what_a_person_changed_while_nobody_led_goes_first() -> None:
    names = [f"c{number}" for number in range(9)]
    harness = ControllerHarness(*names, make_pass=busy, workers=1)
    harness.change(names[-1], generation=2)
    await harness.run(1)
    assert harness.passes[0] == (0.0, names[-1])

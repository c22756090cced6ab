"""Who is served first: all passes of what a person has just changed, and that for a while."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from etcd_operator.runtime.engine.controller import Requeue
from etcd_operator.runtime.engine.wishes import LOOKING_SECONDS, OURS
from etcd_operator.runtime.engine.workqueue import FAIR_SHARE, NEW_SECONDS
from tests.harnesses.controller import ControllerHarness, now

pytestmark = pytest.mark.looptime

PASS = 0.1  # seconds; each of the crowd has its turn after PASS * CROWD
CROWD = 50
STEPS = 5


async def in_progress(_: str) -> Requeue:
    """A pass that wants another one soon."""
    await asyncio.sleep(PASS)
    return Requeue(PASS / 2)


@pytest.mark.parametrize("told", ["by a timer", "by a watch"])
async def test_what_was_just_changed_goes_first_through_all_its_passes(told: str) -> None:
    harness = ControllerHarness(make_pass=in_progress, workers=1)
    async with harness.lead():
        crowd = [f"c{number}" for number in range(CROWD)]
        for name in crowd:
            harness.change(name, generation=2)
        await asyncio.sleep(LOOKING_SECONDS + PASS * CROWD * 2)
        harness.change("late", generation=2)
        for _ in range(3 * STEPS):
            await asyncio.sleep(PASS)
            for name in [*crowd, "late"] if told == "by a watch" else ():
                harness.change(name, generation=2)
    assert len(harness.times("late")) >= STEPS


async def test_the_newest_change_goes_first_while_it_is_new() -> None:
    """Of a crowd the rest comes in turn: what happens to one that waits becomes a single pass."""
    harness = ControllerHarness(make_pass=in_progress, workers=1)
    crowd = [f"c{number}" for number in range(CROWD)]
    async with harness.lead():
        for name in crowd:
            harness.change(name, generation=2)
            await asyncio.sleep(PASS / 10)
        await asyncio.sleep(NEW_SECONDS / 2)
        new = Counter(name for _, name in harness.passes)
        await asyncio.sleep(NEW_SECONDS)
        begun = now()
        await asyncio.sleep(PASS * CROWD * 2)
        old = Counter(name for at, name in harness.passes if at > begun)
    assert new[crowd[-1]] > STEPS > new[crowd[CROWD // 2]]
    assert set(new) > set(crowd[:9]), "and the oldest has a part"
    assert set(old) == set(crowd)
    assert max(old.values()) <= min(old.values()) + 1


async def test_whoever_was_changed_long_ago_waits_in_turn() -> None:
    harness = ControllerHarness("old", make_pass=in_progress, workers=1)
    crowd = [f"c{number}" for number in range(CROWD)]
    async with harness.lead():
        harness.change("old", generation=2)
        await asyncio.sleep(LOOKING_SECONDS + 1)
        for name in crowd:
            harness.change(name, generation=2)
        begun = now()
        await asyncio.sleep(PASS * CROWD)
    assert len([at for at in harness.times("old") if at > begun]) <= CROWD // FAIR_SHARE


async def test_what_the_operator_writes_is_nobodys_wish() -> None:
    """It notes in the EtcdCluster that it serves it, and how far it is with a restore."""
    harness = ControllerHarness(make_pass=in_progress, workers=1)
    async with harness.lead():
        harness.change("a", generation=2)
        await asyncio.sleep(1)
        harness.change("a", generation=2, **dict.fromkeys(OURS, "something"))
        await asyncio.sleep(1)
        assert harness.controller._wishes.seen_at(("team", "a")) == 0.0


async def test_what_a_person_annotates_is_a_wish() -> None:
    harness = ControllerHarness(*(f"c{n}" for n in range(CROWD)), make_pass=in_progress, workers=1)
    async with harness.lead():
        await asyncio.sleep(PASS * CROWD * 1.5)
        harness.change("c0", approve="yes")
        begun = now()
        await asyncio.sleep(PASS * STEPS * 3)
    assert len([at for at in harness.times("c0") if at >= begun]) >= STEPS


async def test_nobody_is_known_to_have_changed_what_was_carried_out_before_a_start() -> None:
    harness = ControllerHarness(*(f"c{n}" for n in range(CROWD)), make_pass=in_progress, workers=1)
    async with harness.lead():
        await asyncio.sleep(PASS * CROWD * 1.5)
        harness.change("c0")  # a Pod of it, say
        harness.change("c1", generation=2)
        await asyncio.sleep(PASS * 12)
        recent = [who for at, who in harness.passes if at > PASS * CROWD * 1.5]
    assert recent.count("c1") >= STEPS
    assert recent.count("c0") <= 1


async def test_what_is_gone_is_forgotten() -> None:
    harness = ControllerHarness(make_pass=in_progress, workers=1)
    async with harness.lead():
        harness.change("a", generation=2)
        await asyncio.sleep(1)
        harness.remove("a")
        await asyncio.sleep(1)
        wishes = harness.controller._wishes
        assert not any((wishes._seen, wishes._begun, wishes._until))

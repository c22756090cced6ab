"""Passes are made over objects of the shards that a replica holds, and over no others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from etcd_operator.runtime.engine.controller import (
    STEADY_SECONDS,
    STEADY_SECONDS_PER_CLUSTER,
    Requeue,
    Sharding,
)
from etcd_operator.runtime.process.cluster_series import SIZE
from etcd_operator.runtime.process.series import Sample
from tests.harnesses.controller import NEVER, ControllerHarness, now, rest

pytestmark = pytest.mark.looptime

# The shard of a cluster is its first letter.
SHARDING = Sharding(3, lambda cluster: "abc".index(cluster.name[0]))


def sharded(
    *names: str, make_pass: Callable[[str], Awaitable[Requeue]] = rest
) -> ControllerHarness:
    """A Controller that holds no shard yet."""
    harness = ControllerHarness(*names, make_pass=make_pass, sharding=SHARDING, workers=16)
    harness.held = ()
    return harness


def begin(harness: ControllerHarness, shard: int) -> asyncio.Task[None]:
    """Let this replica hold a shard."""
    return asyncio.create_task(harness.controller.hold(shard))


async def end(task: asyncio.Task[None]) -> None:
    """Let it give the shard up."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_only_clusters_of_held_shards_get_passes() -> None:
    harness = sharded("a1", "b1", "b2", "c1")
    async with harness.lead():
        await asyncio.sleep(1)
        assert harness.passes == []
        task = begin(harness, 1)
        await asyncio.sleep(1)
        assert harness.passes == [(1.0, "b1"), (1.0, "b2")]
        for name in ("a1", "b1", "b3", "c1"):
            harness.change(name)
        await asyncio.sleep(1)
        assert sorted(harness.passes[2:]) == [(2.0, "b1"), (2.0, "b3")]
        await end(task)
        harness.change("b1")
        await asyncio.sleep(1)
        assert len(harness.passes) == 4


async def test_a_shard_that_is_given_up_has_no_pass_under_way() -> None:
    inside: set[str] = set()

    async def slow(name: str) -> Requeue:
        inside.add(name)
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.5)  # it ends a request that it has begun
            inside.discard(name)
        return Requeue(NEVER)

    harness = sharded("a1", "b1", make_pass=slow)
    async with harness.lead():
        first, second = begin(harness, 0), begin(harness, 1)
        await asyncio.sleep(5)
        assert inside == {"a1", "b1"}
        harness.change("a1")
        await end(first)
        assert now() == 5.5
        assert inside == {"b1"}
        await asyncio.sleep(60)
        assert harness.times("a1") == [0.0]
        await end(second)
    assert harness.counted("failed") is None, "nothing has failed"


async def test_a_pass_that_is_over_its_time_ends_with_its_shard() -> None:
    async def stuck(_: str) -> Requeue:
        try:
            await asyncio.sleep(NEVER)
        finally:
            await asyncio.sleep(10)
        return Requeue(NEVER)

    harness = sharded("a1", make_pass=stuck)
    async with harness.lead():
        task = begin(harness, 0)
        await asyncio.sleep(65)
        await end(task)
        assert now() == 70


async def test_a_timer_of_a_shard_that_was_given_up_is_forgotten() -> None:
    async def soon(_: str) -> Requeue:
        return Requeue(5.0)

    harness = sharded("a1", "b1", make_pass=soon)
    async with harness.lead():
        first, second = begin(harness, 0), begin(harness, 1)
        await asyncio.sleep(1)
        await end(first)
        await asyncio.sleep(6)
        assert harness.times("a1") == [0.0]
        assert harness.times("b1") == [0.0, 5.0]
        again = begin(harness, 0)
        await asyncio.sleep(1)
        assert harness.times("a1") == [0.0, 7.0]
        await end(again)
        await end(second)


async def test_series_go_with_the_shard() -> None:
    harness = sharded("a1", "b1")
    async with harness.lead():
        first, second = begin(harness, 0), begin(harness, 1)
        await asyncio.sleep(1)
        for name in ("a1", "b1"):
            harness.metrics.clusters.show(("team", name), (Sample(SIZE, 3),))
        await end(first)
        text = harness.metrics.expose().decode()
        assert 'cluster="b1"' in text
        assert 'cluster="a1"' not in text
        await end(second)
        assert 'cluster="b1"' not in harness.metrics.expose().decode()


async def test_the_pace_is_that_of_the_share() -> None:
    names = [f"{shard}{number}" for shard in "abc" for number in range(500)]

    async def steady(_: str) -> Requeue:
        return Requeue()

    harness = sharded(*names, make_pass=steady)
    async with harness.lead():
        task = begin(harness, 0)
        await asyncio.sleep(10)
        await end(task)
    pace = STEADY_SECONDS_PER_CLUSTER * 500
    assert pace > STEADY_SECONDS
    looks = harness.times("a7")
    assert pace <= looks[1] - looks[0] <= pace * 1.1


async def test_an_object_that_changes_its_shard_is_left_to_its_holder() -> None:
    """As an EtcdBackup does whose cluster is another one now."""
    shard_of = {"a1": 0, "a2": 0}
    sharding = Sharding(2, lambda cluster: shard_of[cluster.name])

    async def soon(_: str) -> Requeue:
        return Requeue(5.0)

    harness = ControllerHarness("a1", "a2", make_pass=soon, sharding=sharding)
    async with harness.lead():
        await asyncio.sleep(1)
        harness.metrics.clusters.show(("team", "a1"), (Sample(SIZE, 3),))
        shard_of["a1"] = 1
        harness.change("a1")
        assert 'cluster="a1"' not in harness.metrics.expose().decode()
        await asyncio.sleep(6)
    assert harness.times("a1") == [0.0]
    assert harness.times("a2") == [0.0, 5.0]

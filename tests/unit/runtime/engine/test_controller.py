"""When passes happen: at the start, after changes, after failures, and at a steady pace."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from etcd_operator.errors import KubeUnavailable
from etcd_operator.runtime.engine.controller import (
    PASS_SECONDS,
    STEADY_SECONDS,
    STEADY_SECONDS_PER_CLUSTER,
    TICK_SECONDS,
    Requeue,
)
from etcd_operator.runtime.engine.places import AT_A_TIME, YOUNG_SECONDS
from etcd_operator.runtime.engine.workqueue import FIRST_RETRY
from etcd_operator.runtime.etcd.pool import IDLE_SECONDS
from etcd_operator.runtime.kubernetes.watch_cache import Key
from etcd_operator.runtime.process.cluster_series import SIZE
from etcd_operator.runtime.process.series import Sample
from tests.builders.log_lines import logging_at, read_lines
from tests.harnesses.controller import NEVER, ControllerHarness, now

pytestmark = pytest.mark.looptime

JITTER = 1.05  # a steady pace is spread by a twentieth


# Start and changes


async def test_it_begins_with_every_cluster() -> None:
    harness = ControllerHarness("a", "b", "c")
    await harness.run(10)
    assert sorted(harness.passes) == [(0.0, "a"), (0.0, "b"), (0.0, "c")]


async def test_a_change_causes_a_pass_at_once() -> None:
    harness = ControllerHarness("a", "b")
    async with harness.lead():
        await asyncio.sleep(5)
        harness.change("b")
        harness.change("new")
        await asyncio.sleep(5)
    assert harness.times("a") == [0.0]
    assert harness.times("b") == [0.0, 5.0]
    assert harness.times("new") == [5.0]


async def test_changes_during_a_pass_cause_one_more() -> None:
    async def slow(_: str) -> Requeue:
        await asyncio.sleep(3)
        return Requeue(NEVER)

    harness = ControllerHarness("a", make_pass=slow)
    async with harness.lead():
        await asyncio.sleep(1)
        for _ in range(5):
            harness.change("a")
        await asyncio.sleep(20)
    assert harness.times("a") == [0.0, 3.0]


async def test_a_decision_says_when_to_look_again() -> None:
    async def soon(_: str) -> Requeue:
        return Requeue(0.25)

    harness = ControllerHarness("a", make_pass=soon)
    await harness.run(1.1)
    assert harness.times("a") == [0.0, 0.25, 0.5, 0.75, 1.0]


async def test_a_cluster_that_is_gone_gets_a_last_pass_and_no_more() -> None:
    async def soon(_: str) -> Requeue:
        return Requeue(0.5)

    harness = ControllerHarness("a", make_pass=soon)
    async with harness.lead():
        await asyncio.sleep(0.75)
        harness.remove("a")
        await asyncio.sleep(100)
    assert harness.times("a") == [0.0, 0.5, 0.75]


# Clusters do not wait for each other


async def test_one_slow_cluster_delays_nobody() -> None:
    async def make_pass(name: str) -> Requeue:
        if name == "slow":
            await asyncio.sleep(30)
        return Requeue(1.0)

    harness = ControllerHarness("slow", "a", "b", make_pass=make_pass, workers=2)
    await harness.run(10.5)
    assert harness.times("slow") == [0.0]
    for name in ("a", "b"):
        assert harness.times(name) == pytest.approx([float(second) for second in range(11)])


async def test_a_request_is_served_while_all_others_hang() -> None:
    async def make_pass(name: str) -> Requeue:
        if name != "asked":
            await asyncio.sleep(30)
        return Requeue(NEVER)

    hanging = [f"c{number}" for number in range(20)]
    harness = ControllerHarness("asked", *hanging, make_pass=make_pass, workers=8)
    async with harness.lead():
        await asyncio.sleep(10)
        harness.change("asked", generation=2)
        await asyncio.sleep(1)
    assert harness.times("asked")[-1] == 10.0


async def test_few_compute_at_a_time_and_who_waits_long_does_not_count() -> None:
    async def make_pass(name: str) -> Requeue:
        await asyncio.sleep(YOUNG_SECONDS * (10 if name.startswith("hung") else 0.5))
        return Requeue(NEVER)

    busy = [f"busy{number}" for number in range(2 * AT_A_TIME)]
    hung = [f"hung{number}" for number in range(AT_A_TIME)]
    harness = ControllerHarness(*hung, *busy, make_pass=make_pass, workers=64)
    await harness.run(YOUNG_SECONDS * 5)
    began = [at for at, _ in sorted(harness.passes)]
    expected = [0.0, YOUNG_SECONDS, YOUNG_SECONDS * 1.5]
    assert began == pytest.approx([at for at in expected for _ in range(AT_A_TIME)])


async def test_a_place_is_given_back_once() -> None:
    """Else more and more compute at a time, or fewer and fewer."""
    inside: set[str] = set()
    most: list[int] = []

    async def make_pass(name: str) -> Requeue:
        inside.add(name)
        most.append(len(inside))
        await asyncio.sleep(YOUNG_SECONDS / 2 if len(most) > 100 else YOUNG_SECONDS)
        inside.discard(name)
        return Requeue(0.0)

    names = [f"c{number}" for number in range(3 * AT_A_TIME)]
    harness = ControllerHarness(*names, make_pass=make_pass, workers=64)
    await harness.run(20)
    assert max(most[150:]) == AT_A_TIME
    assert most[-1] == AT_A_TIME


async def test_a_cluster_is_never_in_two_passes() -> None:
    inside: set[str] = set()

    async def make_pass(name: str) -> Requeue:
        assert name not in inside
        inside.add(name)
        await asyncio.sleep(0.3)
        inside.discard(name)
        return Requeue(0.0)

    harness = ControllerHarness("a", "b", make_pass=make_pass)
    async with harness.lead():
        for _ in range(50):
            await asyncio.sleep(0.1)
            harness.change("a")
    assert harness.counted("failed") is None


# Failures


@pytest.fixture
def find_crashes(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[], list[str]]]:
    """Which clusters' passes were logged as crashed, with their traceback."""

    def find() -> list[str]:
        lines = read_lines(capsys.readouterr().out)
        return [line["cluster"] for line in lines if line.get("exception")]

    with logging_at("warning"):
        yield find


async def test_a_crash_is_one_clusters_business(find_crashes: Callable[[], list[str]]) -> None:
    async def make_pass(name: str) -> Requeue:
        if name == "bad":
            raise ValueError("a mistake of ours")
        return Requeue(1.0)

    harness = ControllerHarness("bad", "good", make_pass=make_pass, workers=1)
    await harness.run(10.5)
    assert len(harness.times("good")) == 11
    crashes = find_crashes()
    assert crashes == ["team/bad"] * len(harness.times("bad"))
    assert harness.counted("failed") == len(crashes)


async def test_failures_back_off_and_a_success_ends_that(
    find_crashes: Callable[[], list[str]],
) -> None:
    broken = True

    async def make_pass(_: str) -> Requeue:
        if broken:
            raise ValueError("a mistake of ours")
        return Requeue(NEVER)

    harness = ControllerHarness("a", make_pass=make_pass)
    async with harness.lead():
        await asyncio.sleep(20)
        before = harness.times("a")
        broken = False
        await asyncio.sleep(60)
        broken = True
        harness.change("a")
        mended = now()
        await asyncio.sleep(FIRST_RETRY * 2)
    gaps = [later - sooner for sooner, later in pairwise(before)]
    for count, gap in enumerate(gaps):
        assert FIRST_RETRY * 2**count <= gap <= FIRST_RETRY * 2**count * 1.51
    assert len(gaps) >= 7
    first, second = [at for at in harness.times("a") if at >= mended]
    assert second - first <= FIRST_RETRY * 1.51
    assert find_crashes()


async def test_a_foreseen_failure_is_no_crash(find_crashes: Callable[[], list[str]]) -> None:
    async def make_pass(_: str) -> Requeue:
        raise KubeUnavailable("503", 503)

    harness = ControllerHarness("a", make_pass=make_pass)
    await harness.run(2)
    assert len(harness.times("a")) > 3
    assert find_crashes() == []


async def test_whoever_is_told_to_wait_waits() -> None:
    answers: list[Requeue | KubeUnavailable] = [
        Requeue(7.0, failure=True),
        KubeUnavailable("slow down", 429, retry_after=9.0),
        Requeue(NEVER),
    ]

    async def make_pass(_: str) -> Requeue:
        answer = answers.pop(0)
        if isinstance(answer, KubeUnavailable):
            raise answer
        return answer

    harness = ControllerHarness("a", make_pass=make_pass)
    await harness.run(60)
    assert harness.times("a") == [0.0, 7.0, 16.0]


async def test_a_pass_that_hangs_is_given_up(find_crashes: Callable[[], list[str]]) -> None:
    async def make_pass(_: str) -> Requeue:
        await asyncio.sleep(NEVER)
        return Requeue()

    harness = ControllerHarness("a", make_pass=make_pass)
    await harness.run(PASS_SECONDS + 1)
    assert harness.times("a")[1] >= PASS_SECONDS + FIRST_RETRY
    assert harness.counted("failed") == 1
    assert find_crashes() == []


# Pace


@pytest.mark.parametrize("clusters", [1, 20, 200])
async def test_the_pace_at_rest(clusters: int) -> None:
    """Once a second, and slower with many clusters: then looking costs no more in all."""

    async def settled(_: str) -> Requeue:
        return Requeue()

    names = [f"c{number}" for number in range(clusters)]
    harness = ControllerHarness(*names, make_pass=settled, workers=64)
    pace = max(STEADY_SECONDS, STEADY_SECONDS_PER_CLUSTER * clusters)
    await harness.run(5 * pace)
    for name in names:
        times = harness.times(name)
        gaps = [later - sooner for sooner, later in pairwise(times)]
        assert len(gaps) >= 4
        assert all(abs(gap - pace) <= pace * (JITTER - 1) + TICK_SECONDS + 1e-6 for gap in gaps)


async def test_routine_looks_begin_together() -> None:
    """Each time the process wakes up costs as much as a look itself."""

    async def settled(_: str) -> Requeue:
        return Requeue()

    harness = ControllerHarness(*(f"c{number}" for number in range(100)), make_pass=settled)
    await harness.run(20)
    moments = {round(at, 6) for at, _ in harness.passes}
    assert all(abs(at / TICK_SECONDS - round(at / TICK_SECONDS)) < 1e-3 for at in moments)
    assert len(harness.passes) > 15 * len(moments)


@pytest.mark.exhaustive
async def test_looks_that_began_together_spread_over_ticks() -> None:
    """After a start all clusters are looked at in one moment: not for ever."""

    async def settled(_: str) -> Requeue:
        return Requeue()

    harness = ControllerHarness(*(f"c{number}" for number in range(100)), make_pass=settled)
    await harness.run(60)
    last = Counter(round(at, 6) for at, _ in harness.passes if at > 60 - STEADY_SECONDS)
    assert len(last) >= STEADY_SECONDS / TICK_SECONDS
    assert max(last.values()) < 50


def test_connections_outlast_the_pause_between_two_looks() -> None:
    """Else a channel to each of thousands of members is opened for every single look."""
    slowest = STEADY_SECONDS_PER_CLUSTER * 3000 * JITTER
    assert slowest < IDLE_SECONDS / 2


# Leading


async def test_nothing_is_queued_while_another_leads() -> None:
    harness = ControllerHarness("a")
    queue = harness.controller._queue
    for _ in range(3):
        harness.change("a")
    assert len(queue) == 0
    await harness.run(1)
    harness.change("a")
    harness.change("b")
    assert len(harness.controller._queue) == 0
    assert harness.times("a") == [0.0]


async def test_a_second_term_begins_anew() -> None:
    """What was queued, planned or failing in the first term is of no matter."""

    async def make_pass(name: str) -> Requeue:
        if name == "bad":
            raise KubeUnavailable("503", 503)
        return Requeue(5.0)

    harness = ControllerHarness("a", "bad", make_pass=make_pass)
    await harness.run(3)
    await asyncio.sleep(10)
    harness.remove("bad")
    begun = now()
    harness.passes.clear()
    await harness.run(6)
    assert harness.passes == [(begun, "a"), (begun + 5.0, "a")]


async def test_a_pass_ends_with_the_term() -> None:
    ended: list[Key] = []

    async def make_pass(name: str) -> Requeue:
        try:
            await asyncio.sleep(NEVER)
        finally:
            ended.append(("team", name))
        return Requeue()

    harness = ControllerHarness("a", make_pass=make_pass)
    await harness.run(1)
    assert ended == [("team", "a")]
    assert now() == pytest.approx(1)


async def test_the_wait_for_a_worker_is_measured() -> None:
    """One worker and passes of two seconds: the second cluster waits for that long."""

    async def make_pass(_: str) -> Requeue:
        await asyncio.sleep(2)
        return Requeue()

    harness = ControllerHarness("a", "b", make_pass=make_pass, workers=1)
    read = harness.metrics.registry.get_sample_value
    async with harness.lead():
        await asyncio.sleep(1)
        assert read("etcd_operator_queue_oldest_wait_seconds", {"kind": "EtcdCluster"}) == 1
        await asyncio.sleep(2)
        assert read("etcd_operator_queue_wait_seconds_sum", {"kind": "EtcdCluster"}) == 2
    assert read("etcd_operator_queue_oldest_wait_seconds", {"kind": "EtcdCluster"}) == 0


async def test_only_the_leader_shows_clusters() -> None:
    """The one before would show for ever what it saw last."""
    harness = ControllerHarness("a")
    async with harness.lead():
        harness.metrics.clusters.show(("team", "a"), (Sample(SIZE, 3),))
        assert b'cluster="a"' in harness.metrics.expose()
    assert b'cluster="a"' not in harness.metrics.expose()

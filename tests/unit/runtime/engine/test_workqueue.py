"""Coalescing, one worker per key, back-off, timers: by example and by a random machine."""

from __future__ import annotations

import asyncio
import random

import looptime
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from etcd_operator.runtime.engine.workqueue import (
    FAIR_SHARE,
    FIRST_RETRY,
    LONGEST_RETRY,
    Urgency,
    WorkQueue,
)

pytestmark = pytest.mark.looptime

Queue = WorkQueue[str]


def now() -> float:
    """The virtual time in seconds."""
    return asyncio.get_running_loop().time()


async def empty(queue: Queue) -> bool:
    """Whether nothing comes out within a virtual hour."""
    try:
        await asyncio.wait_for(queue.get(), 3600)
    except TimeoutError:
        return True
    return False


async def test_a_waiting_key_is_not_added_twice() -> None:
    queue = Queue()
    for key in ("a", "b", "a", "a"):
        queue.add(key)
    assert len(queue) == 2
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert await empty(queue)


async def test_a_key_added_while_it_is_worked_on_comes_again_after() -> None:
    queue = Queue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert await empty(queue), "it would be worked on twice at the same time"
    queue.done("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert await empty(queue)


async def test_the_earliest_timer_wins() -> None:
    queue = Queue()
    queue.add_after("a", 10)
    queue.add_after("a", 3)
    queue.add_after("a", 30)
    assert await queue.get() == "a"
    assert now() == pytest.approx(3)
    queue.done("a")
    assert await empty(queue), "a later timer must not fire as well"


async def test_a_pass_makes_its_own_timers_anew() -> None:
    queue = Queue()
    queue.add_after("a", 10)
    queue.add("a")
    await queue.get()
    queue.done("a")
    assert await empty(queue)


async def test_a_timer_set_while_worked_on_counts() -> None:
    queue = Queue()
    queue.add("a")
    await queue.get()
    queue.add_after("a", 2)
    await asyncio.sleep(5)
    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"


async def test_failures_back_off_and_success_starts_anew() -> None:
    queue = Queue(random.Random(1))
    delays = [queue.retry("a") for _ in range(12)]
    for count, delay in enumerate(delays):
        least = min(FIRST_RETRY * 2**count, LONGEST_RETRY)
        assert least <= delay <= least * 1.5
    queue.forget("a")
    assert queue.retry("a") <= FIRST_RETRY * 1.5
    assert queue.retry("b") <= FIRST_RETRY * 1.5, "keys fail for themselves"


async def test_a_failure_that_knows_better_waits_as_long_as_told() -> None:
    queue = Queue(random.Random(1))
    assert queue.retry("a", at_least=7) == 7
    await queue.get()
    assert now() == pytest.approx(7)


async def test_an_endless_row_of_failures_is_no_overflow() -> None:
    queue = Queue()
    for _ in range(1100):
        assert queue.retry("a") <= LONGEST_RETRY * 1.5


async def test_no_key_is_lost_when_a_worker_is_cancelled() -> None:
    queue = Queue()
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    queue.add("a")
    assert await asyncio.wait_for(queue.get(), 1) == "a"


async def test_the_more_urgent_goes_first() -> None:
    queue = Queue()
    queue.add("routine", Urgency.ROUTINE)
    queue.add("changed", Urgency.CHANGED)
    queue.add("requested", Urgency.REQUESTED)
    assert [await queue.get() for _ in range(3)] == ["requested", "changed", "routine"]


async def test_a_waiting_key_moves_up_and_never_down() -> None:
    queue = Queue()
    queue.add("a", Urgency.ROUTINE)
    queue.add("b", Urgency.CHANGED)
    queue.add("a", Urgency.REQUESTED)
    queue.add("a", Urgency.ROUTINE)
    assert len(queue) == 2
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert await empty(queue)


async def test_what_became_urgent_while_worked_on_comes_back_as_urgent() -> None:
    queue = Queue()
    queue.add("a", Urgency.ROUTINE)
    await queue.get()
    queue.add("b", Urgency.CHANGED)
    queue.add("a", Urgency.ROUTINE)
    queue.add("a", Urgency.REQUESTED)
    queue.done("a")
    assert [await queue.get(), await queue.get()] == ["a", "b"]


async def test_a_flood_of_changes_does_not_end_the_routine() -> None:
    queue = Queue()
    queue.add("routine", Urgency.ROUTINE)
    await asyncio.sleep(1)
    handed: list[str] = []
    for number in range(3 * FAIR_SHARE):
        queue.add(f"changed-{number}", Urgency.CHANGED)
        queue.add(f"changed-{number}-too", Urgency.CHANGED)
        handed.append(await queue.get())
    assert "routine" in handed[:FAIR_SHARE]
    assert handed.count("routine") == 1


KEYS = st.sampled_from("abc")


class Machine(RuleBasedStateMachine):
    """The queue against a plain model: what is asked for is handed out, never twice at once."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = looptime.new_event_loop()
        self.queue = Queue(random.Random(0))
        self.asked: set[str] = set()
        self.due: dict[str, float] = {}
        self.working: set[str] = set()

    def teardown(self) -> None:
        """Whatever was asked for comes out in the end; then nothing does."""
        self.loop.run_until_complete(self._drain())
        self.loop.close()

    async def _drain(self) -> None:
        for key in sorted(self.working):
            self.queue.done(key)
        self._let(100.0)
        wanted = set(self.asked)
        await asyncio.sleep(100)
        handed = [await self.queue.get() for _ in wanted]
        assert sorted(handed) == sorted(wanted)
        assert len(self.queue) == 0

    def _let(self, seconds: float) -> None:
        """In the model: timers that are due ask."""
        until = self.loop.time() + seconds
        for key in [key for key, when in self.due.items() if when <= until]:
            del self.due[key]
            self.asked.add(key)

    @rule(key=KEYS, urgency=st.sampled_from(Urgency))
    def add(self, key: str, urgency: Urgency) -> None:
        """Somebody asks for a pass."""
        self.loop.run_until_complete(self._call(self.queue.add, key, urgency))
        self.asked.add(key)

    @rule(key=KEYS, seconds=st.integers(1, 20))
    def add_after(self, key: str, seconds: int) -> None:
        """Somebody asks for a later one; the earliest counts."""
        when = self.loop.time() + seconds
        self.due[key] = min(self.due.get(key, when), when)
        self.loop.run_until_complete(self._call(self.queue.add_after, key, seconds))

    @rule(key=KEYS)
    def discard(self, key: str) -> None:
        """Nobody is to make passes over a key any more, until somebody asks again."""
        self.loop.run_until_complete(self._call(self.queue.discard, key))
        self.asked.discard(key)
        self.due.pop(key, None)

    @rule(seconds=st.integers(1, 10))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self._let(seconds)
        self.loop.run_until_complete(asyncio.sleep(seconds))

    @precondition(lambda self: self.asked - self.working)
    @rule()
    def get(self) -> None:
        """A worker takes a key: one that was asked for and that nobody works on."""
        key = self.loop.run_until_complete(self.queue.get())
        assert key in self.asked
        assert key not in self.working
        self.asked.discard(key)
        self.due.pop(key, None)
        self.working.add(key)

    @rule(key=KEYS)
    @precondition(lambda self: self.working)
    def done(self, key: str) -> None:
        """A worker is done with a key."""
        if key in self.working:
            self.working.discard(key)
            self.loop.run_until_complete(self._call(self.queue.done, key))

    @invariant()
    def hands_out_exactly_what_may_be_worked_on(self) -> None:
        """What waits is what was asked for and is not being worked on."""
        assert len(self.queue) == len(self.asked - self.working)

    async def _call(self, function: object, *arguments: object) -> None:
        assert callable(function)
        function(*arguments)


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)


async def test_the_wait_for_a_worker_is_told_and_that_of_the_oldest_known() -> None:
    waits: list[float] = []
    queue = WorkQueue[str](on_wait=waits.append, monotonic=now)
    assert queue.oldest_wait() == 0
    queue.add("a")
    await asyncio.sleep(2)
    queue.add("b")
    await asyncio.sleep(1)
    assert queue.oldest_wait() == 3
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    assert waits == [3, 1]
    assert queue.oldest_wait() == 0


async def test_a_key_that_is_added_while_worked_on_waits_from_when_it_is_given_back() -> None:
    waits: list[float] = []
    queue = WorkQueue[str](on_wait=waits.append, monotonic=now)
    queue.add("a")
    key = await queue.get()
    queue.add(key)
    await asyncio.sleep(5)
    assert queue.oldest_wait() == 0
    queue.done(key)
    await asyncio.sleep(1)
    await queue.get()
    assert waits == [0, 1]


# Those who take only what is urgent


async def test_who_takes_only_requests_leaves_the_rest() -> None:
    queue = Queue()
    queue.add("changed")
    queue.add("routine", Urgency.ROUTINE)
    urgent = asyncio.create_task(queue.get(Urgency.REQUESTED))
    await asyncio.sleep(1)
    assert not urgent.done()
    assert [await queue.get(), await queue.get()] == ["changed", "routine"]
    queue.add("requested", Urgency.REQUESTED)
    assert await urgent == "requested"


async def test_a_key_that_becomes_urgent_wakes_who_takes_only_such() -> None:
    queue = Queue()
    queue.add("a", Urgency.ROUTINE)
    urgent = asyncio.create_task(queue.get(Urgency.REQUESTED))
    await asyncio.sleep(0)
    queue.add("a", Urgency.REQUESTED)
    assert await urgent == "a"
    queue.done("a")
    assert await empty(queue)


async def test_what_others_took_is_not_handed_out_again() -> None:
    queue = Queue()
    queue.add("a", Urgency.REQUESTED)
    assert await queue.get() == "a"
    urgent = asyncio.create_task(queue.get(Urgency.REQUESTED))
    await asyncio.sleep(1)
    assert not urgent.done()
    queue.add("b", Urgency.REQUESTED)
    assert await urgent == "b"
    assert await empty(queue)

"""Replicas share the shards, no two work on one, and all of them are held again after a kill."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from etcd_operator.core.sharding.shards import (
    ANNOTATION_SHARDS,
    LEASE_NAME,
    ROSTER_NAME,
    name_lease,
)
from etcd_operator.errors import KubeUnavailable
from etcd_operator.runtime.engine.shards import CountRecord, ShardElections
from etcd_operator.runtime.kubernetes.api import LEASES
from etcd_operator.runtime.kubernetes.lease import Terms
from tests.builders.exhaustive import exhaustive
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiServer, InMemoryApi, Pace

pytestmark = pytest.mark.looptime

TERMS = Terms(lease=15.0, renew_deadline=10.0, retry=2.0)
FOREVER = 10_000.0
# From when the last renewal has taken effect, until others have noticed and begun.
TAKEN_OVER = TERMS.lease + 2 * TERMS.retry
# A stop that is announced, until others have begun.
HANDED_OVER = 3.0


def now() -> float:
    """The virtual time."""
    return asyncio.get_running_loop().time()


@dataclass
class Stage:
    """Replicas on one server, and who works on which shard, by which number of shards."""

    server: ApiServer = field(default_factory=ApiServer)
    working: dict[int, str] = field(default_factory=dict)
    count: dict[str, int] = field(default_factory=dict)
    history: list[tuple[float, str, int, str]] = field(default_factory=list)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    cut_off: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pace = self.server.pace

        def reach(who: str, verb: str) -> tuple[float, float]:
            if who in self.cut_off:
                raise KubeUnavailable("connection refused")
            return pace(who, verb)

        self.server.pace = reach

    def start(self, who: str, count: int) -> None:
        """Start a replica that goes by this number of shards."""
        api = InMemoryApi(self.server, who)
        elections = ShardElections(api, LoopClock(), "system", who, count, TERMS)
        self.count[who] = count

        async def work(shard: int) -> None:
            if shard in self.working:
                self.wrong.append(f"{who} and {self.working[shard]} work on {shard} at {now()}")
            others = {self.count[other] for other in self.working.values()}
            if others - {count}:
                self.wrong.append(f"{who} works by {count}, others by {others} at {now()}")
            self.working[shard] = who
            self.history.append((now(), who, shard, "begins"))
            try:
                await asyncio.sleep(FOREVER)
            finally:
                self.working.pop(shard, None)
                self.history.append((now(), who, shard, "ends"))

        self.tasks[who] = asyncio.create_task(elections.run(work))

    async def stop(self, who: str) -> None:
        """Stop a replica as Kubernetes does: it gives back what it has."""
        task = self.tasks.pop(who)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def kill(self, who: str) -> None:
        """Kill a replica: nothing of it reaches the server any more."""
        self.cut_off.add(who)
        await self.stop(who)

    async def rest(self, seconds: float) -> None:
        """Let time pass; nothing may end a replica meanwhile."""
        await asyncio.wait(self.tasks.values(), timeout=seconds)
        for task in self.tasks.values():
            if task.done():
                task.result()

    async def end(self) -> None:
        """Stop everybody; no shard may have had two, and no two numbers may have counted."""
        for who in list(self.tasks):
            await self.stop(who)
        assert self.wrong == []

    def count_transitions(self) -> list[int]:
        """How often each Lease was taken, by shard."""
        names = map(name_lease, range(max(self.count.values())))
        leases = (self.server.objects["Lease", "system", name] for name in names)
        return [int(lease["spec"]["leaseTransitions"]) for lease in leases]

    @property
    def shares(self) -> dict[str, int]:
        """How many shards each replica works on."""
        return dict(Counter(self.working.values()))


async def test_one_shard_is_one_lease_and_nothing_else() -> None:
    stage = Stage()
    for who in "ab":
        stage.start(who, 1)
    await stage.rest(60)
    await stage.end()
    assert [(at, who) for at, who, _, what in stage.history if what == "begins"] == [(0.0, "a")]
    assert {(request.kind, request.name) for request in stage.server.requests} == {
        ("Lease", LEASE_NAME)
    }
    lease = stage.server.objects["Lease", "system", LEASE_NAME]
    assert "annotations" not in lease["metadata"]


async def test_one_replica_holds_all_shards_at_once() -> None:
    stage = Stage()
    stage.start("a", 4)
    await stage.rest(TERMS.retry + 0.1)
    assert stage.working == dict.fromkeys(range(4), "a")
    await stage.end()


async def test_who_comes_gets_a_share_and_nothing_moves_for_no_reason() -> None:
    stage = Stage()
    stage.start("a", 4)
    await stage.rest(20)
    stage.start("b", 4)
    await stage.rest(10)
    assert stage.shares == {"a": 2, "b": 2}
    stage.start("c", 4)
    await stage.rest(10)
    assert sorted(stage.shares.values()) == [1, 1, 2]
    stage.start("d", 4)
    stage.start("e", 4)
    await stage.rest(10)
    assert stage.shares == dict.fromkeys("abcd", 1), "there are more replicas than shards"
    assert stage.working[0] == "a"
    moves = len(stage.history)
    await stage.rest(60)
    assert len(stage.history) == moves
    # 4 were taken, and 4 given up and taken again.
    assert Counter(what for *_, what in stage.history) == {"begins": 8, "ends": 4}
    await stage.end()


async def test_a_killed_replica_is_followed_within_its_lease() -> None:
    stage = Stage()
    for who in "abc":
        stage.start(who, 8)
    await stage.rest(30)
    assert sorted(stage.shares.values()) == [2, 3, 3]
    orphans = {shard for shard, who in stage.working.items() if who == "a"}
    killed = now()
    await stage.kill("a")
    await stage.rest(TAKEN_OVER)
    assert stage.shares == {"b": 4, "c": 4}
    taken = {shard: at for at, _, shard, what in stage.history if what == "begins" and at > killed}
    assert taken.keys() == orphans, "no other shard moves"
    assert min(taken.values()) > killed + TERMS.renew_deadline
    await stage.end()


async def test_no_shard_moves_while_the_leases_of_a_killed_replica_expire_one_by_one() -> None:
    stage = Stage()
    for who in "abc":
        stage.start(who, 6)
    await stage.rest(30)
    first, second = sorted(shard for shard, who in stage.working.items() if who == "a")
    stage.server.delays |= {name_lease(second): 1.5, ROSTER_NAME: 3.0}
    await stage.rest(30)
    before = stage.count_transitions()
    await stage.kill("a")
    await stage.rest(TAKEN_OVER + 10)
    assert stage.shares == {"b": 3, "c": 3}
    moved = [after - then for after, then in zip(stage.count_transitions(), before, strict=True)]
    assert moved == [int(shard in (first, second)) for shard in range(6)]
    await stage.end()


async def test_a_stopped_replica_is_followed_at_once() -> None:
    stage = Stage()
    for who in "abc":
        stage.start(who, 8)
    await stage.rest(30)
    await stage.stop("a")
    await stage.rest(HANDED_OVER)
    assert stage.shares == {"b": 4, "c": 4}
    await stage.end()


async def test_a_replica_that_restarts_goes_on_at_once() -> None:
    stage = Stage()
    for who in "ab":
        stage.start(who, 4)
    await stage.rest(30)
    before = dict(stage.working)
    await stage.kill("a")
    stage.cut_off.clear()
    stage.start("a", 4)
    await stage.rest(1.0)
    assert stage.working == before
    await stage.end()


async def test_a_replica_that_is_cut_off_stops_before_others_begin() -> None:
    stage = Stage()
    for who in "ab":
        stage.start(who, 4)
    await stage.rest(30)
    stage.cut_off.add("a")
    since = now()
    await stage.rest(TAKEN_OVER)
    assert stage.shares == {"b": 4}
    ends = [at for at, who, _, what in stage.history if (who, what) == ("a", "ends") and at > since]
    assert max(ends) <= since + TERMS.renew_deadline
    stage.cut_off.clear()
    await stage.rest(TERMS.lease + 10)
    assert stage.shares == {"a": 2, "b": 2}
    await stage.end()


async def test_without_a_roster_free_shards_are_taken_all_the_same() -> None:
    stage = Stage()
    stage.server.delays[ROSTER_NAME] = FOREVER
    stage.start("a", 4)
    await stage.rest(30)
    assert stage.shares == {"a": 4}
    await stage.end()


# Another number of shards


@pytest.mark.parametrize("change", [(1, 4), (6, 4), *exhaustive((4, 1), (4, 6))])
async def test_another_number_of_shards_rolls_out_one_replica_at_a_time(
    change: tuple[int, int],
) -> None:
    """As a Deployment does: one comes, and one of the old ones goes."""
    stage, (before, after) = Stage(), change
    for who in "ab":
        stage.start(who, before)
    await stage.rest(30)
    stage.start("c", after)
    await stage.rest(5)
    await stage.stop("a")
    stage.start("d", after)
    await stage.rest(5)
    await stage.stop("b")
    await stage.rest(TERMS.lease + 10)
    assert sum(stage.shares.values()) == after
    await stage.end()


async def test_the_first_shards_begin_without_delay() -> None:
    """Whoever worked alone has released the only Lease."""
    stage = Stage()
    stage.start("a", 1)
    await stage.rest(10)
    await stage.stop("a")
    stage.start("b", 4)
    await stage.rest(TERMS.retry + 0.1)
    assert stage.shares == {"b": 4}
    await stage.end()


async def test_a_holder_that_knows_of_no_shards_ends_the_work_of_those_who_do() -> None:
    stage = Stage()
    for who in "ab":
        stage.start(who, 4)
    await stage.rest(30)
    spec = {"holderIdentity": "earlier-release", "leaseDurationSeconds": 15}
    old = stage.server.objects["Lease", "system", LEASE_NAME]
    stage.server.put(LEASES, LEASE_NAME, {**old, "spec": spec}, "system")
    await stage.rest(2 * TERMS.retry + 1)
    assert stage.working == {}
    await stage.rest(60)
    assert sorted(stage.shares.values()) == [2, 2], "it is gone, and its Lease has expired"
    await stage.end()


async def test_a_record_counts_only_as_long_as_it_was_read_of_late() -> None:
    """Whoever records another number waits no longer than for that."""
    record = CountRecord(LoopClock(), "b", 4, TERMS)
    assert not record.in_force
    annotations = {ANNOTATION_SHARDS: "4 a"}
    record.saw({"metadata": {"annotations": annotations}, "spec": {"holderIdentity": "a"}}, now())
    assert record.in_force
    await asyncio.sleep(TERMS.renew_deadline)
    assert not record.in_force


@pytest.mark.parametrize("record", ["nonsense", "99 a", "4 a pending extra", "", "4"])
async def test_a_record_that_says_nothing_is_written_anew(record: str) -> None:
    stage = Stage()
    metadata = {"annotations": {ANNOTATION_SHARDS: record}}
    stage.server.put(LEASES, LEASE_NAME, {"metadata": metadata, "spec": {}}, "system")
    stage.start("a", 4)
    await stage.rest(TERMS.lease + 10)
    assert stage.shares == {"a": 4}
    await stage.end()


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(6))
async def test_never_two_on_one_shard(seed: int) -> None:
    """Replicas come, go, die and change the number; requests are slow, fail or are half done."""
    choice = random.Random(seed)
    stage = Stage(ApiServer(_unsteady(choice)))
    numbers = choice.choice([(3,), (1, 3), (2, 5)])
    for step in range(10):
        who = f"r{step}"
        stage.start(who, choice.choice(numbers))
        await stage.rest(choice.randrange(64 * 16) / 64)
        if len(stage.tasks) > 3:
            leaving = choice.choice(sorted(stage.tasks))
            await (stage.kill(leaving) if choice.random() < 0.5 else stage.stop(leaving))
    stage.server.pace = lambda *_: (0.0, 0.0)
    for who in sorted(stage.tasks)[1:]:
        await stage.stop(who)
    await stage.rest(3 * TERMS.lease)
    ((last, _),) = stage.tasks.items()
    assert stage.shares == {last: stage.count[last]}
    await stage.end()


def _unsteady(choice: random.Random) -> Pace:
    calm = choice.choice([0.5, 0.8, 0.95])

    def pace(_who: str, _verb: str) -> tuple[float, float]:
        if choice.random() < calm:
            return (choice.randrange(12) / 64, choice.randrange(12) / 64)
        kind = choice.choice(["fail", "hang", "slow before", "slow after", "half done"])
        if kind == "fail":
            raise KubeUnavailable("503")
        slow = choice.randrange(14 * 64) / 64
        delays = {"hang": (FOREVER, 0.0), "slow before": (slow, 0.0), "slow after": (0.0, slow)}
        return delays.get(kind, (0.0, FOREVER))

    return pace

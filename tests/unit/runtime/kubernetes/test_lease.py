"""Two replicas never act at the same time, whatever the API server and the clocks do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from etcd_operator.errors import KubeUnavailable
from etcd_operator.runtime.kubernetes.api import LEASES
from etcd_operator.runtime.kubernetes.lease import Election, Terms
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime

LEASE_NAME = "the-lease"
TERMS = Terms(lease=15.0, renew_deadline=10.0, retry=2.0)
FOREVER = 10_000.0


def now() -> float:
    """The virtual time."""
    return asyncio.get_running_loop().time()


@dataclass
class Stage:
    """Replicas on one server, and who led when."""

    server: ApiServer = field(default_factory=ApiServer)
    leading: set[str] = field(default_factory=set)
    history: list[tuple[float, str, str]] = field(default_factory=list)
    clocks: dict[str, LoopClock] = field(default_factory=dict)

    def work_of(self, who: str) -> Callable[[], Awaitable[None]]:
        """Work that notices at once if somebody else works too."""

        async def work() -> None:
            assert not self.leading, f"{who} and {self.leading} lead at {now()}"
            self.leading.add(who)
            self.history.append((now(), who, "begins"))
            try:
                await asyncio.sleep(FOREVER)
            finally:
                self.leading.discard(who)
                self.history.append((now(), who, "ends"))

        return work

    def election(self, who: str) -> Election:
        """This replica's candidacy."""
        clock = self.clocks.setdefault(who, LoopClock())
        return Election(InMemoryApi(self.server, who), clock, "system", who, LEASE_NAME, TERMS)

    async def stand(self, who: str) -> None:
        """Stand for election again and again, as a restarted process would."""
        while True:
            await self.election(who).hold(self.work_of(who))
            await asyncio.sleep(1)

    def begun(self) -> list[tuple[float, str]]:
        """When each term began, and whose it was."""
        return [(round(at, 1), who) for at, who, what in self.history if what == "begins"]


async def play(stage: Stage, *replicas: str, seconds: float) -> None:
    """Let replicas stand for a while; any error of theirs is the test's."""
    tasks = [asyncio.create_task(stage.stand(who)) for who in replicas]
    done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
    assert not done


async def test_one_of_two_leads_and_goes_on_leading() -> None:
    stage = Stage()
    await play(stage, "a", "b", seconds=120)
    assert stage.begun() == [(0.0, "a")]
    assert stage.server.objects["Lease", "system", LEASE_NAME]["spec"]["leaseTransitions"] == 0


async def test_a_graceful_stop_lets_the_other_take_over_at_once() -> None:
    stage = Stage()
    first = asyncio.create_task(stage.election("a").hold(stage.work_of("a")))
    await asyncio.sleep(5)
    second = asyncio.create_task(stage.election("b").hold(stage.work_of("b")))
    await asyncio.sleep(20)
    stopped = now()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert stage.server.objects["Lease", "system", LEASE_NAME]["spec"]["holderIdentity"] == ""
    await asyncio.sleep(TERMS.retry + 0.1)
    assert stage.begun()[1][1] == "b"
    assert stage.begun()[1][0] - stopped <= TERMS.retry
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)


async def test_work_that_ends_by_itself_gives_the_lease_back() -> None:
    stage = Stage()

    async def work() -> None:
        await asyncio.sleep(30)

    await stage.election("a").hold(work)
    assert now() == pytest.approx(30)
    assert stage.server.objects["Lease", "system", LEASE_NAME]["spec"]["holderIdentity"] == ""


async def test_an_error_of_the_work_is_not_swallowed() -> None:
    stage = Stage()

    async def work() -> None:
        await asyncio.sleep(3)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await stage.election("a").hold(work)
    assert stage.server.objects["Lease", "system", LEASE_NAME]["spec"]["holderIdentity"] == ""


async def test_a_dead_leader_is_followed_after_its_lease() -> None:
    """The process is gone without a word: nobody releases anything."""
    stage = Stage()
    spec = {"holderIdentity": "dead", "leaseDurationSeconds": 15}
    stage.server.put(LEASES, LEASE_NAME, {"spec": spec}, "system")
    await play(stage, "b", seconds=30)
    ((began, _),) = stage.begun()
    assert TERMS.lease < began <= TERMS.lease + 2 * TERMS.retry
    assert stage.server.objects["Lease", "system", LEASE_NAME]["spec"]["leaseTransitions"] == 1


async def test_a_restarted_leader_goes_on_at_once() -> None:
    stage = Stage()
    stage.server.put(LEASES, LEASE_NAME, {"spec": {"holderIdentity": "a"}}, "system")
    await play(stage, "a", seconds=5)
    assert stage.begun() == [(0.0, "a")]


class Outage:
    """From some moment on this replica's requests fail, hang or are slow."""

    def __init__(self, who: str, since: float, delay: float | None) -> None:
        self.who, self.since, self.delay = who, since, delay

    def __call__(self, who: str, _: str) -> tuple[float, float]:
        """The faults for one request."""
        if now() < self.since or (self.who and who != self.who):
            return (0.0, 0.0)
        if self.delay is None:
            raise KubeUnavailable("connection refused")
        return (self.delay, 0.0)


@pytest.mark.parametrize("delay", [None, FOREVER, 9.0], ids=["fail", "hang", "slow"])
async def test_a_cut_off_leader_stops_before_the_other_begins(delay: float | None) -> None:
    stage = Stage(ApiServer(Outage("a", 21.0, delay)))
    await play(stage, "a", "b", seconds=200)
    ends = next(at for at, who, what in stage.history if (who, what) == ("a", "ends"))
    begins = next(at for at, who, what in stage.history if (who, what) == ("b", "begins"))
    assert ends <= 21.0 + TERMS.renew_deadline
    assert ends + (TERMS.lease - TERMS.renew_deadline) / 2 <= begins
    assert begins <= 21.0 + TERMS.lease + 2 * TERMS.retry


async def test_a_server_that_is_away_lets_nobody_lead() -> None:
    stage = Stage(ApiServer(Outage("", 21.0, None)))
    await play(stage, "a", "b", seconds=300)
    assert stage.history[-1][2] == "ends"
    assert stage.history[-1][0] <= 21.0 + TERMS.renew_deadline


async def test_a_renewal_that_took_effect_without_an_answer_is_not_believed() -> None:
    """The server has it, we do not know: we stop as if it had failed."""

    def pace(who: str, _: str) -> tuple[float, float]:
        return (0.0, FOREVER) if who == "a" and 21 < now() < 60 else (0.0, 0.0)

    stage = Stage(ApiServer(pace))
    await play(stage, "a", "b", seconds=200)
    ends = next(at for at, who, what in stage.history if (who, what) == ("a", "ends"))
    assert ends <= 21.0 + TERMS.renew_deadline
    assert len(stage.begun()) == 2, "and when the server answers again, somebody leads again"


async def test_the_term_counts_from_before_the_request_and_not_from_its_answer() -> None:
    """The write took effect at once, its answer took seven seconds: the others count from it."""

    def pace(who: str, verb: str) -> tuple[float, float]:
        if who != "a" or now() < 21:
            return (0.0, 0.0)
        if now() < 23:
            return (0.0, 7.0 if verb == "patch" else 0.0)
        raise KubeUnavailable("503")

    stage = Stage(ApiServer(pace))
    await play(stage, "a", "b", seconds=100)
    ends = next(at for at, who, what in stage.history if (who, what) == ("a", "ends"))
    assert ends <= 22.0 + TERMS.renew_deadline


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
async def test_wall_clocks_do_not_matter(jump: timedelta) -> None:
    """One replica's wall clock is wrong by a year from the beginning, and then jumps."""
    stage = Stage()
    stage.clocks["b"] = LoopClock()
    stage.clocks["b"].offset = jump

    async def turn() -> None:
        await asyncio.sleep(30)
        stage.clocks["a"].offset = jump * 2

    turning = asyncio.create_task(turn())
    await play(stage, "a", "b", seconds=200)
    await turning
    assert stage.begun() == [(0.0, "a")]


def ticks(choice: random.Random, most: int) -> float:
    """Some time in 64ths of a second: exact, so that virtual time never stands still on a rest."""
    return choice.randrange(most) / 64


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10))
async def test_never_two_at_the_same_time(seed: int) -> None:
    """Three replicas, and every request may be fast, slow, hang, fail or be half done."""
    choice = random.Random(seed)
    calm = choice.choice([0.5, 0.8, 0.95])

    def pace(who: str, verb: str) -> tuple[float, float]:
        if choice.random() < calm:
            return (ticks(choice, 12), ticks(choice, 12))
        kind = choice.choice(["fail", "hang", "slow before", "slow after", "half done"])
        if kind == "fail":
            raise KubeUnavailable("503")
        slow = ticks(choice, 14 * 64)
        delays = {"hang": (FOREVER, 0.0), "slow before": (slow, 0.0), "slow after": (0.0, slow)}
        return delays.get(kind, (0.0, FOREVER))

    stage = Stage(ApiServer(pace))
    await play(stage, "a", "b", "c", seconds=240)
    assert stage.history, "somebody must have led"


async def test_two_candidates_on_a_fresh_cluster_create_one_lease() -> None:
    stage = Stage(ApiServer(lambda *_: (0.125, 0.125)))
    await play(stage, "a", "b", "c", seconds=60)
    assert len(stage.begun()) == 1
    assert len(stage.server.created) == 1


@pytest.mark.parametrize("rest", [1e-16, 1e-12, 1e-9])
async def test_a_rest_of_the_arithmetic_is_no_time_left(rest: float) -> None:
    """Sleeping for less than the clock can tell apart would never end."""

    class Imprecise(LoopClock):
        """Never quite reaches the deadline."""

        def monotonic(self) -> float:
            """As the loop, less something if that is a deadline."""
            at = super().monotonic()
            return at - rest if at == TERMS.renew_deadline else at

    def pace(_: str, verb: str) -> tuple[float, float]:
        if now() > 0:
            raise KubeUnavailable("503")
        return (0.0, 0.0)

    stage = Stage(ApiServer(pace))
    stage.clocks["a"] = Imprecise()
    await asyncio.wait_for(stage.election("a").hold(stage.work_of("a")), 60)
    assert stage.history[-1] == (TERMS.renew_deadline, "a", "ends")

"""The same commands to the model's etcd and to real processes have the same answers and effects.

The walks are seeded. Etcd may also answer "not yet" where the model would let a request through;
that has to end by waiting if every member runs. While one is away etcd may go on saying so where
the model refuses for another reason; and the model takes new members then, which etcd does not.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from typing import Final

import pytest

from etcd_operator.simulation.membership import NOT_YET
from tests.conformance.modelled_etcd import WIDTH, ModelledEtcd
from tests.conformance.real_etcd import RealEtcd, wait_for_leader
from tests.etcd.conftest import find_binary
from tests.etcd.processes import Site

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(300)]

LENGTH: Final = 9
WALKS: Final = 6
PATIENCE: Final = 12.0  # more than twice etcd's five seconds

Command = tuple[str, int]


class Pair:
    """The model and the processes, in step."""

    def __init__(self, model: ModelledEtcd, real: RealEtcd) -> None:
        self.model = model
        self.real = real
        self.said: list[str] = []

    async def do(self, command: Command) -> None:
        """Give one command to both and compare."""
        verb, ordinal = command
        if self.model.has_majority():
            self.model.follow_leader(await wait_for_leader(self.real))
        if verb in ("kill", "join", "restart"):
            getattr(self.model, verb)(ordinal)
            await getattr(self.real, verb)(ordinal)
            answer: str | None = None
        else:
            answer = await self._ask(verb, ordinal)
        self.said.append(f"{verb} {ordinal}: {answer or 'done'}")
        await self._compare()

    async def _ask(self, verb: str, ordinal: int) -> str | None:
        expected = getattr(self.model, verb)
        before, all_up = self.model.state, self.model.all_up()
        wanted = expected(ordinal)
        deadline = time.monotonic() + (PATIENCE if all_up else 7.0)
        while True:
            answer: str | None = await getattr(self.real, verb)(ordinal)
            if answer == wanted:
                return answer
            if answer not in NOT_YET or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        patient = verb == "add" and answer == "unhealthy cluster"
        tolerated = not all_up and (patient or (answer in NOT_YET and wanted is not None))
        assert tolerated, self.explain(f"{verb} {ordinal}: real {answer}, model {wanted}")
        self.model.state = before  # the model allows this refusal at any time
        return answer

    async def _compare(self) -> None:
        if not self.model.has_majority():
            assert await self.real.leader() is None or await self._loses_leader(), self.explain(
                "a leader without a majority"
            )
            return
        deadline = time.monotonic() + PATIENCE
        while True:
            found = await self.real.members()
            if found == self.model.members() or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.1)
        assert found == self.model.members(), self.explain("the member lists differ")
        for ordinal in range(WIDTH):
            assert (ordinal in self.real.running) == self.model.runs(ordinal)

    async def _loses_leader(self) -> bool:
        """A leader notices within an election's time-out that nobody follows."""
        for _ in range(100):
            if await self.real.leader() is None:
                return True
            await asyncio.sleep(0.05)
        return False

    def explain(self, what: str) -> str:
        """What was done before."""
        return f"{what}\n  after {'; '.join(self.said)}\n  model {self.model.members()}"


def choices(model: ModelledEtcd) -> Iterator[Command]:
    """Every command that makes sense now, refusals included."""
    for ordinal in range(WIDTH - 1):
        line = model.etcd.line(ordinal)
        for verb in ("add", "promote", "remove", "move"):
            yield verb, ordinal
        if model.runs(ordinal):
            yield "kill", ordinal
        elif line is not None:
            yield ("restart" if model.has_disk(ordinal) else "join"), ordinal


def pick(model: ModelledEtcd, choice: random.Random) -> Command:
    """One of them by chance; what changes something more often, the death of a majority seldom."""
    possible = list(choices(model))
    if not model.has_majority():
        possible = [c for c in possible if c[0] == "restart"] or possible
    weights = {"join": 12, "restart": 12, "promote": 3, "add": 3, "remove": 2, "kill": 1, "move": 1}
    return choice.choices(possible, [weights[verb] for verb, _ in possible])[0]


async def walk(site: Site, voters: int, seed: int) -> list[str]:
    """One walk; returns what was said."""
    limit = 1 if site.version.startswith("v3.5.") else 8
    pair = Pair(ModelledEtcd(voters, limit), RealEtcd(site))
    choice = random.Random(seed)
    try:
        await pair.real.form(voters)
        for _ in range(LENGTH):
            await pair.do(pick(pair.model, choice))
    finally:
        await site.close()
    return pair.said


@pytest.mark.parametrize("minor", ["v3.5.", "v3.6."])
async def test_walks_agree(minor: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    binary = find_binary(minor)
    if isinstance(binary, str):
        pytest.skip(binary)
    sites = [
        Site(binary, binary.parent.name, tmp_path_factory.mktemp(f"walk-{n}")) for n in range(WALKS)
    ]
    walks = [walk(site, 1 + 2 * (n % 2), seed=n) for n, site in enumerate(sites)]
    said = [line for walked in await asyncio.gather(*walks) for line in walked]
    answers = {line.partition(": ")[2] for line in said}
    print(f"{len(said)} commands in {len(sites)} walks, answers: {sorted(answers)}")
    assert len(answers) >= 5, "the walks met too few different answers to prove anything"

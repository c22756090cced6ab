"""Real etcd processes, driven by the same commands as the model's etcd."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.model.members import Member, MemberList
from etcd_operator.errors import EtcdError, EtcdRefused, EtcdUnreachable, Refusal
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from tests.conformance.modelled_etcd import NOBODY, WIDTH
from tests.etcd.processes import Site, eventually

ANSWERS: Final = {
    Refusal.UNHEALTHY_CLUSTER: "unhealthy cluster",
    Refusal.TOO_MANY_LEARNERS: "too many learners",
    Refusal.LEARNER_NOT_READY: "learner is not in sync",
    Refusal.NOT_A_LEARNER: "not a learner",
    Refusal.MEMBER_NOT_FOUND: "member not found",
    Refusal.MEMBER_EXISTS: "peer URL exists",
    Refusal.NOT_ENOUGH_STARTED_MEMBERS: "not enough started members",
    Refusal.NOT_LEADER: "not leader",
}
Attempt = Callable[[EtcdMemberClient], Awaitable[object]]


class RealEtcd:
    """The processes of one site; ordinals as in the model."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.running: set[int] = set()

    async def form(self, voters: int) -> None:
        """Form a cluster as a bootstrap does."""
        self.site.write(*[Gate.NEW] * voters)
        await self.site.start(*range(voters))
        await self.site.served(*range(voters))
        self.running = set(range(voters))

    async def leader(self) -> int | None:
        """The ordinal that leads; None if nobody is known to."""
        answers = {o: await self.site.answer(o) for o in sorted(self.running)}
        for ordinal, status in answers.items():
            if status is not None and status.leader == status.member_id != 0:
                others = [s for o, s in answers.items() if s and o != ordinal and not s.is_learner]
                if all(s.leader == status.member_id for s in others):
                    return ordinal
        return None

    async def member_list(self) -> MemberList:
        """The list, confirmed by a quorum."""
        for ordinal in sorted(self.running):
            status = await self.site.answer(ordinal)
            if status is not None and not status.is_learner:
                return await self.site.client(ordinal).member_list(linearizable=True)
        raise EtcdUnreachable("no voter answers")

    async def members(self) -> dict[int, tuple[bool, bool]]:
        """Ordinal to (learner, started)."""
        known = await eventually(self.member_list)
        found = {}
        for ordinal in range(WIDTH):
            line = self._line(known, ordinal)
            if line is not None:
                found[ordinal] = (line.is_learner, line.started)
        assert len(found) == len(known.members)
        return found

    async def add(self, ordinal: int) -> str | None:
        """Announce a learner."""
        url = self.site.peer_url(ordinal)
        return await self._ask(lambda client: client.add_learner(url))

    async def promote(self, ordinal: int) -> str | None:
        """Promote whoever is at this ordinal."""
        identity = await self._identity(ordinal)
        return await self._ask(lambda client: client.promote_member(identity))

    async def remove(self, ordinal: int) -> str | None:
        """Remove whoever is at this ordinal."""
        identity = await self._identity(ordinal)
        said = await self._ask(lambda client: client.remove_member(identity))
        if said is None and ordinal in self.running:
            await self._await_end(ordinal)
        return said

    async def move(self, ordinal: int) -> str | None:
        """Ask the leader to hand over."""
        identity = await self._identity(ordinal)
        return await self._ask(lambda client: client.move_leader(identity))

    async def join(self, ordinal: int) -> None:
        """Start an announced member on an empty disk."""
        listed = tuple(sorted(await self.members()))
        gates = [Gate.CLOSED] * WIDTH
        gates[ordinal] = Gate.JOIN
        if self.site.data(ordinal).exists():
            self.site.wipe(ordinal)
        self.site.write(*gates, listed=listed)
        await self.restart(ordinal)

    async def kill(self, ordinal: int) -> None:
        """Kill its process."""
        await self.site.stop(ordinal)
        self.running.discard(ordinal)

    async def restart(self, ordinal: int) -> None:
        """Start it on its disk."""
        await self.site.start(ordinal)
        self.running.add(ordinal)

    async def _await_end(self, ordinal: int) -> None:
        """A removed member ends by itself."""
        async with asyncio.timeout(30):
            await self.site.processes[ordinal].wait()
        await self.kill(ordinal)

    async def _identity(self, ordinal: int) -> int:
        try:
            line = self._line(await self.member_list(), ordinal)
        except EtcdError:
            return NOBODY
        return line.id if line else NOBODY

    def _line(self, known: MemberList, ordinal: int) -> Member | None:
        url = self.site.peer_url(ordinal)
        return next((m for m in known.members if url in m.peer_urls), None)

    async def _ask(self, attempt: Attempt) -> str | None:
        leader = await self.leader()
        if leader is None:
            return "no leader"
        try:
            await attempt(self.site.client(leader))
        except EtcdRefused as error:
            if "bad leader transferee" in str(error):
                return "bad leader transferee"
            return ANSWERS.get(error.refusal, str(error))
        except EtcdUnreachable:
            return "no leader"
        return None


async def wait_for_leader(real: RealEtcd, seconds: float = 20.0) -> int:
    """Wait until somebody leads; return the ordinal."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        leader = await real.leader()
        if leader is not None:
            return leader
        await asyncio.sleep(0.05)
    raise AssertionError("a majority runs, but nobody leads")

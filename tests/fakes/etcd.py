# ruff: noqa: ARG002 (an implementation of a protocol has all its arguments)
"""etcd in memory: members that answer, refuse, hang, hash, and leave; as an EtcdPool of clients."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

from etcd_operator.core.model.members import Member, MemberList, MemberStatus
from etcd_operator.errors import EtcdRefused, EtcdUnreachable
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.etcd.session import Login
from tests.builders.snapshots import NAMING, answer, member


@dataclass
class FakeMember:
    """One member as whoever asks it finds it; None for an answer means that it hangs."""

    etcd: FakeEtcd
    ordinal: int
    says: MemberStatus | None
    address: str
    own_list: tuple[Member, ...] | None = None  # None: what all agree upon
    confirms: bool = True
    lists: bool = True
    refuses: EtcdRefused | None = None
    refuses_list: EtcdRefused | None = None
    refuses_change: EtcdRefused | None = None
    keys: int = 3
    refuses_count: EtcdRefused | None = None
    hash: int = 7
    compacted: int = 1
    runs: bool = True
    token: str = ""
    consent: str = ""
    hash_error: Exception | None = None
    login: Login | None = None
    asked: list[str] = field(default_factory=list)
    closed: int = 0

    async def status(self, *, timeout: float = 1.0) -> MemberStatus:
        """How it is; a member that was removed does not run."""
        self.asked.append("status")
        if self.refuses:
            raise self.refuses
        self._insist_that_it_runs()
        return self.says or await self._hang(timeout)

    def begin_status(self, *, timeout: float = 1.0) -> asyncio.Future[MemberStatus]:
        """Begin to say how it is."""
        return asyncio.ensure_future(self.status(timeout=timeout))

    async def finish_status(self, begun: asyncio.Future[MemberStatus]) -> MemberStatus:
        """What it says."""
        return await begun

    async def get(
        self, key: bytes, *, serializable: bool = False, timeout: float = 3.0
    ) -> bytes | None:
        """The value of a key: there is one at most: a consent, or a progress."""
        self.asked.append(f"get {key.decode()}")
        return self.consent.encode() or None

    async def delete(self, key: bytes, *, timeout: float = 3.0) -> None:
        """Delete a key."""
        self.asked.append(f"delete {key.decode()}")

    async def find_token(self) -> str:
        """What it gives to who logs in."""
        return self.token

    async def member_list(self, *, linearizable: bool, timeout: float) -> MemberList:
        """The members; confirmed by a quorum, or as this one knows them."""
        self.asked.append("confirmed list" if linearizable else "own list")
        self._insist_that_it_runs()
        if self.refuses_list:
            raise self.refuses_list
        if self.says is None or not self.lists or (linearizable and not self.confirms):
            await self._hang(timeout)
        assert self.says is not None
        lines = self.etcd.lines if self.own_list is None else self.own_list
        return MemberList(self.says.cluster_id, lines, linearizable)

    async def add_learner(self, peer_url: str) -> None:
        """Add a member, if nothing is against it."""
        self._change("add")

    async def remove_member(self, member_id: int) -> None:
        """Remove a member, once."""
        self._change("remove")
        assert member_id in {line.id for line in self.etcd.lines}, "it is removed once"
        self.etcd.lines = tuple(line for line in self.etcd.lines if line.id != member_id)
        self.etcd.removed.append(member_id)

    async def update_member(self, member_id: int, peer_urls: tuple[str, ...]) -> None:
        """List a member at other peer URLs."""
        self._change("update")
        self.etcd.lines = tuple(
            replace(line, peer_urls=peer_urls) if line.id == member_id else line
            for line in self.etcd.lines
        )

    async def move_leader(self, target_id: int) -> None:
        """Hand leadership over."""
        self._change(f"lead {target_id:x}")

    async def cancel_downgrade(self) -> None:
        """End a downgrade, if nothing is against it."""
        self._change("end downgrade")

    async def count(self, revision: int = 0, *, timeout: float = 60.0) -> tuple[int, int]:
        """How many keys there are at a revision, and which revision is the present one."""
        if self.refuses_count:
            raise self.refuses_count
        assert self.says is not None
        return self.keys, self.says.revision

    async def close(self) -> None:
        """Nobody asks any more."""
        self.closed += 1

    async def hash_kv(
        self, revision: int = 0, *, member_id: int = 0, timeout: float = 10.0
    ) -> tuple[int, int]:
        """The hash of its keys, and how far its history was compacted."""
        etcd = self.etcd
        etcd.hashed.append((asyncio.get_running_loop().time(), self.ordinal, revision))
        etcd.hashing += 1
        etcd.most_hashing = max(etcd.most_hashing, etcd.hashing)
        try:
            await asyncio.sleep(etcd.hash_seconds)
        finally:
            etcd.hashing -= 1
        if self.hash_error:
            raise self.hash_error
        return self.hash, self.compacted

    def _insist_that_it_runs(self) -> None:
        if not self.runs or (self.says and self.says.member_id in self.etcd.removed):
            raise EtcdUnreachable(f"{self.address}: connection refused")

    def _change(self, what: str) -> None:
        self.asked.append(what)
        self.etcd.changes.append(NAMING.member(self.ordinal))
        if self.refuses_change:
            raise self.refuses_change

    async def _hang(self, timeout: float) -> MemberStatus:
        await asyncio.sleep(timeout)
        raise EtcdUnreachable(f"{self.address}: no answer")


class FakeEtcd:
    """Members by ordinal, and what they agree upon. No member: none can be reached."""

    def __init__(self, size: int = 0, *, hash_seconds: float = 0.0, compacted: int = 1) -> None:
        self.lines = tuple(member(ordinal) for ordinal in range(size))
        self.removed: list[int] = []
        self.changes: list[str] = []  # who was asked to change the members
        self.hashed: list[tuple[float, int, int]] = []  # when, ordinal, revision
        self.hash_seconds = hash_seconds
        self.hashing = 0
        self.most_hashing = 0
        self.members: dict[str, FakeMember] = {}
        self.discarded: list[str] = []
        self.tls: dict[str, PeerTls | None] = {}
        self.logins: dict[str, Login | None] = {}
        for ordinal in range(size):
            self.add(ordinal, answer(ordinal).status).compacted = compacted

    def __getitem__(self, ordinal: int) -> FakeMember:
        """The member of a Pod."""
        return self.members[address_of_ordinal(ordinal)]

    def add(
        self, ordinal: int, says: MemberStatus | None, address: str = "", **changes: Any
    ) -> FakeMember:
        """A member that runs, at the usual address of its Pod without another."""
        address = address or address_of_ordinal(ordinal)
        made = self.members[address] = FakeMember(self, ordinal, says, address, **changes)
        return made

    @property
    def pool(self) -> EtcdPool:
        """The clients of its members."""
        return cast(EtcdPool, self)

    async def client(self, address: str, *, of: str = "") -> FakeMember:
        """As the pool, which knows nothing of who runs."""
        return self.members.get(address) or FakeMember(self, 0, None, address, runs=False)

    def set_tls(self, address: str, tls: PeerTls | None, *, of: str = "") -> None:
        """As the pool."""
        self.tls[address] = tls

    def set_login(self, address: str, login: Login | None, *, of: str = "") -> None:
        """As the pool."""
        self.logins[address] = login

    async def discard(self, address: str, *, of: str = "") -> None:
        """As the pool."""
        self.discarded.append(address)


def address_of_ordinal(ordinal: int) -> str:
    """Where the member of a Pod serves its clients."""
    return f"10.0.0.{ordinal + 1}:2379"

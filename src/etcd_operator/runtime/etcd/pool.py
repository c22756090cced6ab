"""The clients of all members that the operator speaks with.

Apart from the client of one member: a step of a Job speaks with a few, and need not load what
tells the operator which Pods there are.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from etcd_operator.core.model.address import join_port
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.runtime.etcd.channel import SMALL_ANSWERS, PeerTls
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.session import Login
from etcd_operator.runtime.process.latest import Latest

# Of more Pods than one operator can look after; those that are gone are forgotten in time.
MOST_INTRODUCTIONS: Final = 50_000
# With many clusters each is looked at more seldom. Longer than that takes for several thousand of
# them: a channel, 27 KiB or with TLS some 80, is cheaper to keep than to open for each look.
IDLE_SECONDS: Final = 60.0

_Key = tuple[str, str]  # of which EtcdCluster an address is, and the address


def address_of(pod: Pod) -> str:
    """Where a member's Pod serves clients, as host:port."""
    return join_port(pod.address, CLIENT_PORT)


@dataclass(slots=True)
class _Entry:
    """A client, and when it was last asked for."""

    client: EtcdMemberClient
    used: float


class EtcdPool:
    """Clients by address. One that nobody asked for of late is closed, and never under a call.

    An address that a spec names is `of` the uid of its EtcdCluster, as which a stranger may write
    that of somebody else's member: how that one is spoken with stays as it was.
    """

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()  # the longest unused first
        self._tls: Latest[_Key, PeerTls] = Latest(MOST_INTRODUCTIONS)
        self._logins: Latest[_Key, Login] = Latest(MOST_INTRODUCTIONS)

    def set_tls(self, address: str, tls: PeerTls | None, *, of: str = "") -> None:
        """Say how to speak with whoever is at an address from now on; None is plain text."""
        if tls is None:
            self._tls.pop((of, address), None)
        else:
            self._tls[of, address] = tls

    def set_login(self, address: str, login: Login | None, *, of: str = "") -> None:
        """Say as which user to speak with whoever is at an address from now on, if as any."""
        if login is None:
            self._logins.pop((of, address), None)
        else:
            self._logins[of, address] = login

    async def client(self, address: str, *, of: str = "") -> EtcdMemberClient:
        """Return the client of a member; `address` is host:port."""
        now = asyncio.get_running_loop().time()
        key = of, address
        tls, login = self._tls.get(key), self._logins.get(key)
        entry = self._entries.get(key)
        if entry and (entry.client.introduction, entry.client.login) != (tls, login):
            await self.discard(address, of=of)
            entry = None
        if entry is None:
            entry = self._entries[key] = _Entry(
                EtcdMemberClient(address, tls, login, SMALL_ANSWERS), now
            )
        entry.used = now
        self._entries.move_to_end(key)
        await self._retire_idle(now)
        return entry.client

    async def discard(self, address: str, *, of: str = "") -> None:
        """Forget the client of a member that does not answer.

        The next one tries at once, while a channel that failed waits longer after each attempt.
        Calls that wait for a long answer of this member go on.
        """
        entry = self._entries.pop((of, address), None)
        if entry is not None:
            await entry.client.retire()

    async def close(self) -> None:
        """Close every channel, also under calls."""
        entries, self._entries = self._entries, OrderedDict()
        for entry in entries.values():
            await entry.client.close()

    async def _retire_idle(self, now: float) -> None:
        while self._entries:
            (of, address), oldest = next(iter(self._entries.items()))
            if now - oldest.used < self._idle_seconds:
                return
            await self.discard(address, of=of)

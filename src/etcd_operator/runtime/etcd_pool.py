"""The clients of all members that the operator speaks with.

Apart from the client of one member: a step of a Job speaks with a few, and need not load what
tells the operator which Pods there are.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from etcd_operator.core.naming import CLIENT_PORT
from etcd_operator.core.snapshot import Pod
from etcd_operator.runtime.etcd import EtcdMemberClient, Introduction

# Of more Pods than one operator can look after; those that are gone are forgotten in time.
MOST_INTRODUCTIONS: Final = 50_000


def address_of(pod: Pod) -> str:
    """Where a member's Pod serves clients, as host:port."""
    host = f"[{pod.address}]" if ":" in pod.address else pod.address
    return f"{host}:{CLIENT_PORT}"


class EtcdPool:
    """Clients by address, the most recently used ones kept open."""

    def __init__(self, limit: int = 512) -> None:
        self._limit = limit
        self._clients: OrderedDict[str, EtcdMemberClient] = OrderedDict()
        self._introductions: dict[str, Introduction] = {}

    def introduce(self, address: str, introduction: Introduction | None) -> None:
        """Say how to speak with whoever is at an address from now on; None is plain text."""
        if introduction is None:
            self._introductions.pop(address, None)
        else:
            self._introductions[address] = introduction
            while len(self._introductions) > MOST_INTRODUCTIONS:
                del self._introductions[next(iter(self._introductions))]

    async def client(self, address: str) -> EtcdMemberClient:
        """Return the client of a member; `address` is host:port."""
        introduction = self._introductions.get(address)
        client = self._clients.get(address)
        old = client if client and client.introduction != introduction else None
        if client is None or old:
            client = self._clients[address] = EtcdMemberClient(address, introduction)
        if old:
            await old.close()
        self._clients.move_to_end(address)
        while len(self._clients) > self._limit:
            _, oldest = self._clients.popitem(last=False)
            await oldest.close()
        return client

    async def discard(self, address: str) -> None:
        """Forget the client of a member that does not answer.

        The next one tries at once, while a channel that failed waits longer after each attempt.
        """
        client = self._clients.pop(address, None)
        if client is not None:
            await client.close()

    async def close(self) -> None:
        """Close every channel."""
        clients, self._clients = self._clients, OrderedDict()
        for client in clients.values():
            await client.close()

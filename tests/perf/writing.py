"""Write through the client Service all the time, and say for how long no write was acknowledged."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.errors import EtcdError
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi

KEY: Final = b"bench/write"
# An attempt without an answer for so long is made anew, over a new connection: whom the Service
# chose may have gone.
TRY_SECONDS: Final = 0.2
PAUSE_SECONDS: Final = 0.002


class LostWrite(Exception):
    """A write was acknowledged and is not there."""


class Writer:
    """One client with one connection at a time, which writes one number after the other."""

    def __init__(self, address: str) -> None:
        self._client = EtcdMemberClient(address)
        self._number = 0
        self.acknowledged: list[float] = []

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            try:
                await self._client.put(KEY, str(self._number).encode(), timeout=TRY_SECONDS)
            except EtcdError:
                await self._renew()
            else:
                self.acknowledged.append(time.monotonic())
                self._number += 1
            await asyncio.sleep(PAUSE_SECONDS)

    async def check(self) -> None:
        """Raise LostWrite unless the last acknowledged number, or a later one, is there."""
        for _ in range(20):
            try:
                found = await self._client.get(KEY)
            except EtcdError:
                await self._renew()
                await asyncio.sleep(TRY_SECONDS)
                continue
            if int(found or b"-1") < self._number - 1:
                raise LostWrite(f"{self._number - 1} was acknowledged, {found!r} is there")
            return
        raise LostWrite("nobody answers any more")

    async def close(self) -> None:
        """Close the connection."""
        await self._client.close()

    async def _renew(self) -> None:
        address = self._client.address
        await self._client.close()
        self._client = EtcdMemberClient(address)


def longest_gap(acknowledged: Sequence[float], began: float, ended: float) -> float:
    """Return the longest time between two acknowledged writes, in seconds.

    Times are of a monotonic clock. What was written before `began` and after `ended` only bounds
    the first and the last gap; without any write the whole time is one gap.
    """
    before = [at for at in acknowledged if at <= began][-1:] or [began]
    after = [at for at in acknowledged if at >= ended][:1] or [ended]
    moments = [*before, *(at for at in acknowledged if began < at < ended), *after]
    return max(later - earlier for earlier, later in itertools.pairwise(moments))


@contextlib.asynccontextmanager
async def writing(api: KubeApi, namespace: str, name: str) -> AsyncIterator[Writer]:
    """A writer that writes meanwhile, and has begun to."""
    service = await api.get(kube.SERVICES, namespace, f"{name}-client")
    writer = Writer(f"{service['spec']['clusterIP']}:{CLIENT_PORT}")
    task = asyncio.create_task(writer.run())
    try:
        async with asyncio.timeout(10):
            while len(writer.acknowledged) < 10:  # noqa: ASYNC110 (the task is what is waited for)
                await asyncio.sleep(0.01)
        yield writer
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await writer.close()

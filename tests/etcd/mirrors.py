"""Mirrors between two sites of real etcd processes, and how to wait for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from etcd_operator.core.mirror.progress import PROGRESS_KEY, MirrorPhase, Progress, read_progress
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.errors import TaskError
from etcd_operator.jobs.mirror.mirror import mirror_keys
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2
from tests.etcd.processes import Site


def task(site: Site, target: Site, **wishes: object) -> Json:
    """What the Job of a mirror is told."""
    told: Json = {
        "endpoints": [f"http://{site.address(0)}:{CLIENT_PORT}"],
        "prefix": "",
        "leasedKeys": "Skip",
        "target": f"{target.address(0)}:{CLIENT_PORT}",
        "targetTls": False,
        "cutOver": False,
    }
    return {**told, **wishes}


async def read_all(client: EtcdMemberClient) -> dict[bytes, bytes]:
    """Every key but that of the progress."""
    request = etcd_pb2.RangeRequest(key=b"\0", range_end=b"\0")
    answer = await client.call("KV/Range", request, timeout=10)
    return {kv.key: kv.value for kv in answer.kvs if kv.key != PROGRESS_KEY}


async def progress_of(target: Site) -> Progress | None:
    """How far it says that it is."""
    return read_progress(await target.client(0).get(PROGRESS_KEY))


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while True:
            if await holds():
                return
            await asyncio.sleep(0.05)


async def wait_for_phase(target: Site, phase: MirrorPhase, lag: int = 0) -> Progress:
    """Wait until a mirror says that it is so far."""
    async with asyncio.timeout(30):
        while True:
            found = await progress_of(target)
            if found and found.phase is phase and found.lag <= lag:
                return found
            await asyncio.sleep(0.05)


async def begun_anew(target: Site, before: Progress | None) -> Progress:
    """Wait until another process than before says how far it is."""
    async with asyncio.timeout(30):
        while True:
            found = await progress_of(target)
            if found and (before is None or found.writer != before.writer):
                return found
            await asyncio.sleep(0.01)


async def says(target: Site, words: str) -> bool:
    """Whether a mirror has a problem with these words."""
    found = await progress_of(target)
    return found is not None and words in found.problem


async def has(client: EtcdMemberClient, key: bytes) -> bool:
    """Whether a key is there."""
    return await client.get(key) is not None


async def are_equal(old: EtcdMemberClient, new: EtcdMemberClient) -> bool:
    """Whether both hold the same keys."""
    return await read_all(old) == await read_all(new)


@contextlib.asynccontextmanager
async def mirroring(told: Json) -> AsyncIterator[asyncio.Task[Json]]:
    """A mirror in this process, as long as the block lasts."""
    running = asyncio.create_task(mirror_keys(told))
    try:
        yield running
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, TaskError):
            await running

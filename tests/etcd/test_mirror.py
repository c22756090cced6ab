"""A mirror between two real clusters: copied, followed, interrupted, compacted, cut over."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys

import pytest

from etcd_operator.api.etcd_config import EtcdConfig
from etcd_operator.core.mirror.progress import MirrorPhase, Progress
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.errors import TaskError
from etcd_operator.jobs.mirror.mirror import mirror_keys
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2
from tests.etcd.mirrors import (
    are_equal,
    begun_anew,
    has,
    mirroring,
    progress_of,
    read_all,
    says,
    task,
    until,
    wait_for_phase,
)
from tests.etcd.processes import Site, formed

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]

PROGRAM = """
import asyncio, json, sys
from etcd_operator.jobs.mirror.mirror import mirror_keys
asyncio.run(mirror_keys(json.loads(sys.argv[1])))
"""
# What etcd takes in one request by default.
LARGEST = 3 * 2**19


async def fill(client: EtcdMemberClient, keys: int, size: int = 40) -> None:
    """Write many keys, some at a time."""
    for first in range(0, keys, 100):
        puts = [
            etcd_pb2.RequestOp(
                request_put=etcd_pb2.PutRequest(key=b"k/%06d" % n, value=b"v" * size)
            )
            for n in range(first, min(first + 100, keys))
        ]
        await client.call("KV/Txn", etcd_pb2.TxnRequest(success=puts), timeout=10)


async def put_leased(client: EtcdMemberClient, key: bytes, site: Site) -> None:
    """Write a key with a lease, by etcdctl, for the operator has no leases."""
    tool = site.binary.with_name("etcdctl")
    words = (str(tool), f"--endpoints={site.address(0)}:{CLIENT_PORT}")
    made = await asyncio.create_subprocess_exec(
        *words, "lease", "grant", "600", "--write-out=json", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await made.communicate()
    lease = f"{json.loads(said)['ID']:x}"
    put = await asyncio.create_subprocess_exec(
        *words, "put", key.decode(), "leased", f"--lease={lease}", stdout=asyncio.subprocess.DEVNULL
    )
    await put.wait()
    assert await client.get(key) == b"leased"


class Writer:
    """Somebody who writes, overwrites and deletes without a pause."""

    def __init__(self, client: EtcdMemberClient, prefix: bytes = b"w/") -> None:
        self._client = client
        self._prefix = prefix
        self.count = 0
        self._task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while True:
            key = self._prefix + b"%03d" % (self.count % 300)
            if self.count % 7 == 6:
                await self._client.delete(key)
            else:
                await self._client.put(key, b"%d" % self.count)
            self.count += 1
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        """End after the write that is under way."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


@pytest.mark.situation(
    "etcd",
    "Pods of a mirror are killed, and clients write to the source during the cut-over",
    "it goes on where it was, waits for the writers and says so, and ends when every key is equal",
)
async def test_nothing_is_lost_by_kills_and_a_cut_over_waits_for_the_writers(
    site: Site, target: Site
) -> None:
    await formed(site, 1)
    await formed(target, 1)
    old, new = site.client(0), target.client(0)
    await fill(old, 5000)
    await put_leased(old, b"leased", site)
    writer = Writer(old)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    before: Progress | None = None
    for pause in (0.0, 0.02, 0.1, 0.3):
        killed = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, json.dumps(task(site, target)), env=environment
        )
        found = await begun_anew(target, before)
        await asyncio.sleep(pause)
        killed.send_signal(signal.SIGKILL)
        await killed.wait()
        assert before is None or (found.began, found.revision) >= (before.began, before.revision)
        before = found

    async with mirroring(task(site, target)):
        followed = await wait_for_phase(target, MirrorPhase.FOLLOWING, lag=1000)
    async with mirroring(task(site, target, cutOver=True)) as ending:
        await until(lambda: says(target, "still written to"))
        assert not ending.done()
        await writer.stop()
        async with asyncio.timeout(20):
            result = await ending
    wanted = await read_all(old)
    assert wanted.pop(b"leased") == b"leased"
    assert await read_all(new) == wanted
    assert writer.count > 300
    last = await progress_of(target)
    assert last is not None
    assert (last.phase, last.lag, last.problem) == (MirrorPhase.CUT_OVER, 0, "")
    assert last.began == followed.began
    assert result == {"keys": len(wanted), "leased": 1, "revision": last.revision}
    # Whatever starts afterwards writes no more.
    await old.put(b"later", b"x")
    async with asyncio.timeout(10):
        await mirror_keys(task(site, target))
    assert await new.get(b"later") is None


@pytest.mark.situation(
    "etcd",
    "The source of a mirror is compacted beyond what was copied",
    "all keys are compared, and what was deleted meanwhile is deleted",
)
async def test_a_compaction_of_what_was_to_follow_loses_no_deletion(
    site: Site, target: Site
) -> None:
    await formed(site, 1)
    await formed(target, 1)
    old, new = site.client(0), target.client(0)
    await fill(old, 700)
    async with mirroring(task(site, target)):
        before = await wait_for_phase(target, MirrorPhase.FOLLOWING)
    for number in range(0, 700, 3):
        await old.delete(b"k/%06d" % number)
    revision = await old.put(b"new", b"1")
    await old.compact(revision)
    async with mirroring(task(site, target)):
        await until(lambda: are_equal(old, new))
        after = await wait_for_phase(target, MirrorPhase.FOLLOWING)
    assert after.revision >= revision
    assert after.began == before.began, "what a person has approved stays approved"
    assert after.keys == len(await read_all(new))


async def test_values_near_the_limits_are_copied_or_named(site: Site, target: Site) -> None:
    await formed(site, 1)
    await formed(target, 1)
    old, new = site.client(0), target.client(0)
    for number in range(6):  # more than one answer may have together
        await old.put(b"large/%d" % number, os.urandom(LARGEST - 64), timeout=10)
    async with mirroring(task(site, target)):
        await wait_for_phase(target, MirrorPhase.FOLLOWING)
        await old.put(b"large/7", os.urandom(LARGEST - 64), timeout=10)
        await until(lambda: has(new, b"large/7"))
    assert await _same_large(old, new, range(8))


async def _same_large(old: EtcdMemberClient, new: EtcdMemberClient, numbers: range) -> bool:
    keys = [b"large/%d" % number for number in numbers]
    return [await old.get(key) for key in keys] == [await new.get(key) for key in keys]


async def test_a_value_that_the_new_cluster_does_not_take_is_named(
    site: Site, target: Site
) -> None:
    await formed(site, 1)
    small = EtcdConfig(heartbeat_interval=50, election_timeout=500, max_request_bytes=100_000)
    target.spec = target.spec.model_copy(update={"etcd_config": small})
    await formed(target, 1)
    await site.client(0).put(b"a", b"fits")
    await site.client(0).put(b"b\xff", b"x" * 200_000)
    with pytest.raises(TaskError, match=r"b\\\\xff' has 200000 bytes.*maxRequestBytes"):
        async with asyncio.timeout(20):
            await mirror_keys(task(site, target))
    assert await target.client(0).get(b"a") == b"fits"


async def test_of_a_prefix_nothing_else_is_read_written_or_waited_for(
    site: Site, target: Site
) -> None:
    await formed(site, 1)
    await formed(target, 1)
    old, new = site.client(0), target.client(0)
    for key in (b"app/a", b"app/b", b"other/a"):
        await old.put(key, b"1")
    await new.put(b"mine", b"stays")
    others = Writer(old, b"other/")
    try:
        async with mirroring(task(site, target, prefix="app/", cutOver=True)) as ending:
            async with asyncio.timeout(30):
                result = await ending
    finally:
        await others.stop()
    assert result["keys"] == 2
    assert await read_all(new) == {b"app/a": b"1", b"app/b": b"1", b"mine": b"stays"}


async def test_it_begins_in_an_empty_cluster_alone_and_ends_in_an_equal_one(
    site: Site, target: Site
) -> None:
    await formed(site, 1)
    await formed(target, 1)
    old, new = site.client(0), target.client(0)
    await old.put(b"a", b"1")
    await new.put(b"mine", b"1")
    with pytest.raises(TaskError, match="1 key that no mirror has written"):
        await mirror_keys(task(site, target))
    assert await read_all(new) == {b"mine": b"1"}
    await new.delete(b"mine")
    async with mirroring(task(site, target)) as first:
        before = await wait_for_phase(target, MirrorPhase.FOLLOWING)
        async with mirroring(task(site, target)):
            await begun_anew(target, before)
            await old.put(b"b", b"2")
            with pytest.raises(TaskError, match="Another Pod"):
                async with asyncio.timeout(20):
                    await first
    await new.put(b"mine", b"again")
    with pytest.raises(TaskError, match="'mine' is not the same"):
        async with asyncio.timeout(20):
            await mirror_keys(task(site, target, cutOver=True))
    assert await new.get(b"mine") == b"again"

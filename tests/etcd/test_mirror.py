"""A mirror between two real clusters: copied, followed, interrupted, compacted, cut over."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etcd_operator.api.etcd_config import EtcdConfig
from etcd_operator.core.mirror.progress import PROGRESS_KEY, MirrorPhase, Progress, read_progress
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.errors import TaskError
from etcd_operator.jobs.mirror import source as source_module
from etcd_operator.jobs.mirror.mirror import mirror_keys
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2
from etcd_operator.runtime.pki.x509 import issue_certificate, make_authority
from tests.etcd.passwords import PASSWORD, knows, log_in, protect
from tests.etcd.processes import Site, formed

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]

PROGRAM = """
import asyncio, json, sys
from etcd_operator.jobs.mirror.mirror import mirror_keys
asyncio.run(mirror_keys(json.loads(sys.argv[1])))
"""
# What etcd takes in one request by default.
LARGEST = 3 * 2**19


@pytest.fixture
async def target(site: Site, tmp_path: Path) -> AsyncIterator[Site]:
    """The site of the new cluster, beside that of the source."""
    place = tmp_path / "target"
    place.mkdir()
    running = Site(site.binary, site.version, place)
    try:
        yield running
    finally:
        await running.close()


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
    with pytest.raises(TaskError, match="1 keys that no mirror has written"):
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


async def test_a_user_reads_the_source_by_password(
    site: Site, target: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await protect(site)
    await formed(target, 1)
    old = log_in(site, 0, knows(PASSWORD))
    await old.put(b"a", b"1")
    place = tmp_path / "login"
    place.mkdir()
    monkeypatch.setattr(source_module, "SOURCE_LOGIN", str(place))
    (place / "username").write_text("root")
    with pytest.raises(TaskError, match="lacks username or password"):
        await mirror_keys(task(site, target))
    (place / "password").write_text(PASSWORD)
    async with mirroring(task(site, target)):
        await wait_for_phase(target, MirrorPhase.FOLLOWING)
        await old.put(b"b", b"2")
        await until(lambda: has(target.client(0), b"b"))


@contextlib.asynccontextmanager
async def serving_tls(site: Site, *, asks: bool) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """An etcd with TLS that may ask clients for certificates: its URL, and what opens it."""
    now, day = datetime.now(UTC), timedelta(days=1)
    authority = make_authority("old", now)
    names = [site.address(0)]
    server = issue_certificate(authority, "old", now, day, names=names, server=True)
    client = issue_certificate(authority, "mirror", now, day, server=False)
    files = {"ca.crt": authority.certificate, "s.crt": server.certificate, "s.key": server.key}
    for name, text in files.items():
        (site.root / name).write_text(text)
    url = f"https://{site.address(0)}:{CLIENT_PORT}"
    words = [f"--listen-client-urls={url}", f"--advertise-client-urls={url}"]
    words += [f"--listen-peer-urls=http://{site.address(0)}:2380"]
    words += [f"--data-dir={site.data(0)}", f"--cert-file={site.root}/s.crt"]
    words += [f"--key-file={site.root}/s.key"]
    if asks:
        words += ["--client-cert-auth", f"--trusted-ca-file={site.root}/ca.crt"]
    with (site.root / "log-0").open("ab") as log:
        site.processes[0] = await asyncio.create_subprocess_exec(
            site.binary, *words, stdout=log, stderr=log
        )
    known = {"ca.crt": authority.certificate}
    if asks:
        known |= {"tls.crt": client.certificate, "tls.key": client.key}
    yield url, known


@pytest.mark.parametrize("asks", [True, False], ids=["client certificate", "only its own"])
async def test_a_source_with_tls_is_read(
    site: Site, target: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    await formed(target, 1)
    place = tmp_path / "tls"
    place.mkdir()
    monkeypatch.setattr(source_module, "SOURCE_TLS", str(place))
    async with serving_tls(site, asks=asks) as (url, known):
        with pytest.raises(TaskError, match=r"has no ca\.crt"):
            await mirror_keys(task(site, target, endpoints=[url]))
        for name, text in known.items():
            (place / name).write_text(text)
        async with mirroring(task(site, target, endpoints=[url])):
            await wait_for_phase(target, MirrorPhase.FOLLOWING)
            keys = source_module.Source([url], b"").keys
            await keys.client.put(b"a", b"1")
            await keys.client.close()
            await until(lambda: has(target.client(0), b"a"))

"""Members with a second disk for the write-ahead log, as real etcd takes one without the other."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from etcd_operator.api.disk import Storage
from etcd_operator.api.wal import WalVolume
from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.membership.disks import Disk, classify_disk
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.core.model.parse import read_termination_message
from etcd_operator.core.model.snapshot import Seat
from tests.etcd.processes import SECONDS, Site, eventually, formed

pytestmark = pytest.mark.etcd


@pytest.fixture
def pair(site: Site) -> Site:
    """A site whose members have two disks."""
    site.spec = site.spec.model_copy(update={"storage": Storage(wal=WalVolume())})
    return site


async def ended(site: Site, ordinal: int) -> Disk | None:
    """Wait until a member's process ends, without ever serving; what its last words are taken for.

    Kubernetes keeps the end of what a process said.
    """
    process = site.processes[ordinal]
    async with asyncio.timeout(SECONDS):
        while process.returncode is None:
            assert await site.answer(ordinal) is None, "it served"
            await asyncio.sleep(0.05)
    assert process.returncode != 0
    words = read_termination_message(site.log(ordinal)[-2048:])
    pod = Pod("db-0", ordinal, "uid", termination_message=words, restarts=1, wal=True)
    return classify_disk(Seat(ordinal, None, pod, None, None))


def files_in(place: Path) -> list[str]:
    """Everything below a directory."""
    return sorted(str(path.relative_to(place)) for path in place.rglob("*"))


async def test_a_member_with_both_disks_starts_behind_a_closed_gate(pair: Site) -> None:
    (before, *_) = await formed(pair, 3)
    await pair.confirmed(0)
    await pair.client(0).put(b"k", b"v")
    pair.write(*[Gate.CLOSED] * 3)
    for ordinal in range(3):
        await pair.stop(ordinal)
    await pair.start(0, 1, 2)
    (after, *_) = await pair.served(0, 1, 2)
    assert (after.member_id, after.cluster_id) == (before.member_id, before.cluster_id)
    assert await eventually(lambda: pair.client(0).get(b"k")) == b"v"
    assert list(pair.wal(0).glob("*.wal"))
    assert not (pair.data(0) / "member" / "wal").exists()


@pytest.mark.parametrize("members", [1, 3])
async def test_without_its_log_no_member_starts(pair: Site, members: int) -> None:
    await formed(pair, members)
    pair.write(*[Gate.CLOSED] * members)
    await pair.stop(members - 1)
    shutil.rmtree(pair.wal(members - 1))
    for _ in range(2):
        await pair.start(members - 1)
        assert await ended(pair, members - 1) is Disk.HALF
        assert not pair.wal(members - 1).exists(), "nothing was begun"


@pytest.mark.parametrize("members", [1, 3])
async def test_without_its_data_no_member_starts_from_its_log(pair: Site, members: int) -> None:
    await formed(pair, members)
    pair.write(*[Gate.CLOSED] * members)
    await pair.stop(members - 1)
    pair.wipe(members - 1)
    log = files_in(pair.wal(members - 1))
    for _ in range(2):
        await pair.start(members - 1)
        assert await ended(pair, members - 1) is Disk.HALF
        assert not pair.data(members - 1).exists(), "nothing was begun"
        assert files_in(pair.wal(members - 1)) == log


async def test_the_disks_of_another_member_are_none(pair: Site) -> None:
    await formed(pair, 3)
    pair.write(*[Gate.CLOSED] * 3)
    for ordinal in (1, 2):
        await pair.stop(ordinal)
    # On the disk of a member everything is in a directory that has its name.
    pair.data(1).rename(pair.root / "elsewhere")
    pair.wal(2).rename(pair.root / "elsewhere-as-well")
    await pair.start(1, 2)
    assert await ended(pair, 1) is Disk.HALF
    assert await ended(pair, 2) is Disk.HALF


async def test_a_member_that_joins_begins_on_two_empty_disks(pair: Site) -> None:
    await formed(pair, 1)
    await pair.client(0).put(b"k", b"v")
    added = await pair.client(0).add_learner(pair.peer_url(1))
    pair.write(Gate.CLOSED, Gate.JOIN, listed=(0, 1))
    await pair.start(1)
    await pair.served(1)
    await eventually(lambda: pair.client(0).promote_member(added.id))
    assert await eventually(lambda: pair.client(1).get(b"k")) == b"v"


async def test_who_loses_the_log_while_it_joins_has_no_use_for_its_data(pair: Site) -> None:
    await formed(pair, 1)
    await pair.client(0).put(b"k", b"v")
    await pair.client(0).add_learner(pair.peer_url(1))
    pair.write(Gate.CLOSED, Gate.JOIN, listed=(0, 1))
    await pair.start(1)
    await pair.served(1)
    await pair.stop(1)
    shutil.rmtree(pair.wal(1))
    await pair.start(1)
    assert await ended(pair, 1) is Disk.UNUSABLE


async def run(*command: str | Path) -> None:
    """Run one of etcd's tools."""
    process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    assert await process.wait() == 0


async def restore(site: Site, snapshot: Path, *, open_way: bool) -> None:
    """Start a member from a restored backup, lose its data but not its log, and start it again."""
    utility = site.binary.parent / "etcdutl"
    await run(
        utility, "snapshot", "restore", snapshot,
        f"--data-dir={site.data(0)}", f"--wal-dir={site.wal(0)}",
        "--name=db-0", f"--initial-cluster=db-0={site.peer_url(0)}",
        f"--initial-advertise-peer-urls={site.peer_url(0)}",
    )  # fmt: skip
    site.write(Gate.CLOSED)
    await site.start(0)
    await site.served(0)
    assert await site.client(0).get(b"k") == b"v"
    await site.stop(0)
    site.wipe(0)
    if open_way:
        file = site.root / "db-0.yaml"
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not line.startswith("log-outputs")))
    await site.start(0)


@pytest.mark.parametrize("open_way", [False, True], ids=["as rendered", "without the log output"])
async def test_what_a_restore_put_there_would_be_missing(pair: Site, open_way: bool) -> None:
    """With its log alone etcd starts, and serves without a word what is in the log."""
    await formed(pair, 1)
    await pair.client(0).put(b"k", b"v")
    snapshot = pair.root / "snapshot.db"
    endpoint = f"{pair.address(0)}:{CLIENT_PORT}"
    control = pair.binary.parent / "etcdctl"
    await run(control, f"--endpoints={endpoint}", "snapshot", "save", snapshot)
    await pair.stop(0)
    pair.wipe(0)
    shutil.rmtree(pair.wal(0))
    await restore(pair, snapshot, open_way=open_way)
    if open_way:
        await pair.served(0)
        assert await pair.client(0).get(b"k") is None, "this is what must not be"
    else:
        assert await ended(pair, 0) is Disk.HALF

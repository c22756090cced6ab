"""etcd's downgrade with real members: when disks can be read, back and forth, and before 3.7."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from etcd_operator.api.release import STEPS_DOWN, Version
from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.model.members import MemberStatus
from etcd_operator.core.rollout.version_change import INCOMPATIBLE
from etcd_operator.errors import EtcdRefused
from tests.etcd.conftest import find_binary
from tests.etcd.processes import Site, eventually, formed

pytestmark = pytest.mark.etcd

EVERYONE = (0, 1, 2)
STEPS = [tuple(map(Version.name_minor, step)) for step in STEPS_DOWN.items()]
MINORS = ("v3.5.", "v3.6.", "v3.7.")
# etcd looks at versions every four seconds: the cluster's, then that of each disk.
SECONDS = 20.0
COMMIT_SECONDS = 1.0
LOOK_SECONDS = 6.0


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """An empty site; each test says with which version it begins."""
    missing = [found for found in map(find_binary, MINORS) if isinstance(found, str)]
    if missing:
        pytest.skip(missing[0])
    running = Site(Path(), "", tmp_path)
    try:
        yield running
    finally:
        await running.close()


def choose(site: Site, minor: str) -> None:
    """From now on members start with the newest release of a minor version."""
    binary = find_binary(minor)
    assert isinstance(binary, Path)
    site.binary, site.version = binary, binary.parent.name
    site.spec = site.spec.model_copy(update={"version": Version(site.version)})


async def restart(site: Site, ordinal: int, minor: str) -> MemberStatus:
    """Restart a member with another version on its disk."""
    choose(site, minor)
    site.write(*[Gate.CLOSED] * len(EVERYONE), listed=EVERYONE)
    await site.stop(ordinal)
    await site.start(ordinal)
    (status,) = await site.served(ordinal)
    assert status.version.startswith(minor.removeprefix("v"))
    return status


async def wait_for(site: Site, holds: Callable[[MemberStatus], bool]) -> None:
    """Wait until every member says something."""
    async with asyncio.timeout(SECONDS):
        while True:
            told = [await site.answer(ordinal) for ordinal in EVERYONE]
            if all(status is not None and holds(status) for status in told):
                return
            await asyncio.sleep(0.1)


async def wait_for_agreement(site: Site) -> None:
    """Wait until all members have the same data: some may have yet to apply the last write."""
    async with asyncio.timeout(SECONDS):
        while True:
            hashes = {await site.client(ordinal).hash_kv() for ordinal in EVERYONE}
            if len(hashes) == 1:
                return
            await asyncio.sleep(0.1)


def is_readable_by(minor: str) -> Callable[[MemberStatus], bool]:
    """Whether a minor version could read this disk, and etcd keeps it so."""
    version = f"{minor}.0"
    return lambda status: (status.storage_version, status.downgrade_target) == (version, version)


async def begin(site: Site, target: str) -> None:
    """Begin a downgrade; a cluster that was just formed has no version yet."""
    await eventually(lambda: site.client(0).enable_downgrade(target))


async def prepare(site: Site, target: str) -> None:
    """Begin a downgrade, and wait until it is on every disk: members here end by SIGKILL.

    etcd says what it has applied before its backend commits that, every 100 ms.
    """
    await begin(site, target)
    await wait_for(site, is_readable_by(target))
    await asyncio.sleep(COMMIT_SECONDS)


async def put(site: Site, key: bytes) -> None:
    """Write a key, again while a leader is elected."""
    await eventually(lambda: site.client(0).put(key, b"v"))


@pytest.mark.parametrize(("high", "low"), STEPS)
async def test_down_and_up_again(site: Site, high: str, low: str) -> None:
    choose(site, f"v{high}.")
    await formed(site, len(EVERYONE))
    await put(site, b"before")
    await prepare(site, low)
    with pytest.raises(EtcdRefused):
        await site.client(0).enable_downgrade(low)
    for ordinal in reversed(EVERYONE):
        status = await restart(site, ordinal, f"v{low}.")
        assert status.downgrade_target == status.storage_version, "3.5 says neither"
        await put(site, f"after-{ordinal}".encode())
    await wait_for_agreement(site)
    # All run what it was for.
    await wait_for(site, lambda s: s.downgrade_target == "")
    for ordinal in reversed(EVERYONE):
        await restart(site, ordinal, f"v{high}.")
    # Members of 3.5 end it themselves too, but nobody sees when.
    await site.client(0).cancel_downgrade()
    await wait_for(site, lambda s: (s.storage_version, s.downgrade_target) == (f"{high}.0", ""))
    assert await site.client(1).get(b"before") == b"v"


@pytest.mark.parametrize(("high", "low"), STEPS)
async def test_back_in_the_middle(site: Site, high: str, low: str) -> None:
    """The downgrade is ended with one member down already; that one goes up again."""
    choose(site, f"v{high}.")
    await formed(site, len(EVERYONE))
    await prepare(site, low)
    await restart(site, 2, f"v{low}.")
    await put(site, b"mixed")
    await site.client(0).cancel_downgrade()
    told = [await site.answer(ordinal) for ordinal in (0, 1)]
    assert [s and (s.storage_version, s.downgrade_target) for s in told] == [(f"{low}.0", "")] * 2
    await restart(site, 2, f"v{high}.")
    await wait_for(site, lambda s: s.storage_version == f"{high}.0")
    await wait_for_agreement(site)


@pytest.mark.parametrize("snapshots", [False, True], ids=["as it is", "after snapshots"])
async def test_entries_of_3_5_end_3_7_until_they_are_in_snapshots(
    site: Site, snapshots: bool
) -> None:
    choose(site, "v3.5.")
    await formed(site, len(EVERYONE))
    await put(site, b"old")
    for ordinal in reversed(EVERYONE):
        await restart(site, ordinal, "v3.6.")
    await wait_for(site, lambda s: s.storage_version == "3.6.0")
    if not snapshots:
        choose(site, "v3.7.")
        site.write(*[Gate.CLOSED] * len(EVERYONE), listed=EVERYONE)
        await site.stop(2)
        await site.start(2)
        async with asyncio.timeout(SECONDS):
            assert await site.processes[2].wait() != 0
        await restart(site, 2, "v3.6.")  # nothing is lost by the attempt
        return
    await prepare(site, "3.5")
    await site.client(0).cancel_downgrade()
    await wait_for(site, lambda s: (s.storage_version, s.downgrade_target) == ("3.6.0", ""))
    for ordinal in reversed(EVERYONE):
        await restart(site, ordinal, "v3.7.")
    assert await site.client(2).get(b"old") == b"v"
    await wait_for_agreement(site)


async def join_anew(site: Site, ordinal: int, minor: str) -> int:
    """Remove a member and have one of another version join in its place; returns its member ID.

    So are members with emptyDirs replaced, which lose their data with their Pod.
    """
    choose(site, minor)
    other = site.client((ordinal + 1) % len(EVERYONE))
    (status,) = await site.served(ordinal)
    await eventually(partial(other.remove_member, status.member_id))
    await site.stop(ordinal)
    site.wipe(ordinal)
    added = await eventually(partial(other.add_learner, site.peer_url(ordinal)))
    gates = [Gate.JOIN if each == ordinal else Gate.CLOSED for each in EVERYONE]
    site.write(*gates, listed=EVERYONE)
    await site.start(ordinal)
    return added.id


@pytest.mark.parametrize(("high", "low"), STEPS)
async def test_nobody_joins_during_a_downgrade_and_a_lower_version_after_it(
    site: Site, high: str, low: str
) -> None:
    """The cluster stays down until all members have said their version, the new one as well."""
    choose(site, f"v{high}.")
    await formed(site, len(EVERYONE))
    await prepare(site, low)
    await join_anew(site, 2, f"v{low}.")
    async with asyncio.timeout(SECONDS):
        assert await site.processes[2].wait() != 0
    log = (site.root / "log-2").read_text()
    assert INCOMPATIBLE in log
    await site.client(0).cancel_downgrade()
    await asyncio.sleep(LOOK_SECONDS)
    told = [await site.answer(ordinal) for ordinal in (0, 1)]
    assert [s and (s.storage_version, s.downgrade_target) for s in told] == [(f"{low}.0", "")] * 2
    await site.start(2)
    (joined,) = await site.served(2)
    assert joined.version.startswith(low)


@pytest.mark.parametrize(("high", "low"), STEPS)
async def test_members_of_a_higher_version_join_anew_one_by_one(
    site: Site, high: str, low: str
) -> None:
    choose(site, f"v{low}.")
    await formed(site, len(EVERYONE))
    await put(site, b"before")
    for ordinal in reversed(EVERYONE):
        joined = await join_anew(site, ordinal, f"v{high}.")
        await site.served(ordinal)
        other = site.client((ordinal + 1) % len(EVERYONE))
        await eventually(partial(other.promote_member, joined))
    # Each may learn of its vote a moment after the leader has promised it.
    await eventually(partial(wait_for_agreement, site))
    told = [await site.answer(ordinal) for ordinal in EVERYONE]
    assert all(status and status.version.startswith(high) for status in told)
    assert await eventually(lambda: site.client(1).get(b"before")) == b"v"

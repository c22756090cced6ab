"""Members that started without a quorum: they serve nobody, and say how far their disks reach."""

from __future__ import annotations

from functools import partial

import pytest

from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.model.members import RaftProgress
from etcd_operator.errors import EtcdError
from etcd_operator.runtime.etcd.raft_progress import is_defragmenting, read_raft_progress
from tests.etcd.processes import SECONDS, Site, eventually, formed

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(120)]


async def standing_of(site: Site, ordinal: int) -> RaftProgress:
    """Ask until it says so: reading the disk takes a moment."""

    async def ask() -> RaftProgress:
        found = await read_raft_progress(site.address(ordinal))
        if found is None:
            raise EtcdError("nothing yet")
        return found

    return await eventually(ask, SECONDS)


async def write(site: Site, times: int) -> int:
    revision = 0
    for number in range(times):
        put = partial(site.client(0).put, b"k", str(number).encode())
        revision = await eventually(put, SECONDS)  # whoever led may just have been stopped
    return revision


async def test_a_member_says_that_it_is_not_being_defragmented(site: Site) -> None:
    await formed(site, 1)
    await site.client(0).defragment()
    assert not await is_defragmenting(site.address(0))


async def test_what_a_silent_member_says_is_what_is_kept(site: Site) -> None:
    before = await formed(site, 5)
    await site.stop(4)
    await write(site, 20)
    await site.stop(3)
    last = await write(site, 20)
    for ordinal in range(3):
        await site.stop(ordinal)
    site.write(*[Gate.CLOSED] * 5)
    await site.start(3, 4)

    ahead, behind = await standing_of(site, 3), await standing_of(site, 4)
    assert [await site.answer(o) for o in (3, 4)] == [None, None], "neither serves"
    assert (ahead.member_id, behind.member_id) == (before[3].member_id, before[4].member_id)
    assert behind.index < ahead.index
    assert behind.revision < ahead.revision < last
    assert not ahead.is_learner

    for ordinal in (3, 4):
        await site.stop(ordinal)
    site.force(3)
    await site.start(3)
    (kept,) = await site.served(3)
    assert (kept.member_id, kept.cluster_id) == (ahead.member_id, before[3].cluster_id)
    assert kept.revision == ahead.revision


async def test_a_learner_says_that_it_is_one(site: Site) -> None:
    await formed(site, 1)
    await write(site, 5)
    await site.client(0).add_learner(site.peer_url(1))
    site.write(Gate.CLOSED, Gate.JOIN, listed=(0, 1))
    await site.start(1)
    await site.served(1)
    for ordinal in range(2):
        await site.stop(ordinal)
    await site.start(1)
    found = await standing_of(site, 1)
    assert found.is_learner
    assert await site.answer(1) is None


async def test_nobody_says_nothing(site: Site) -> None:
    assert await read_raft_progress(site.address(0)) is None

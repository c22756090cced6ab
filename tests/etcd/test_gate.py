"""The gate, as real etcd reads it: what each rendered file lets a member do."""

from __future__ import annotations

import asyncio

import pytest

from etcd_operator.core.bootstrap.gate import Gate
from tests.etcd.processes import SECONDS, Site, eventually, formed

pytestmark = pytest.mark.etcd


async def exit_code(site: Site, ordinal: int) -> int:
    """Wait until a member's process ends by itself, and see that it never serves meanwhile."""
    process = site.processes[ordinal]
    async with asyncio.timeout(SECONDS):
        while process.returncode is None:
            assert await site.answer(ordinal) is None, "a member behind a closed gate served"
            await asyncio.sleep(0.05)
    return process.returncode


async def test_the_files_of_a_bootstrap_form_one_cluster(site: Site) -> None:
    statuses = await formed(site, 3)
    assert len({status.cluster_id for status in statuses}) == 1
    assert len({status.member_id for status in statuses}) == 3
    known = await site.confirmed(1)
    assert {line.name for line in known.members} == {"db-0", "db-1", "db-2"}


async def test_a_wiped_member_behind_a_closed_gate_ends_and_never_serves(site: Site) -> None:
    await formed(site, 3)
    await site.stop(2)
    site.wipe(2)
    site.write(*[Gate.CLOSED] * 3)
    assert site.settings(2)["initial-cluster-state"] == "existing"
    await site.start(2)
    assert await exit_code(site, 2) != 0
    known = await site.confirmed(0)
    assert len(known.members) == 3, "nothing has changed for the others"


async def test_all_members_wiped_at_once_do_not_form_a_second_cluster(site: Site) -> None:
    await formed(site, 3)
    site.write(*[Gate.CLOSED] * 3)
    for ordinal in range(3):
        await site.stop(ordinal)
        site.wipe(ordinal)
    await site.start(0, 1, 2)
    for ordinal in range(3):
        assert await exit_code(site, ordinal) != 0


async def test_a_single_wiped_member_does_not_start_anew(site: Site) -> None:
    await formed(site, 1)
    await site.client(0).put(b"k", b"v")
    site.write(Gate.CLOSED)
    await site.stop(0)
    site.wipe(0)
    await site.start(0)
    assert await exit_code(site, 0) != 0


async def test_a_member_with_its_data_starts_behind_a_closed_gate(site: Site) -> None:
    (before, *_) = await formed(site, 3)
    await site.confirmed(0)
    await site.client(0).put(b"k", b"v")
    site.write(*[Gate.CLOSED] * 3)
    for ordinal in range(3):
        await site.stop(ordinal)
    await site.start(0, 1, 2)
    (after, *_) = await site.served(0, 1, 2)
    await site.confirmed(0)
    assert (after.member_id, after.cluster_id) == (before.member_id, before.cluster_id)
    assert await site.client(0).get(b"k") == b"v"


async def test_an_announced_member_joins_with_the_list_that_etcd_has(site: Site) -> None:
    await formed(site, 1)
    await site.client(0).put(b"k", b"v")
    added = await site.client(0).add_learner(site.peer_url(1))
    site.write(Gate.CLOSED, Gate.JOIN, listed=(0, 1))
    await site.start(1)
    (status,) = await site.served(1)
    assert (status.member_id, status.is_learner) == (added.id, True)
    await eventually(lambda: site.client(0).promote_member(added.id))
    (status,) = await site.served(1)
    # It may learn of its vote a moment after the leader has promised it.
    assert await eventually(lambda: site.client(1).get(b"k")) == b"v"


async def test_a_member_that_nobody_announced_does_not_join(site: Site) -> None:
    await formed(site, 1)
    site.write(Gate.CLOSED, Gate.JOIN, listed=(0, 1))
    await site.start(1)
    assert await exit_code(site, 1) != 0
    assert len((await site.confirmed(0)).members) == 1

"""When members are compared, how often, and what is made of their answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from etcd_operator.core.consistency.divergence import find_divergence
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.takeover.record import Stage
from etcd_operator.errors import EtcdRefused, EtcdUnreachable
from etcd_operator.runtime.etcd.hash_compare import (
    AGAIN_SECONDS,
    AT_ONCE,
    CONFIRM_SECONDS,
    INTERVAL_SECONDS,
    Comparer,
)
from tests.builders.snapshots import formed, member_id, silent, without_member
from tests.builders.take_over import TakeOverWorld
from tests.fakes.clock import LoopClock
from tests.fakes.etcd import FakeEtcd

pytestmark = pytest.mark.looptime

COMPACTED = 40


def members_with(*hashes: int) -> FakeEtcd:
    """Three members that take a second to hash their keys, to these values."""
    etcd = FakeEtcd(3, hash_seconds=1.0, compacted=COMPACTED)
    change_hashes(etcd, *hashes)
    return etcd


def change_hashes(etcd: FakeEtcd, *hashes: int) -> None:
    """The members hold something else from now on."""
    for ordinal, value in enumerate(hashes):
        etcd[ordinal].hash = value


def comparer(members: FakeEtcd) -> Comparer:
    return Comparer(members.pool, LoopClock())


async def live(one: Comparer, snapshot: Snapshot, seconds: int, every: int = 1) -> Snapshot:
    """Make a pass every so many seconds; return what the last one sees."""
    seen = snapshot
    for _ in range(seconds // every):
        seen = replace(snapshot, compared=one.look(snapshot))
        await asyncio.sleep(every)
    return seen


async def test_members_are_compared_now_and_then_one_after_the_other() -> None:
    members = members_with(7, 7, 7)
    seen = await live(comparer(members), formed(3), 3600, every=5)
    rounds = len(members.hashed) // 3
    assert 3600 / INTERVAL_SECONDS - 2 <= rounds <= 3600 / INTERVAL_SECONDS
    assert [ordinal for _, ordinal, _ in members.hashed] == [0, 1, 2] * rounds
    assert {revision for _, _, revision in members.hashed} == {100}
    assert members.most_hashing == 1
    assert len(seen.compared) == 2
    assert set(seen.compared[-1].hashes) == {member_id(o) for o in range(3)}
    assert find_divergence(seen) is None


async def test_a_large_database_is_read_seldom() -> None:
    members, snapshot = members_with(7, 7, 7), formed(3)
    large = {
        o: Probe(replace(p.status, db_size=2 * 2**30)) if p.status else p
        for o, p in snapshot.probes.items()
    }
    await live(comparer(members), replace(snapshot, probes=large), 6 * 3600, every=60)
    assert 20 <= len(members.hashed) <= 30, "every 39 minutes"


async def test_the_revision_is_one_that_every_member_has() -> None:
    members, snapshot = members_with(7, 7, 7), formed(3)
    status = snapshot.probes[1].status
    assert status is not None
    behind = {**snapshot.probes, 1: Probe(replace(status, revision=93))}
    await live(comparer(members), replace(snapshot, probes=behind), int(INTERVAL_SECONDS) + 5)
    assert {revision for _, _, revision in members.hashed} == {93}


async def test_a_difference_is_confirmed_before_it_counts_and_soon() -> None:
    members = members_with(7, 8, 7)
    one, scene = comparer(members), formed(3)
    while len(members.hashed) < 3:
        seen = await live(one, scene, 1)
    seen = await live(one, scene, 4)
    assert len(seen.compared) == 1
    assert find_divergence(seen) is None
    seen = await live(one, scene, int(CONFIRM_SECONDS) + 4)
    found = find_divergence(seen)
    assert found is not None
    assert found.wrong == {member_id(1)}
    assert len(members.hashed) == 6
    seen = await live(one, scene, int(INTERVAL_SECONDS) - 30)
    assert len(members.hashed) == 6, "what is known is not asked again and again"
    assert find_divergence(seen) is not None


async def test_a_difference_that_was_gone_at_the_second_look_never_counts() -> None:
    members = members_with(7, 8, 7)
    one, scene = comparer(members), formed(3)
    while len(members.hashed) < 3:
        await live(one, scene, 1)
    await live(one, scene, 3)
    members[1].hash = 7
    seen = await live(one, scene, int(CONFIRM_SECONDS) + 5)
    assert len(seen.compared) == 2
    assert find_divergence(seen) is None


async def test_when_the_member_was_replaced_the_next_comparison_is_at_once() -> None:
    members = members_with(7, 8, 7)
    one, scene = comparer(members), formed(3)
    while len(members.hashed) < 6:
        await live(one, scene, 1)
    await live(one, scene, 4)
    change_hashes(members, 7, 7, 7)
    smaller = without_member(scene, 1)
    seen = await live(one, smaller, 5)
    assert set(seen.compared[-1].hashes) == {member_id(0), member_id(2)}
    assert len(set(seen.compared[-1].hashes.values())) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        {1: {"hash_error": EtcdUnreachable("no answer")}},
        {2: {"hash_error": EtcdRefused("permission denied")}},
        {2: {"compacted": COMPACTED + 1}},
    ],
    ids=["silent", "refused", "histories differ"],
)
async def test_what_cannot_be_compared_says_nothing_and_is_tried_again_later(
    trouble: dict[int, dict[str, object]],
) -> None:
    members = members_with(7, 8, 7)
    for ordinal, changes in trouble.items():
        for name, value in changes.items():
            setattr(members[ordinal], name, value)
    seen = await live(comparer(members), formed(3), 3600, every=5)
    assert seen.compared == ()
    rounds = sum(ordinal == 0 for _, ordinal, _ in members.hashed)
    assert 3600 / (AGAIN_SECONDS + 10) - 6 <= rounds <= 3600 / AGAIN_SECONDS


async def test_nobody_is_asked_while_a_member_is_away() -> None:
    members = members_with(7, 7, 7)
    seen = await live(comparer(members), silent(formed(3), 1), 1000, every=5)
    assert (members.hashed, seen.compared) == ([], ())


async def test_a_new_cluster_is_compared_soon() -> None:
    members, old = members_with(7, 7, 7), formed(3)
    clock = LoopClock()
    new = replace(old, cluster=replace(old.cluster, created=clock.now()))
    await live(Comparer(members.pool, clock), new, int(AGAIN_SECONDS) + 5)
    assert len(members.hashed) == 3


async def test_few_clusters_are_compared_at_a_time() -> None:
    members = members_with(7, 7, 7)
    one, scene = comparer(members), formed(3)
    many = [replace(scene, naming=replace(scene.naming, uid=f"uid-{n}")) for n in range(40)]
    for each in many:
        one.look(each)
    await asyncio.sleep(INTERVAL_SECONDS)
    for each in many:
        one.look(each)
    await asyncio.sleep(INTERVAL_SECONDS)
    assert members.most_hashing == AT_ONCE
    assert len(members.hashed) == 40 * 3, "every cluster had its turn, and one"


async def test_old_and_new_members_are_compared_as_soon_as_a_take_over_waits_for_it() -> None:
    world = TakeOverWorld(1)
    while (record := world.look().take_over) is None or record.stage is not Stage.COMPARE:
        world.step()
    etcd = FakeEtcd(3)
    etcd.add(7, None, "10.1.0.1:2379")
    waiting = replace(world.look(), compared=())
    seen = await live(comparer(etcd), waiting, 2)
    assert sorted({ordinal for _, ordinal, _ in etcd.hashed}) == [0, 1, 2, 7]
    assert set(seen.compared[-1].hashes) == set(world.lines)


async def test_a_take_over_that_cannot_be_compared_is_not_asked_for_all_the_time() -> None:
    world = TakeOverWorld(1)
    while (record := world.look().take_over) is None or record.stage is not Stage.COMPARE:
        world.step()
    etcd = FakeEtcd(3)
    etcd.add(7, None, "10.1.0.1:2379").hash_error = EtcdRefused("compacted")
    await live(comparer(etcd), replace(world.look(), compared=()), int(AGAIN_SECONDS))
    assert len([ordinal for _, ordinal, _ in etcd.hashed if ordinal == 7]) == 1


async def test_a_comparison_that_is_over_is_not_kept() -> None:
    """There would be one of each of thousands of clusters, with the snapshot that it began with."""
    one = comparer(members_with(7, 7, 7))
    seen = await live(one, formed(3), 400, every=5)
    assert len(seen.compared) == 1
    assert [known.task for known in one._known.values()] == [None]

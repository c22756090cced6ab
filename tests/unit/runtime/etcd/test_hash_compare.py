# ruff: noqa: ARG002 (a stand-in has all arguments of what it stands for)
"""When members are compared, how often, and what is made of their answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from etcd_operator.core.consistency.divergence import find_divergence
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import EtcdRefused, EtcdUnreachable
from etcd_operator.runtime.etcd.hash_compare import (
    AGAIN_SECONDS,
    AT_ONCE,
    CONFIRM_SECONDS,
    INTERVAL_SECONDS,
    Comparer,
)
from etcd_operator.runtime.etcd.pool import EtcdPool
from tests.builders.snapshots import formed, member_id, silent, without_member
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.looptime

COMPACTED = 40


@dataclass
class Members:
    """Members that hash what they are told, each after a second; as an EtcdPool."""

    hashes: dict[int, int] = field(default_factory=lambda: {0: 7, 1: 7, 2: 7})
    compacted: dict[int, int] = field(default_factory=dict)
    errors: dict[int, Exception] = field(default_factory=dict)
    asked: list[tuple[float, int, int]] = field(default_factory=list)  # when, ordinal, revision
    busy: int = 0
    busiest: int = 0

    async def client(self, address: str) -> Any:
        ordinal = int(address.removesuffix(f":{CLIENT_PORT}").rpartition(".")[2]) - 1
        return _Client(self, ordinal)


@dataclass
class _Client:
    members: Members
    ordinal: int

    async def hash_kv(self, revision: int, *, member_id: int, timeout: float) -> tuple[int, int]:
        all_of_them = self.members
        all_of_them.asked.append((asyncio.get_running_loop().time(), self.ordinal, revision))
        all_of_them.busy += 1
        all_of_them.busiest = max(all_of_them.busiest, all_of_them.busy)
        try:
            await asyncio.sleep(1)
        finally:
            all_of_them.busy -= 1
        if self.ordinal in all_of_them.errors:
            raise all_of_them.errors[self.ordinal]
        compacted = all_of_them.compacted.get(self.ordinal, COMPACTED)
        return all_of_them.hashes[self.ordinal], compacted


def comparer(members: Members) -> Comparer:
    return Comparer(cast(EtcdPool, members), LoopClock())


async def live(one: Comparer, snapshot: Snapshot, seconds: int, every: int = 1) -> Snapshot:
    """Make a pass every so many seconds; return what the last one sees."""
    seen = snapshot
    for _ in range(seconds // every):
        seen = replace(snapshot, compared=one.look(snapshot))
        await asyncio.sleep(every)
    return seen


async def test_members_are_compared_now_and_then_one_after_the_other() -> None:
    members = Members()
    seen = await live(comparer(members), formed(3), 3600, every=5)
    rounds = len(members.asked) // 3
    assert 3600 / INTERVAL_SECONDS - 2 <= rounds <= 3600 / INTERVAL_SECONDS
    assert [ordinal for _, ordinal, _ in members.asked] == [0, 1, 2] * rounds
    assert {revision for _, _, revision in members.asked} == {100}
    assert members.busiest == 1
    assert len(seen.compared) == 2
    assert set(seen.compared[-1].hashes) == {member_id(o) for o in range(3)}
    assert find_divergence(seen) is None


async def test_a_large_database_is_read_seldom() -> None:
    members, snapshot = Members(), formed(3)
    large = {
        o: Probe(replace(p.status, db_size=2 * 2**30)) if p.status else p
        for o, p in snapshot.probes.items()
    }
    await live(comparer(members), replace(snapshot, probes=large), 6 * 3600, every=60)
    assert 20 <= len(members.asked) <= 30, "every 39 minutes"


async def test_the_revision_is_one_that_every_member_has() -> None:
    members, snapshot = Members(), formed(3)
    status = snapshot.probes[1].status
    assert status is not None
    behind = {**snapshot.probes, 1: Probe(replace(status, revision=93))}
    await live(comparer(members), replace(snapshot, probes=behind), int(INTERVAL_SECONDS) + 5)
    assert {revision for _, _, revision in members.asked} == {93}


async def test_a_difference_is_confirmed_before_it_counts_and_soon() -> None:
    members = Members(hashes={0: 7, 1: 8, 2: 7})
    one, scene = comparer(members), formed(3)
    while len(members.asked) < 3:
        seen = await live(one, scene, 1)
    seen = await live(one, scene, 4)
    assert len(seen.compared) == 1
    assert find_divergence(seen) is None
    seen = await live(one, scene, int(CONFIRM_SECONDS) + 4)
    found = find_divergence(seen)
    assert found is not None
    assert found.wrong == {member_id(1)}
    assert len(members.asked) == 6
    seen = await live(one, scene, int(INTERVAL_SECONDS) - 30)
    assert len(members.asked) == 6, "what is known is not asked again and again"
    assert find_divergence(seen) is not None


async def test_a_difference_that_was_gone_at_the_second_look_never_counts() -> None:
    members = Members(hashes={0: 7, 1: 8, 2: 7})
    one, scene = comparer(members), formed(3)
    while len(members.asked) < 3:
        await live(one, scene, 1)
    await live(one, scene, 3)
    members.hashes[1] = 7
    seen = await live(one, scene, int(CONFIRM_SECONDS) + 5)
    assert len(seen.compared) == 2
    assert find_divergence(seen) is None


async def test_when_the_member_was_replaced_the_next_comparison_is_at_once() -> None:
    members = Members(hashes={0: 7, 1: 8, 2: 7})
    one, scene = comparer(members), formed(3)
    while len(members.asked) < 6:
        await live(one, scene, 1)
    await live(one, scene, 4)
    members.hashes = {0: 7, 1: 7, 2: 7}
    smaller = without_member(scene, 1)
    seen = await live(one, smaller, 5)
    assert set(seen.compared[-1].hashes) == {member_id(0), member_id(2)}
    assert len(set(seen.compared[-1].hashes.values())) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        {"errors": {1: EtcdUnreachable("no answer")}},
        {"errors": {2: EtcdRefused("permission denied")}},
        {"compacted": {2: COMPACTED + 1}},
    ],
    ids=["silent", "refused", "histories differ"],
)
async def test_what_cannot_be_compared_says_nothing_and_is_tried_again_later(
    trouble: dict[str, Any],
) -> None:
    members = Members(hashes={0: 7, 1: 8, 2: 7}, **trouble)
    seen = await live(comparer(members), formed(3), 3600, every=5)
    assert seen.compared == ()
    rounds = sum(ordinal == 0 for _, ordinal, _ in members.asked)
    assert 3600 / (AGAIN_SECONDS + 10) - 6 <= rounds <= 3600 / AGAIN_SECONDS


async def test_nobody_is_asked_while_a_member_is_away() -> None:
    members = Members()
    seen = await live(comparer(members), silent(formed(3), 1), 1000, every=5)
    assert (members.asked, seen.compared) == ([], ())


async def test_few_clusters_are_compared_at_a_time() -> None:
    members = Members()
    one, scene = comparer(members), formed(3)
    many = [replace(scene, naming=replace(scene.naming, uid=f"uid-{n}")) for n in range(40)]
    for each in many:
        one.look(each)
    await asyncio.sleep(INTERVAL_SECONDS)
    for each in many:
        one.look(each)
    await asyncio.sleep(INTERVAL_SECONDS)
    assert members.busiest == AT_ONCE
    assert len(members.asked) == 40 * 3, "every cluster had its turn, and one"

"""The etcd client against real members: answers, refusals, silence."""

from __future__ import annotations

import asyncio
import time

import pytest

from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.errors import EtcdRefused, EtcdUnreachable, Refusal
from tests.etcd.processes import SECONDS, Site, eventually, formed

pytestmark = pytest.mark.etcd


async def test_a_member_tells_about_itself_and_its_cluster(site: Site) -> None:
    (status,) = await formed(site, 1)
    client = site.client(0)
    assert status.leader == status.member_id != 0
    assert f"v{status.version}" == site.version
    assert (status.is_learner, status.errors) == (False, ())
    assert status.db_size > 0
    for linearizable in (True, False):
        known = await client.member_list(linearizable=linearizable)
        assert (known.cluster_id, known.linearizable) == (status.cluster_id, linearizable)
        (line,) = known.members
        assert (line.id, line.name, line.started) == (status.member_id, "db-0", True)
        assert line.peer_urls == (site.peer_url(0),)


async def test_keys_and_hashes(site: Site) -> None:
    await formed(site, 1)
    client = site.client(0)
    assert await client.get(b"k") is None
    revision = await client.put(b"k", b"v")
    assert await client.get(b"k") == b"v"
    assert await client.get(b"k", serializable=True) == b"v"
    assert (await client.status()).revision == revision
    assert await client.hash_kv() == await client.hash_kv(revision)


async def test_a_learner_is_added_refused_promoted_and_removed(site: Site) -> None:
    await formed(site, 1)
    client = site.client(0)
    added = await client.add_learner(site.peer_url(1))
    assert (added.is_learner, added.started, added.peer_urls) == (True, False, (site.peer_url(1),))
    with pytest.raises(EtcdRefused) as caught:
        await client.promote_member(added.id)
    assert caught.value.refusal is Refusal.LEARNER_NOT_READY
    with pytest.raises(EtcdRefused) as caught:
        await client.add_learner(site.peer_url(1))
    assert caught.value.refusal is Refusal.MEMBER_EXISTS

    site.write(Gate.CLOSED, Gate.JOIN, listed=(0, 1))
    await site.start(1)
    await site.served(1)
    await eventually(lambda: client.promote_member(added.id))
    assert await refusals(site, added.id) <= {Refusal.LEARNER_NOT_READY, Refusal.NOT_A_LEARNER}

    await eventually(lambda: client.remove_member(added.id))  # refused until connected for 5 s
    with pytest.raises(EtcdRefused) as caught:
        await client.remove_member(added.id)
    assert caught.value.refusal is Refusal.MEMBER_NOT_FOUND
    assert len((await site.confirmed(0)).members) == 1


async def refusals(site: Site, voter_id: int) -> set[Refusal]:
    """What etcd says to the promotion of a voter until it says that it is no learner.

    It looks at how far the member is before it looks at what it is: just after a promotion it says
    that the learner is not in sync. So only the member list tells whether a promotion took effect.
    """
    said: set[Refusal] = set()
    async with asyncio.timeout(SECONDS):
        while Refusal.NOT_A_LEARNER not in said:
            with pytest.raises(EtcdRefused) as caught:
                await site.client(0).promote_member(voter_id)
            said.add(caught.value.refusal)
    return said


async def test_how_many_learners_etcd_takes(site: Site) -> None:
    """One on 3.5; several on 3.6, because the rendered file says so."""
    await formed(site, 1)
    client = site.client(0)
    await client.add_learner(site.peer_url(1))
    if site.version.startswith("v3.5."):
        with pytest.raises(EtcdRefused) as caught:
            await client.add_learner(site.peer_url(2))
        assert caught.value.refusal is Refusal.TOO_MANY_LEARNERS
    else:
        await client.add_learner(site.peer_url(2))
        assert len((await client.member_list(linearizable=True)).members) == 3


async def test_only_the_leader_hands_over(site: Site) -> None:
    statuses = await formed(site, 3)
    leader = next(o for o, s in enumerate(statuses) if s.member_id == s.leader)
    heir = (leader + 1) % 3
    target = statuses[heir].member_id
    with pytest.raises(EtcdRefused) as caught:
        await site.client(heir).move_leader(target)
    assert caught.value.refusal is Refusal.NOT_LEADER
    await site.client(leader).move_leader(target)
    assert (await site.client(heir).status()).leader == target
    with pytest.raises(EtcdRefused):
        await site.client(heir).move_leader(0xDEAD)


async def test_a_cluster_with_a_member_away_takes_no_new_one(site: Site) -> None:
    await formed(site, 3)
    await site.stop(2)
    await site.confirmed(0)
    with pytest.raises(EtcdRefused) as caught:
        await site.client(0).add_learner(site.peer_url(3))
    assert caught.value.refusal is Refusal.UNHEALTHY_CLUSTER


async def test_without_a_quorum_only_the_confirmed_list_is_missing(site: Site) -> None:
    await formed(site, 3)
    client = site.client(0)
    await site.stop(1)
    await site.stop(2)
    assert len((await client.member_list(linearizable=False)).members) == 3
    with pytest.raises(EtcdUnreachable):
        await client.member_list(linearizable=True, timeout=1.5)
    status = await client.status()
    assert status.member_id
    with pytest.raises(EtcdUnreachable):
        await client.put(b"k", b"v", timeout=1.0)


async def test_nobody_there_a_frozen_and_a_killed_member_are_unreachable(site: Site) -> None:
    with pytest.raises(EtcdUnreachable):
        await site.client(0).status(timeout=1.0)
    await formed(site, 1)
    site.freeze(0)
    started = time.monotonic()
    with pytest.raises(EtcdUnreachable):
        await site.client(0).status(timeout=0.5)
    assert 0.4 < time.monotonic() - started < 2.0
    await site.stop(0)
    with pytest.raises(EtcdUnreachable):
        await site.client(0).status(timeout=0.5)


async def test_a_member_that_comes_back_is_reached_at_once(site: Site) -> None:
    """The same client reconnects in well under gRPC's usual second."""
    await formed(site, 1)
    await site.stop(0)
    with pytest.raises(EtcdUnreachable):
        await site.client(0).status(timeout=0.5)
    await site.start(0)
    (status,) = await site.served(0)
    assert status.leader == status.member_id

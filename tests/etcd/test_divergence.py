"""A member whose data was changed behind etcd's back: found by comparing, and sound when replaced.

Pages of etcd's database have no checksum but the first two, so other bytes of the same length in
place of a value make a member that starts, serves and is wrong.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.consistency.divergence import find_divergence, is_comparable
from etcd_operator.core.model.live_objects import Pod, Probe
from etcd_operator.core.model.members import Comparison, MemberList
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.runtime.etcd.hash_compare import INTERVAL_SECONDS, Comparer
from etcd_operator.runtime.etcd.pool import EtcdPool
from tests.builders.snapshots import NOW, new
from tests.etcd.processes import NAMING, SECONDS, Site, eventually, formed
from tests.fakes.clock import LoopClock

pytestmark = pytest.mark.etcd

TRUE = b"what-was-acknowledged"
FALSE = b"what-nobody-has-said!"


class LongClock(LoopClock):
    """A clock for which every look is long after the last."""

    looks = 0

    def monotonic(self) -> float:
        """Seconds since some fixed moment."""
        self.looks += 1
        return super().monotonic() + self.looks * INTERVAL_SECONDS * 2


async def look(site: Site, members: int) -> Snapshot:
    """What a pass would know of these members: the lowest ordinals."""
    answers = await site.served(*range(members))
    known = await site.confirmed(0)
    by_url = {site.peer_url(ordinal): ordinal for ordinal in range(members)}
    lines = tuple(
        replace(m, peer_urls=(NAMING.peer_url(by_url[m.peer_urls[0]]),)) for m in known.members
    )
    cluster: EtcdCluster = new(members).cluster
    return Snapshot(
        cluster=cluster,
        naming=NAMING,
        now=NOW,
        pods=tuple(
            Pod(NAMING.member(o), o, f"pod-{o}", address=site.address(o), running=True, ready=True)
            for o in range(members)
        ),
        membership=MemberList(known.cluster_id, lines, linearizable=True),
        probes={ordinal: Probe(answer) for ordinal, answer in enumerate(answers)},
    )


async def compare(site: Site, members: int) -> Snapshot:
    """Compare twice, as the operator does; return what it then knows."""
    pool = EtcdPool()
    one = Comparer(pool, LongClock())
    found: tuple[Comparison, ...] = ()
    try:
        async with asyncio.timeout(SECONDS):
            while len(found) < 2:
                snapshot = await look(site, members)
                assert is_comparable(snapshot)
                found = one.look(snapshot)
                await asyncio.sleep(0.05)
        return replace(snapshot, compared=found)
    finally:
        await pool.close()


async def falsify(site: Site, ordinal: int) -> None:
    """Change a value in the database of a member, which is down meanwhile."""
    database = site.data(ordinal) / "member" / "snap" / "db"
    async with asyncio.timeout(SECONDS):
        while True:  # what is not there yet would be read from the log again
            if TRUE in database.read_bytes():
                break
            await asyncio.sleep(0.05)
    await site.stop(ordinal)
    database.write_bytes(database.read_bytes().replace(TRUE, FALSE))
    await site.start(ordinal)


async def test_members_with_the_same_data_agree(site: Site) -> None:
    await formed(site, 3)
    revision = await site.client(0).put(b"k", TRUE)
    await site.client(0).put(b"k", b"more")
    await eventually(lambda: site.client(0).compact(revision))
    snapshot = await compare(site, 3)
    assert len(set(snapshot.compared[-1].hashes.values())) == 1
    assert len(snapshot.compared[-1].hashes) == 3
    assert find_divergence(snapshot) is None


async def test_a_member_that_was_changed_is_found_and_is_sound_when_it_joined_anew(
    site: Site,
) -> None:
    await formed(site, 3)
    await site.client(0).put(b"k", TRUE)
    await falsify(site, 2)
    wrong = (await site.served(2))[0].member_id
    assert await site.client(2).get(b"k", serializable=True) == FALSE, "it serves, and is wrong"
    found = find_divergence(await compare(site, 3))
    assert found is not None
    assert found.wrong == {wrong}
    assert len(found.groups[0]) == 2

    await eventually(lambda: site.client(0).remove_member(wrong))
    await site.stop(2)
    site.wipe(2)
    added = await eventually(lambda: site.client(0).add_learner(site.peer_url(2)))
    site.write(Gate.CLOSED, Gate.CLOSED, Gate.JOIN, listed=(0, 1, 2))
    await site.start(2)
    await eventually(lambda: site.client(0).promote_member(added.id))
    assert find_divergence(await compare(site, 3)) is None
    assert await site.client(2).get(b"k", serializable=True) == TRUE


async def test_of_two_that_differ_nobody_knows_who_is_right(site: Site) -> None:
    await formed(site, 2)
    await site.client(0).put(b"k", TRUE)
    await falsify(site, 1)
    found = find_divergence(await compare(site, 2))
    assert found is not None
    assert (found.wrong, len(found.groups)) == (frozenset(), 2)

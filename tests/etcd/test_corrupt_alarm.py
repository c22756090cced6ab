"""etcd's alarm about corrupt data: what works while it is raised, and how it is taken back."""

from __future__ import annotations

import pytest

from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.model.members import CORRUPT
from etcd_operator.errors import EtcdError, EtcdUnreachable
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2
from tests.etcd.processes import Site, eventually, formed

pytestmark = pytest.mark.etcd


async def raise_alarm(client: EtcdMemberClient, member_id: int) -> None:
    """Say of a member that its data is corrupt, as etcd does when it finds that out."""
    request = etcd_pb2.AlarmRequest(
        action=etcd_pb2.AlarmRequest.ACTIVATE, memberID=member_id, alarm=etcd_pb2.CORRUPT
    )
    await client.call("Maintenance/Alarm", request, timeout=3.0)


async def until_told(site: Site, ordinal: int, *wrong: int) -> None:
    """Wait until a member tells of the alarms about these: each applies them in its own time."""

    async def tell() -> None:
        seen = (await site.served(ordinal))[0].alarms
        if seen != {(CORRUPT, member_id) for member_id in wrong}:
            raise EtcdUnreachable(f"it tells of {seen}")

    await eventually(tell)


async def test_the_member_can_be_replaced_and_the_alarm_taken_back(site: Site) -> None:
    statuses = await formed(site, 3)
    wrong, client = statuses[2].member_id, site.client(0)
    await client.put(b"k", b"v")
    await raise_alarm(client, wrong)
    for ordinal in range(3):
        await until_told(site, ordinal, wrong)
    with pytest.raises(EtcdError):
        await client.put(b"k", b"w")
    assert await client.get(b"k") == b"v", "reads are answered, whoever is right"
    assert len((await site.confirmed(0)).members) == 3, "a quorum still confirms the list"

    await eventually(lambda: client.remove_member(wrong))
    added = await eventually(lambda: client.add_learner(site.peer_url(2)))
    assert (await client.status()).alarms == {(CORRUPT, wrong)}, "it does not go with the member"
    await client.disarm(CORRUPT, wrong)
    assert (await client.status()).alarms == frozenset()
    assert await eventually(lambda: client.get(b"k")) == b"v"

    await site.stop(2)
    site.wipe(2)
    site.write(Gate.CLOSED, Gate.CLOSED, Gate.JOIN, listed=(0, 1, 2))
    await site.start(2)
    await eventually(lambda: client.promote_member(added.id))
    await until_told(site, 2)
    await client.put(b"k", b"w")


async def test_a_member_joins_while_the_alarm_is_raised(site: Site) -> None:
    """The operator may end between the two: the order must not matter."""
    statuses = await formed(site, 3)
    wrong, client = statuses[1].member_id, site.client(0)
    await raise_alarm(client, wrong)
    await eventually(lambda: client.remove_member(wrong))
    added = await eventually(lambda: client.add_learner(site.peer_url(1)))
    await site.stop(1)
    site.wipe(1)
    site.write(Gate.CLOSED, Gate.JOIN, Gate.CLOSED, listed=(0, 1, 2))
    await site.start(1)
    await eventually(lambda: client.promote_member(added.id))
    await until_told(site, 1, wrong)
    await client.disarm(CORRUPT, wrong)
    await until_told(site, 1)
    await eventually(lambda: client.put(b"k", b"v"))

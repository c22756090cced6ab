"""Quota, history and unused space with real members: what etcd says, and what it takes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.etcd_config import EtcdConfig
from etcd_operator.core.model.members import NO_SPACE
from etcd_operator.errors import EtcdRefused, Refusal
from tests.etcd.processes import Site, formed

pytestmark = pytest.mark.etcd

QUOTA = 8 * 2**20
VALUE = b"x" * 2**19


async def fill(site: Site) -> int:
    """Write one key again and again until the quota is used up; return the last revision."""
    revision = 0
    for _ in range(64):
        try:
            revision = await site.client(0).put(b"k", VALUE)
        except EtcdRefused:
            return revision
    raise AssertionError("etcd took more than its quota")


async def test_a_full_member_is_emptied_and_takes_its_alarm_back(site: Site) -> None:
    site.spec = site.spec.model_copy(update={"etcd_config": EtcdConfig(quota_backend_bytes=QUOTA)})
    await formed(site, 1)
    revision, client = await fill(site), site.client(0)
    full = await client.status()
    assert full.alarms == {(NO_SPACE, full.member_id)}
    assert full.db_size > 0.9 * QUOTA
    assert full.db_size_quota in (0, QUOTA), "3.5 does not say"

    assert not await client.is_compacted(revision)
    await client.compact(revision)
    assert await client.is_compacted(revision)
    with pytest.raises(EtcdRefused) as caught:
        await client.compact(revision)
    assert caught.value.refusal is Refusal.COMPACTED
    compacted = await client.status()
    assert compacted.db_size_in_use < full.db_size_in_use / 2
    assert compacted.db_size >= full.db_size

    await client.defragment()
    small = await client.status()
    assert small.db_size < full.db_size / 2
    assert replace(small, errors=()).alarms == frozenset()
    assert small.alarms, "room alone does not take the alarm back"
    await client.disarm(NO_SPACE, full.member_id)
    assert (await client.status()).alarms == frozenset()
    assert await client.put(b"k", b"again") > revision


async def test_a_fresh_history_is_not_compacted(site: Site) -> None:
    (status,) = await formed(site, 1)
    assert not await site.client(0).is_compacted(status.revision)
    await site.client(0).disarm(NO_SPACE, 0)

"""The recorded names of etcd's metrics are those of the real one."""

from __future__ import annotations

import asyncio
import os

import httpx2
import pytest

from etcd_operator.core.model.naming import METRICS_PORT
from tests.etcd.processes import Site, formed
from tests.monitoring.records import name_series, place_of, read_record, write_record

pytestmark = pytest.mark.etcd

# etcd measures the way to its peers every 30 seconds: until then the histogram is not there.
LAST = "etcd_network_peer_round_trip_time_seconds_bucket"


async def scrape(url: str) -> dict[str, frozenset[str]]:
    """Read a member's metrics until all are there."""
    async with asyncio.timeout(90), httpx2.AsyncClient(trust_env=False) as http:
        while True:
            found = name_series((await http.get(url)).text)
            if LAST in found:
                return found
            await asyncio.sleep(1)


async def test_etcd_has_the_metrics_that_dashboards_and_alerts_ask_for(site: Site) -> None:
    await formed(site, 3)
    client = site.client(0)
    revision = 0
    for number in range(20):
        revision = await client.put(b"k", f"{number}".encode())
    assert await client.get(b"k") is not None
    await client.compact(revision)
    await client.defragment()
    minor = site.version.removeprefix("v").rpartition(".")[0]
    live = await scrape(f"http://{site.address(0)}:{METRICS_PORT}/metrics")
    if os.environ.get("RECORD"):
        place_of(minor).write_text(write_record(live))
    recorded = read_record(minor)
    assert recorded
    assert {name: live.get(name) for name in recorded} == recorded

"""What the readiness probe asks, answered by real members."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.core.objects.statefulset import READINESS_PATH
from tests.etcd.processes import Site, formed

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(60)]

PROBE_SECONDS = 3.0


async def ask(site: Site, ordinal: int, path: str) -> int:
    """The status of the answer; 0 if there is none in the time that the kubelet waits."""
    try:
        async with httpx2.AsyncClient(timeout=PROBE_SECONDS) as client:
            url = f"http://{site.address(ordinal)}:{CLIENT_PORT}{path}"
            return (await client.get(url)).status_code
    except httpx2.TransportError:
        return 0


async def test_a_learner_that_serves_is_ready(site: Site) -> None:
    await formed(site, 1)
    await site.client(0).add_learner(site.peer_url(1))
    site.write(Gate.CLOSED, Gate.JOIN, listed=(0, 1))
    await site.start(1)
    await site.served(1)
    assert [await ask(site, ordinal, READINESS_PATH) for ordinal in (0, 1)] == [200, 200]
    assert [await ask(site, ordinal, "/readyz") for ordinal in (0, 1)] == [200, 503]


async def test_nobody_is_ready_without_a_quorum(site: Site) -> None:
    await formed(site, 3)
    assert await ask(site, 0, READINESS_PATH) == 200
    await asyncio.gather(site.stop(1), site.stop(2))
    assert await ask(site, 0, READINESS_PATH) != 200

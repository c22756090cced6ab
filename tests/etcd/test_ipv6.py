"""A member whose Pod has an address of IPv6: asked at it, and listening there as rendered."""

from __future__ import annotations

import asyncio
import socket

import pytest

from etcd_operator.core.bootstrap.gate import Gate
from etcd_operator.core.model.naming import CLIENT_PORT, METRICS_PORT, PEER_PORT
from etcd_operator.errors import EtcdError
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.raft_progress import read_raft_progress
from tests.etcd.processes import NAMING, SECONDS, Site, eventually

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(60)]


def find_port() -> int:
    """A port that is free now: loopback has one address of IPv6 only, for all tests."""
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return int(probe.getsockname()[1])


async def test_a_member_is_asked_at_an_address_of_ipv6(site: Site) -> None:
    """The rendered file says 0.0.0.0, which etcd takes for every address of either family."""
    site.write(Gate.NEW)
    file = site.root / NAMING.config_key(0)
    ports = {port: find_port() for port in (CLIENT_PORT, PEER_PORT, METRICS_PORT)}
    text = file.read_text().replace(site.address(0), "0.0.0.0")
    for before, after in ports.items():
        text = text.replace(f":{before}", f":{after}")
    # What others are told must be an address that can be reached.
    lines = [
        line.replace("0.0.0.0", "[::1]") if not line.startswith("listen-") else line
        for line in text.splitlines()
    ]
    file.write_text("\n".join(lines) + "\n")
    await site.start(0)

    client = EtcdMemberClient(f"[::1]:{ports[CLIENT_PORT]}")
    try:
        status = await eventually(client.status, SECONDS)
        members = await eventually(lambda: client.member_list(linearizable=True))
        assert [member.id for member in members.members] == [status.member_id]
        standing = None
        async with asyncio.timeout(SECONDS):
            while standing is None:
                standing = await read_raft_progress("::1", ports[METRICS_PORT])
        assert standing.member_id == status.member_id
    except EtcdError as error:
        pytest.fail(f"it does not answer at ::1: {error}")
    finally:
        await client.close()

"""Alarms of etcd as it raises them itself; etcdctl can only disarm them."""

from __future__ import annotations

import asyncio

from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import etcd_pb2
from tests.e2e.harness import Cluster
from tests.e2e.wire import forwarded


def raise_corrupt(cluster: Cluster, member_id: int) -> None:
    """Raise etcd's alarm about a member's data, as etcd does when it finds that out."""

    async def call(address: str) -> None:
        client = EtcdMemberClient(address)
        try:
            request = etcd_pb2.AlarmRequest(
                action=etcd_pb2.AlarmRequest.ACTIVATE, memberID=member_id, alarm=etcd_pb2.CORRUPT
            )
            await client.call("Maintenance/Alarm", request, timeout=5.0)
        finally:
            await client.close()

    with forwarded(cluster, f"{cluster.name}-0", 2379) as port:
        asyncio.run(call(f"127.0.0.1:{port}"))

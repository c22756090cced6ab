"""Faults that the metrics of members themselves tell of."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import etcd_pb2
from tests.chaos.site import find_process, send
from tests.e2e.alert_faults.fault import (
    Fault,
    Mend,
    cordon,
    encode,
    gateway,
    go_on,
    nothing,
)
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.prometheus import hide_members

# Longer than what a fsync may take before EtcdVerySlowFsync, and shorter than a failed scrape.
_AWAY: Final = 1.3
_AWAKE: Final = 0.15
_BETWEEN_WRITES: Final = 0.02
# Together they take one transaction half a minute, or a few on a busy machine; by default it has
# 128 operations at most. Keys are only counted: for what is read etcd would need much memory.
_KEYS: Final = 20_000
_COUNTS: Final = 10_000
_IN_ONE: Final = 100
# Beyond what EtcdApplyBehind finds too many, and below 5000, from which on etcd refuses more.
_SMALL: Final = 3200


def change_leaders(cluster: Cluster) -> Mend:
    """Move the leader around, with a scrape in between."""
    members = cluster.member_list()

    def move() -> None:
        status = json.loads(cluster.etcdctl("endpoint", "status", "--cluster", "--write-out=json"))
        leader = status[0]["Status"]["leader"]
        where = next(number for number in range(3) if _id(members, number) == leader)
        cluster.etcdctl("move-leader", f"{_id(members, (where + 1) % 3):x}", pod=where)

    return go_on(move, pause=2.2)


def _id(members: list[Json], number: int) -> int:
    return next(int(each["ID"]) for each in members if each["name"] == f"c-{number}")


def freeze_again_and_again(cluster: Cluster) -> Mend:
    """Stop a follower's process for more than a second, again and again, while clients write.

    What it waits for meanwhile, its disk and its network, is as slow for it.
    """
    follower = next(m["name"] for m in cluster.status()["members"] if m["role"] == "follower")
    process = find_process(cluster.pod(follower)["metadata"]["uid"], "etcd")
    slow = gateway(cluster, int(follower.removeprefix("c-")))
    fast = gateway(cluster, next(n for n in range(3) if f"c-{n}" != follower))

    def freeze() -> None:
        send(process, signal.SIGSTOP)
        time.sleep(_AWAY)
        send(process, signal.SIGCONT)
        time.sleep(random.uniform(0.5, 1.5) * _AWAKE)

    def write() -> None:
        fast.put("key", b"value")

    def ask() -> None:
        slow.put("another", b"value")

    return go_on(freeze, write, ask, pause=_BETWEEN_WRITES)


def write_keys(cluster: Cluster) -> None:
    """Write many small keys."""
    cluster.wait_running(3)
    etcd = gateway(cluster)
    for first in range(0, _KEYS, _IN_ONE):
        keys = [encode(b"key-%d" % number) for number in range(first, first + _IN_ONE)]
        puts = [{"requestPut": {"key": key, "value": ""}} for key in keys]
        assert etcd.post("kv/txn", {"success": puts})


def count_in_transaction(cluster: Cluster) -> Mend:
    """Let a transaction count all keys again and again, with thousands of writes behind it.

    etcd commits all of them at once, and applies one after the other; the member that was asked has
    to count.
    """
    etcd = gateway(cluster)
    span = {"key": encode(b"key-"), "rangeEnd": encode(b"key.")}
    count = {"requestRange": {**span, "countOnly": True}}
    written = {"requestPut": {"key": encode(b"written"), "value": ""}}
    large = {"success": [*[count] * _COUNTS, written]}
    with ThreadPoolExecutor(1) as client:
        client.submit(etcd.post, "kv/txn", large)
        time.sleep(1)  # it is committed first
        asyncio.run(_write_at_once(etcd.address))
    return nothing


async def _write_at_once(address: str) -> None:
    client = EtcdMemberClient(f"{address}:2379")
    put = etcd_pb2.PutRequest(key=b"small", value=b"")
    puts = (client.call("KV/Put", put, timeout=20.0) for _ in range(_SMALL))
    try:
        await asyncio.gather(*puts, return_exceptions=True)  # etcd stops waiting for its own answer
    finally:
        await client.close()


def gather_on_one_node(cluster: Cluster) -> Mend:
    """Have all members where the first one is, as if the other nodes had been away."""
    home = str(cluster.pod("c-0")["spec"]["nodeName"])
    uncordon = cordon(cluster)
    cluster.target.run("uncordon", home)
    for member in ("c-1", "c-2"):
        if cluster.pod(member)["spec"]["nodeName"] != home:
            replace(cluster, member)

    def spread_one() -> None:
        uncordon()
        replace(cluster, "c-1")

    return spread_one


def replace(cluster: Cluster, member: str) -> None:
    """Have a member replaced, and wait for it."""
    before = cluster.member(member)["id"]
    cluster.kubectl("annotate", "pod", member, "etcd.etcd.io/replace-member=true")

    def is_replaced() -> bool:
        now = cluster.member(member)
        return bool(now["ready"]) and now["id"] != before

    wait_until(f"{member} is replaced", is_replaced, 120)


MEMBER_FAULTS: Final = (
    Fault(
        "All members run on one of three nodes",
        ("EtcdMembersShareNode",),
        gather_on_one_node,
        ("EtcdMembersShareNode",),
        spec={"size": 3},
        known={"MEMBER": "c-2"},
        felt=True,
        nodes=3,
    ),
    Fault(
        "The leader moves every two seconds",
        ("EtcdLeaderChanges",),
        change_leaders,
        ("EtcdLeaderChanges",),
        spec={"size": 3},
    ),
    Fault(
        "The process of a follower is stopped for 1.3 of every 1.5 seconds",
        (
            "EtcdSlowFsync",
            "EtcdVerySlowFsync",
            "EtcdSlowCommit",
            "EtcdSlowPeers",
            "EtcdSlowRequests",
        ),
        freeze_again_and_again,
        ("EtcdSlowFsync", "EtcdVerySlowFsync", "EtcdSlowCommit", "EtcdSlowRequests"),
        spec={"size": 3, "etcdConfig": {"extraArgs": {"metrics": "extensive"}}},
    ),
    Fault(
        "A transaction that counts all keys 10000 times keeps thousands of writes waiting",
        ("EtcdApplyBehind",),
        count_in_transaction,
        ("EtcdApplyBehind",),
        spec={"size": 3, "etcdConfig": {"extraArgs": {"max-txn-ops": "20000"}}},
        prepare=write_keys,
        replaced=("c-0",),
    ),
    Fault(
        "Members are no targets of Prometheus",
        ("EtcdMembersNotScraped",),
        hide_members,
        ("EtcdMembersNotScraped",),
        spec={"size": 1},
    ),
)

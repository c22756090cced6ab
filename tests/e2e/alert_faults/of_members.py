"""Faults that the metrics of members themselves tell of."""

from __future__ import annotations

import json
import random
import signal
import threading
from typing import Final

from etcd_operator.json_types import Json
from tests.chaos.site import find_process, send
from tests.e2e.alert_faults.fault import Fault, Mend, gateway, nothing
from tests.e2e.harness import Cluster
from tests.e2e.prometheus import hide_members

# Longer than what a fsync may take before EtcdVerySlowFsync, and shorter than a failed scrape.
_AWAY: Final = 1.3
_AWAKE: Final = 0.15
_BETWEEN_WRITES: Final = 0.02


def change_leaders(cluster: Cluster) -> Mend:
    """Move the leader around."""
    for _ in range(7):
        members = cluster.member_list()
        status = json.loads(cluster.etcdctl("endpoint", "status", "--cluster", "--write-out=json"))
        leader = status[0]["Status"]["leader"]
        where = next(number for number in range(3) if _id(members, number) == leader)
        cluster.etcdctl("move-leader", f"{_id(members, (where + 1) % 3):x}", pod=where)
        threading.Event().wait(2.2)  # a scrape in between
    return nothing


def _id(members: list[Json], number: int) -> int:
    return next(int(each["ID"]) for each in members if each["name"] == f"c-{number}")


def freeze_again_and_again(cluster: Cluster) -> Mend:
    """Stop a follower's process for more than a second, again and again, while clients write.

    What it waits for meanwhile, its disk and its network, is as slow for it.
    """
    follower = next(m["name"] for m in cluster.status()["members"] if m["role"] == "follower")
    process = find_process(cluster.pod(follower)["metadata"]["uid"], "etcd")
    over = threading.Event()
    slow = gateway(cluster, int(follower.removeprefix("c-")))
    fast = gateway(cluster, next(n for n in range(3) if f"c-{n}" != follower))

    def freeze() -> None:
        while not over.is_set():
            send(process, signal.SIGSTOP)
            over.wait(_AWAY)
            send(process, signal.SIGCONT)
            over.wait(random.uniform(0.5, 1.5) * _AWAKE)

    def write() -> None:
        while not over.wait(_BETWEEN_WRITES):
            fast.put("key", b"value")

    def ask() -> None:
        while not over.wait(_BETWEEN_WRITES):
            slow.put("another", b"value")

    threads = [threading.Thread(target=work) for work in (freeze, write, ask)]
    for thread in threads:
        thread.start()

    def leave_alone() -> None:
        over.set()
        for thread in threads:
            thread.join()

    return leave_alone


MEMBER_FAULTS: Final = (
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
        "Members are no targets of Prometheus",
        ("EtcdMembersNotScraped",),
        hide_members,
        ("EtcdMembersNotScraped",),
        spec={"size": 1},
    ),
)

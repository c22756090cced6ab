"""Faults while a running cluster is taken over under load: a part of `make take-overs`.

Pods of the operator, and of one member after the other, old and new, are killed. A Pod takes its
member's connections with it, so a write may wait for longer than in an undisturbed take-over.
"""

from __future__ import annotations

import contextlib

import pytest

from deploy.manifests import NAMESPACE
from deploy.target import Target, TargetError
from tests.chaos.load import Load
from tests.e2e.foreign_etcd import ForeignEtcd, SharedDoor, join
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.histories import assert_served

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

VERSION = "v3.6.16"
# An election after each of four Pods, on a busy machine.
LONGEST_GAP = 20.0
AT_ONCE = ("--force", "--grace-period=0")


def test_faults_while_a_cluster_is_taken_over_under_load(target: Target, namespace: str) -> None:
    """Nothing that was acknowledged is lost, and the take-over goes on to its end."""
    old, cluster = ForeignEtcd(target, namespace, 3, VERSION), Cluster(target, namespace)
    old.create()
    old.etcdctl("put", "before", "kept")
    before = old.look()
    load = Load(SharedDoor(cluster), seed=7)
    load.start()
    try:
        join(cluster, version=VERSION)
        wait_until("the first of ours is a member", lambda: runs(old, "c-0"), 120)
        kill_operator(target)
        kill_pod(cluster, "old-1")
        wait_until("the second of ours is a member", lambda: runs(old, "c-1"), 120)
        kill_operator(target)
        kill_pod(cluster, "c-0")
        wait_until(
            "an old member is stopped", lambda: old.get()["spec"]["replicas"] < old.size, 240
        )
        kill_operator(target)
        kill_pod(cluster, "c-2")
        cluster.wait_running(3, 240)
    finally:
        history = load.finish()

    assert_served(namespace, history, longest_gap=LONGEST_GAP)
    assert int(cluster.status()["clusterID"], 16) == before["cluster_id"]
    assert cluster.read_key("before") == "kept"
    cluster.assert_agreement(3)
    assert {member["name"] for member in cluster.member_list()} == {"c-0", "c-1", "c-2"}
    assert old.has_ended


def runs(etcd: ForeignEtcd, member: str) -> bool:
    """Whether etcd's member list has a member of this name: it has one that has started."""
    with contextlib.suppress(TargetError):
        return f" {member}," in etcd.etcdctl("member", "list")
    return False  # its Pod is being replaced


def kill_pod(cluster: Cluster, name: str) -> None:
    """End a member's Pod without notice, and wait until the next one is Ready."""
    before = cluster.pod(name)["metadata"]["uid"]

    def is_back() -> bool:
        with contextlib.suppress(TargetError):
            pod = cluster.pod(name)
            conditions = {each["type"]: each["status"] for each in pod["status"]["conditions"]}
            return pod["metadata"]["uid"] != before and conditions.get("Ready") == "True"
        return False

    cluster.kubectl("delete", "pod", name, *AT_ONCE)
    wait_until(f"{name} is back", is_back, 120)


def kill_operator(target: Target) -> None:
    """End all replicas of the operator without notice."""
    pods = ("pods", "--all", f"--namespace={NAMESPACE}")
    target.run("delete", *pods, *AT_ONCE)

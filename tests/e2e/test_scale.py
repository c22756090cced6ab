"""Members join and leave one vote at a time, and no key is ever lost."""

from __future__ import annotations

from typing import Final

import pytest

from deploy.target import Target
from tests.e2e.harness import Cluster
from tests.e2e.previews import as_foreseen, as_previewed, previewed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


CYCLE: Final = (3, 5, 3, 1, 0, 3, 1)


def resize(cluster: Cluster, size: int) -> None:
    """Scale as a user does, and wait until all members are there, or none."""
    cluster.scale(size)
    if size:
        cluster.wait_running(size)
    else:
        cluster.wait_phase("Stopped")


@pytest.mark.parametrize(("version", "sizes"), [("3.5.35", CYCLE), ("3.6.16", (*CYCLE, 5, 0, 1))])
def test_the_cycle_again_and_again(cluster: Cluster, version: str, sizes: tuple[int, ...]) -> None:
    """Every key is kept, and with the newer version each size is reached as previewed."""
    cluster.create(size=1, version=version)
    cluster.wait_running(1)
    cluster_id = cluster.status()["clusterID"]
    written: dict[str, str] = {}
    for step, size in enumerate(sizes):
        if cluster.status()["phase"] == "Running":
            key = f"key-{step}-{size}"
            written[key] = f"before {size}"
            cluster.put(key, written[key])
        if version == "3.6.16" and step < len(CYCLE):
            with previewed(cluster, f"size={size}") as told:
                resize(cluster, size)
            assert told.differences() == [], f"to {size}: {told.done}"
        else:
            resize(cluster, size)
        if size == 0:
            assert not cluster.objects("pods")
            continue
        cluster.assert_agreement(size)
        assert cluster.read_keys("key-") == written
    assert cluster.status()["clusterID"] == cluster_id


def test_one_nine_one(cluster: Cluster) -> None:
    cluster.create(size=1, version="v3.6.16")
    cluster.wait_running(1)
    cluster.put("key", "value")
    with as_previewed(cluster, "size=9") as told:
        cluster.scale(9)
        told.follow("nine run", lambda: cluster.status()["readyReplicas"] == 9, 180)
        cluster.wait_running(9)
    cluster.assert_agreement(9)
    with as_previewed(cluster, "size=1") as told:
        cluster.scale(1)
        told.follow("one runs", lambda: cluster.status()["replicas"] == 1, 120)
        cluster.wait_running(1)
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(1)


def test_changes_of_mind_converge(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    sizes = (5, 1, 3, 7, 3, 5)
    last = cluster.get()["metadata"]["generation"] + len(sizes)
    with as_foreseen(cluster, lambda seen: seen.cluster.generation == last) as told:
        for size in sizes:
            cluster.scale(size)
            cluster.target.run("get", "etcd", cluster.name, f"--namespace={cluster.namespace}")
        told.follow("five run", lambda: cluster.status()["readyReplicas"] == 5, 180)
        cluster.wait_running(5)
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(5)


def test_stopped_as_three_and_started_as_one(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    with as_previewed(cluster, "size=0"):
        resize(cluster, 0)
    assert len(cluster.objects("pvc")) == 3, "disks are kept"
    with as_previewed(cluster, "size=1"):
        resize(cluster, 1)
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(1)


def test_leadership_moves_before_the_leader_leaves(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    members = {m["name"]: m for m in cluster.status()["members"]}
    leader = next(name for name, m in members.items() if m["role"] == "leader")
    if leader != "c-2":
        ordinal = int(leader.rpartition("-")[2])
        cluster.etcdctl("move-leader", members["c-2"]["id"], pod=ordinal)
    with as_previewed(cluster, "size=1"):
        resize(cluster, 1)
    assert cluster.events("LeaderMoved")
    cluster.assert_agreement(1)


def test_a_kept_disk_stops_growth_with_a_sentence(cluster: Cluster) -> None:
    cluster.create(size=3, storage={"size": "1Gi", "retentionPolicy": {"whenScaled": "Retain"}})
    cluster.wait_running(3)
    with as_previewed(cluster, "size=1"):
        resize(cluster, 1)
    assert len(cluster.objects("pvc")) == 3
    with as_previewed(cluster, "size=3"):
        cluster.scale(3)
        assert "data-c-1" in cluster.wait_reason("Degraded", "RetainedDiskExists")
    kept = {claim["metadata"]["uid"] for claim in cluster.objects("pvc")[1:]}
    with as_foreseen(cluster, lambda seen: kept.isdisjoint(claim.uid for claim in seen.claims)):
        cluster.kubectl("delete", "pvc", "data-c-1", "data-c-2", "--wait=false")
        cluster.wait_running(3)


def test_seven_clusters_at_once_and_a_stuck_one_beside(target: Target, namespace: str) -> None:
    stuck = Cluster(target, namespace, "stuck")
    stuck.create(size=3, version="v3.6.99")
    clusters = [Cluster(target, namespace, f"n{number}") for number in range(7)]
    for one in clusters:
        one.create(size=3, version="v3.6.16")
    for one in clusters:
        one.wait_running(3, seconds=120)
    for one in clusters:
        one.scale(1)
    for one in clusters:
        one.wait_running(1, seconds=120)
        one.put("key", one.name)
    for one in clusters:
        one.assert_agreement(1)
        assert one.read_key("key") == one.name
    assert stuck.status()["phase"] == "Creating"
    assert "Image" in stuck.condition("Degraded")["reason"]

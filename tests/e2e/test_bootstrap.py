"""Clusters of every size form at once, and never meet the remains of another."""

from __future__ import annotations

import pytest

from deploy.target import Target
from tests.e2e.harness import Cluster, no_pods_in, wait_until
from tests.e2e.previews import as_created, as_foreseen
from tests.e2e.unforeseen import find_late

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9])
def test_every_size_forms_serves_and_agrees(cluster: Cluster, size: int) -> None:
    with as_created(cluster, size=size, version="v3.6.16") as passes:
        cluster.wait_running(size)
    late = find_late(passes.read())
    assert len(late) < (size + 1) / 2, "a majority has formed the cluster"
    cluster.put("key", "value")
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(size)
    restarts = {
        pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in cluster.objects("pods")
        if pod["metadata"]["name"] not in late
    }
    assert not any(restarts.values()), "all others formed the cluster at their first start"


def test_same_name_again_is_another_cluster(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("old", "data")
    first = cluster.status()["clusterID"]
    cluster.delete()
    cluster.create(size=3)
    cluster.wait_running(3)
    assert cluster.status()["clusterID"] != first
    assert cluster.read_key("old") == ""
    cluster.assert_agreement(3)


def test_same_name_elsewhere_is_another_cluster(target: Target, cluster: Cluster) -> None:
    other = Cluster(target, f"{cluster.namespace}-2")
    target.run("create", "namespace", other.namespace)
    try:
        for one in (cluster, other):
            one.create(size=1)
        for one in (cluster, other):
            one.wait_running(1)
        cluster.put("key", "mine")
        other.put("key", "theirs")
        assert cluster.read_key("key") == "mine"
        assert cluster.status()["clusterID"] != other.status()["clusterID"]
    finally:
        other.delete()
        target.run("delete", "namespace", other.namespace, "--wait=false")


def test_a_size_changed_before_the_cluster_formed_is_reached(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.scale(5)
    cluster.scale(1)
    cluster.wait_running(1)
    cluster.put("key", "value")
    cluster.assert_agreement(1)


def test_members_that_come_late_join_as_learners(cluster: Cluster) -> None:
    """A voter that nobody has heard of may have voted, and have lost its disk: none comes back."""
    with no_pods_in(cluster.target, cluster.namespace, beyond=3):
        cluster.create(size=5)
        wait_until("three serve", lambda: cluster.condition("Available")["status"] == "True", 60)
        cluster.put("key", "value")
        formed = {member["ID"] for member in cluster.member_list()}
    # The StatefulSet's controller tries more and more seldom; a change has it look at once.
    cluster.kubectl("annotate", "statefulset", "c", "tests.etcd.io/looked-at=again")
    cluster.wait_running(5, seconds=150)
    assert len(formed - {member["ID"] for member in cluster.member_list()}) == 2
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(5)


def test_disks_of_an_unknown_earlier_life_are_never_used(cluster: Cluster) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-c-0", "namespace": cluster.namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    cluster.target.apply(claim)
    cluster.create(size=1)
    wait_until(
        "the old disk is named",
        lambda: cluster.condition("Degraded")["reason"] == "DataFromEarlierCluster",
    )
    assert "data-c-0" in cluster.condition("Degraded")["message"]
    assert not cluster.objects("statefulset")
    with as_foreseen(cluster):
        cluster.kubectl("delete", "pvc", "data-c-0")
        cluster.wait_running(1)

"""Members that lose their disk are replaced, whichever they are, and nothing is forgotten."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from deploy.target import Target
from etcd_operator.core.model.snapshot import Snapshot
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_foreseen, as_patched, as_previewed, loses_disk

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def choose(cluster: Cluster, who: str) -> str:
    if who == "ordinal 0":
        return "c-0"
    return str(next(m["name"] for m in cluster.status()["members"] if m["role"] == who))


def says_empty(seen: Snapshot) -> bool:
    """Whether the only member has ended because its disk is empty."""
    return any("cannot fetch cluster info" in pod.termination_message for pod in seen.pods)


def assert_replaced(cluster: Cluster, name: str, old_id: str) -> None:
    wait_until("it is another member", lambda: cluster.member(name)["id"] != old_id, 90)
    cluster.wait_running(3, seconds=120)
    assert cluster.events("ReplacingMember") or cluster.events("MemberRemoved")
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)


@pytest.mark.parametrize("version", ["3.5.35", "3.6.16"])
def test_lost_disks_of_one_member_after_the_other(cluster: Cluster, version: str) -> None:
    cluster.create(size=3, version=version)
    cluster.wait_running(3)
    cluster.put("key", "value")
    before = cluster.status()["clusterID"]
    for who in ("leader", "follower", "ordinal 0"):
        name = choose(cluster, who)
        old_id = cluster.member(name)["id"]
        with as_foreseen(cluster, loses_disk(name), rejoining=(name,)):
            cluster.kubectl("delete", "pvc", f"data-{name}", "--wait=false")
            cluster.kubectl("delete", "pod", name)
            assert_replaced(cluster, name, old_id)
        assert cluster.status()["clusterID"] == before


def directory_of(target: Target, cluster: Cluster, name: str) -> Path:
    """Where the local provisioner keeps a member's disk on this machine."""
    claim = cluster.read("get", "pvc", f"data-{name}")
    volume = target.read("get", "pv", claim["spec"]["volumeName"])
    return Path(volume["spec"]["local"]["path"])


def test_a_wiped_disk(target: Target, cluster: Cluster) -> None:
    if not target.is_local:
        pytest.skip("only the local cluster's disks can be reached from here")
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    name = choose(cluster, "follower")
    old_id = cluster.member(name)["id"]
    shutil.rmtree(directory_of(target, cluster, name) / "data")
    cluster.kubectl("delete", "pod", name)
    assert_replaced(cluster, name, old_id)


def test_a_corrupt_disk(target: Target, cluster: Cluster) -> None:
    if not target.is_local:
        pytest.skip("only the local cluster's disks can be reached from here")
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    name = choose(cluster, "follower")
    old_id = cluster.member(name)["id"]
    for log in (directory_of(target, cluster, name) / "data" / "member" / "wal").glob("*.wal"):
        content = bytearray(log.read_bytes())
        content[64:512] = b"\xff" * 448
        log.write_bytes(content)
    cluster.kubectl("delete", "pod", name, "--force", "--grace-period=0")
    assert_replaced(cluster, name, old_id)


@pytest.mark.situation(
    "data",
    "the only disk of a cluster is lost",
    "no empty cluster takes its place; the status says what to do",
)
def test_a_cluster_of_one_is_never_formed_anew(cluster: Cluster) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    cluster.put("key", "value")
    with as_foreseen(cluster, says_empty):
        cluster.kubectl("delete", "pvc", "data-c-0", "--wait=false")
        cluster.kubectl("delete", "pod", "c-0")
        said = cluster.wait_degraded_with("cannot fetch cluster info from peer urls", 90)
        cluster.wait_phase("Failed", 30)
    assert "c-0" in said
    assert cluster.condition("QuorumHealthy")["status"] == "False"


def sizes(cluster: Cluster) -> dict[str, set[str]]:
    """The sizes that the disks have: of those with the data, and of those for the logs."""
    found: dict[str, set[str]] = {}
    for claim in cluster.objects("pvc"):
        kind = str(claim["metadata"]["name"]).partition("-")[0]
        found.setdefault(kind, set()).add(claim["status"]["capacity"]["storage"])
    return found


def test_disks_grow_under_running_members(cluster: Cluster) -> None:
    cluster.create(size=3, storage={"size": "1Gi", "wal": {"size": "1Gi"}})
    cluster.wait_running(3)
    cluster.put("key", "value")
    pods = cluster.uids("pods")
    grown = {"data": {"2Gi"}, "wal": {"3Gi"}}
    with as_patched(cluster, storage={"size": "2Gi", "wal": {"size": "3Gi"}}):
        wait_until("every disk has grown", lambda: sizes(cluster) == grown, 60)
        cluster.wait_running(3)
    assert cluster.uids("pods") == pods
    assert cluster.read_key("key") == "value"
    with as_previewed(cluster, "size=5"):
        cluster.scale(5)
        cluster.wait_running(5)
    assert sizes(cluster) == grown, "members to come get disks of the new size"
    cluster.assert_agreement(5)


def test_growth_is_refused_where_the_storage_class_cannot(target: Target, cluster: Cluster) -> None:
    if not target.is_local:
        pytest.skip("needs the StorageClass `fixed` of the local cluster")
    cluster.create(size=1, storage={"size": "1Gi", "storageClassName": "fixed"})
    cluster.wait_running(1)
    cluster.patch(storage={"size": "2Gi"})
    said = cluster.wait_reason("Degraded", "RefusedByKubernetes")
    assert "must support resize" in said
    assert cluster.condition("Available")["status"] == "True"
    with as_patched(cluster, storage={"size": "1Gi"}):
        cluster.wait_running(1)
    assert sizes(cluster) == {"data": {"1Gi"}}

"""A majority that is lost for good is given up when a person says so, and only then."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from deploy.manifests import NAMESPACE
from deploy.target import Target, TargetError
from etcd_operator.json_types import Json
from tests.e2e.harness import Cluster, no_room, wait_until
from tests.e2e.previews import as_patched, previewed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SET_ASIDE = "etcd.etcd.io/quarantined-from"


def set_aside(target: Target, cluster: Cluster) -> dict[str, str]:
    """The volumes that were kept: by name, what becomes of each when it is released."""
    return {
        volume["metadata"]["name"]: volume["spec"]["persistentVolumeReclaimPolicy"]
        for volume in target.read("get", "pv")["items"]
        if (volume["metadata"].get("annotations") or {})
        .get(SET_ASIDE, "")
        .startswith(f"{cluster.namespace}/")
    }


@pytest.fixture
def kept_volumes(target: Target, cluster: Cluster) -> Iterator[None]:
    """Delete what was set aside when the test is over."""
    yield
    for name in set_aside(target, cluster):
        target.run("delete", "pv", name, "--wait=false")


def lose(cluster: Cluster, *names: str, disks: tuple[str, ...] = ("data", "data")) -> None:
    """Lose one disk of each of these members, all at the same time."""
    claims = [f"{disk}-{name}" for disk, name in zip(disks, names, strict=True)]
    cluster.kubectl("delete", "pvc", *claims, "--wait=false")
    cluster.kubectl("delete", "pod", *names, "--grace-period=0", "--force")
    cluster.wait_reason("QuorumHealthy", "MajorityLost", 60)
    cluster.wait_phase("Failed", 60)


def approve(cluster: Cluster, revision: int) -> None:
    cluster.patch(recovery={"quorumLoss": approval(cluster, revision)})


def approval(cluster: Cluster, revision: int) -> Json:
    return {"clusterID": cluster.status()["clusterID"], "acceptedRevision": revision}


@pytest.mark.usefixtures("kept_volumes")
@pytest.mark.parametrize(
    ("version", "kept", "restarted", "disks"),
    [("3.5.35", 0, False, ("data", "data")), ("3.6.16", 2, True, ("data", "wal"))],
    ids=["3.5 keeps 0", "3.6 with two disks keeps 2, whose process is another one"],
)
def test_the_cluster_goes_on_from_one_member(
    target: Target,
    cluster: Cluster,
    version: str,
    kept: int,
    restarted: bool,
    disks: tuple[str, ...],
) -> None:
    kinds = set(disks)
    storage = {"storage": {"wal": {"size": "1Gi"}}} if "wal" in kinds else {}
    cluster.create(size=3, version=version, **storage)
    cluster.wait_running(3)
    cluster.put("key", "value")
    before = cluster.status()
    old = {m["name"]: m["id"] for m in before["members"]}
    lost = [f"c-{ordinal}" for ordinal in range(3) if ordinal != kept]
    lose(cluster, *lost, disks=disks)
    if restarted:  # from now on nobody answers: only its metrics say what is on its disk
        cluster.kubectl("delete", "pod", f"c-{kept}", "--grace-period=1")
    approve(cluster, 1_000_000)
    best = f"c-{kept} is the most advanced"
    wait_until("it is refused", lambda: best in cluster.condition("Ready")["message"], 90)
    assert cluster.condition("Ready")["reason"] == "RecoveryRefused"
    assert cluster.uids("pvc").keys() == {f"{d}-c-{o}" for d in kinds for o in range(3)}
    with previewed(cluster, f"recovery.quorumLoss={json.dumps(approval(cluster, 2))}") as told:
        approve(cluster, 2)
        wait_until("it is recorded", lambda: bool(cluster.status().get("lastRecovery")), 150)
        cluster.wait_running(3, seconds=120)
    assert told.differences(rejoining=lost) == [], told.done
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)
    after = {m["name"]: m["id"] for m in cluster.status()["members"]}
    assert cluster.status()["clusterID"] == before["clusterID"]
    assert after[f"c-{kept}"] == old[f"c-{kept}"]
    assert all(after[name] != old[name] for name in lost)
    assert cluster.condition("DataLossPossible")["status"] == "True"
    assert list(set_aside(target, cluster).values()) == ["Retain"] * 2 * len(kinds)
    files = cluster.read("get", "configmap", "c-config")["data"]
    assert not any("force-new-cluster" in text for text in files.values())
    args = [pod["spec"]["containers"][0]["args"] for pod in cluster.objects("pods")]
    assert not any("forced" in word for words in args for word in words)


@pytest.mark.usefixtures("kept_volumes")
@pytest.mark.alone
def test_an_operator_that_dies_in_between_finishes_it(target: Target, cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    lose(cluster, "c-1", "c-2")
    approve(cluster, 2)
    stages: set[str] = set()
    deadline = time.monotonic() + 150
    while not cluster.status().get("lastRecovery"):
        assert time.monotonic() < deadline, "the recovery does not end"
        gate = cluster.read("get", "configmap", "c-config")
        stage = gate["metadata"]["annotations"].get("etcd.etcd.io/recovery", "").split(" ")[0]
        if stage and stage not in stages:
            stages.add(stage)
            place = f"--namespace={NAMESPACE}"
            target.run("delete", "pods", "--all", place, "--force", "--grace-period=0")
        time.sleep(0.2)
    assert stages, "it was interrupted"
    cluster.wait_running(3, seconds=150)
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)


def loss_lasts(cluster: Cluster) -> float:
    """For how many seconds the status has said that the majority is lost."""
    lost = cluster.condition("QuorumHealthy")
    assert lost["status"] == "False"
    since = datetime.fromisoformat(lost["lastTransitionTime"])
    return (datetime.now(UTC) - since).total_seconds()


@pytest.mark.alone
@pytest.mark.situation(
    "data",
    "a majority is given up by an approval that was given to a healthy cluster",
    "the approval is void, and nothing is lost",
)
def test_an_approval_for_a_healthy_cluster_is_void(target: Target, cluster: Cluster) -> None:
    """It is said so, and nothing is given up when later two Pods find no node."""
    cluster.create(size=3, recovery={"memberReplacementDelay": "10s"})
    cluster.wait_running(3)
    cluster.put("key", "value")
    pods, disks = cluster.uids("pods"), cluster.uids("pvc")
    with as_patched(cluster, recovery={"quorumLoss": approval(cluster, 1)}):
        cluster.wait_reason("QuorumLossApproved", "ApprovalVoid")
    wait_until("an Event says so", lambda: bool(cluster.events("ApprovalVoid")))
    assert cluster.uids("pods") == pods
    with no_room(target):
        cluster.kubectl("delete", "pod", "c-1", "c-2", "--grace-period=0", "--force")
        cluster.wait_reason("QuorumHealthy", "MajorityLost", 60)
        wait_until("the delay is over", lambda: loss_lasts(cluster) > 20)
        assert cluster.condition("Ready")["reason"] == "NoQuorum"
        assert cluster.uids("pvc") == disks
        # One that is given now counts: it is refused only for what it asks.
        approve(cluster, 1_000_000)
        cluster.wait_reason("Ready", "RecoveryRefused")
        cluster.wait_reason("QuorumLossApproved", "QuorumLossApproved")
    cluster.wait_running(3)
    cluster.wait_reason("QuorumLossApproved", "ApprovalVoid")
    assert cluster.uids("pvc") == disks
    assert cluster.read_key("key") == "value"
    assert cluster.status().get("lastRecovery", "") == ""
    with pytest.raises(TargetError, match="acceptedRevision"):
        approve(cluster, 0)

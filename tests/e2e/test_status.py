"""Status says what is, soon after it is so; events say each effect once."""

from __future__ import annotations

import json

import pytest

from tests.e2e.harness import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SOON = 2.0
# kubectl itself takes a part of a second on a busy machine to ask once.
ASKING = 1.0


def roles(cluster: Cluster) -> dict[str, str]:
    return {m["name"]: m["role"] for m in cluster.status()["members"]}


def test_everything_is_there_and_kubectl_can_wait_for_it(cluster: Cluster) -> None:
    cluster.create(size=3, version="v3.6.16")
    cluster.kubectl("wait", "etcd/c", "--for=condition=Ready", "--timeout=60s")
    live = cluster.get()
    status = live["status"]
    truths = {c["type"]: c["status"] for c in status["conditions"]}
    assert truths == {
        "Available": "True",
        "Ready": "True",
        "Progressing": "False",
        "Degraded": "False",
        "QuorumHealthy": "True",
        "Paused": "False",
        "DataLossPossible": "False",
        "SpecWarning": "True",  # etcd's own quota, on a disk of 1Gi
    }
    for condition in status["conditions"]:
        assert condition["reason"]
        assert condition["message"].endswith(".")
        assert condition["observedGeneration"] == live["metadata"]["generation"]
    assert status["phase"] == "Running"
    assert status["readyReplicas"] == status["replicas"] == 3
    header = json.loads(cluster.etcdctl("endpoint", "status", "--write-out=json"))[0]["Status"]
    assert int(status["clusterID"], 16) == header["header"]["cluster_id"]
    assert int(status["leaderID"], 16) == header["leader"]
    for member in status["members"]:
        assert member["version"] == "3.6.16"
        assert member["dbSize"] > 0
        assert member["clientURL"] in status["clientEndpoints"]
    table = cluster.kubectl("get", "etcd").splitlines()
    assert table[0].split() == ["NAME", "PHASE", "SIZE", "READY", "VERSION", "AGE"]
    assert table[1].split()[:5] == ["c", "Running", "3", "3", "v3.6.16"]


@pytest.mark.alone
def test_a_moved_leader_is_seen_soon(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    members = {m["name"]: m for m in cluster.status()["members"]}
    old = next(name for name, m in members.items() if m["role"] == "leader")
    new = next(name for name, m in members.items() if m["role"] == "follower")
    cluster.etcdctl("move-leader", members[new]["id"], pod=int(old.rpartition("-")[2]))
    wait_until("the new leader is shown", lambda: roles(cluster)[new] == "leader", SOON + ASKING)
    assert cluster.status()["leaderID"] == members[new]["id"]
    assert roles(cluster)[old] == "follower"


@pytest.mark.alone
def test_a_broken_member_is_shown_beside_the_healthy_ones(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    broken = next(m["name"] for m in cluster.status()["members"] if m["role"] == "follower")
    image = {"spec": {"containers": [{"name": "etcd", "image": "quay.io/coreos/etcd:v3.5.99"}]}}
    cluster.kubectl("patch", "pod", broken, f"--patch={json.dumps(image)}")

    def reason() -> str:
        state = cluster.pod(broken)["status"]["containerStatuses"][0]["state"]
        return str(state.get("waiting", {}).get("reason", ""))

    wait_until("the kubelet says that it has no image", lambda: "Image" in reason())
    wait_until("status shows it", lambda: not cluster.member(broken)["ready"], SOON + ASKING)
    assert broken in cluster.wait_degraded_with("Image", SOON + ASKING)
    status = cluster.status()
    assert {m["name"]: m["ready"] for m in status["members"]} == {
        f"c-{n}": f"c-{n}" != broken for n in range(3)
    }
    assert "Image" in cluster.member(broken)["message"]
    assert status["readyReplicas"] == 2
    assert cluster.condition("Available")["status"] == "True"
    assert cluster.condition("Ready")["status"] == "False"
    assert broken in cluster.condition("QuorumHealthy")["message"]
    cluster.kubectl("delete", "pod", broken)
    cluster.wait_running(3)


def test_each_effect_is_one_event(cluster: Cluster) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    cluster.scale(3)
    cluster.wait_running(3)
    cluster.scale(1)
    cluster.wait_running(1)
    added = sorted(e["message"] for e in cluster.events("MemberAdded"))
    assert added == [f"Added member c-{n} as a learner." for n in (1, 2)]
    assert len(cluster.events("MemberPromoted")) == 2
    assert len(cluster.events("MemberRemoved")) == 2
    assert len(cluster.events("DeletedPersistentVolumeClaim")) == 2
    assert len(cluster.events("CreatedStatefulSet")) == 1
    assert all(event["count"] == 1 for event in cluster.events())
    warnings = {event["reason"] for event in cluster.events() if event["type"] == "Warning"}
    assert warnings == {"QuotaExceedsDisk"}, "etcd's own quota, on a disk of 1Gi"

"""What is deleted or edited behind the operator's back comes back, and no member notices."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from deploy.target import Target
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.json_types import Json
from tests.e2e.harness import Cluster, no_pods_in, wait_until
from tests.e2e.previews import as_foreseen, as_previewed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SOON = 10.0


def edit(cluster: Cluster, kind: str, name: str, patch: object) -> None:
    cluster.kubectl("patch", kind, name, "--type=merge", f"--patch={json.dumps(patch)}")


@pytest.mark.situation(
    "coexist",
    "the StatefulSet, Services, ConfigMap or PodDisruptionBudget are deleted",
    "they come back; no member restarts",
)
def test_objects_come_back_and_members_are_undisturbed(cluster: Cluster) -> None:
    cluster.create(size=3, version="v3.6.16")
    cluster.wait_running(3)
    cluster.put("key", "value")
    pods = cluster.uids("pods")
    objects = (
        ("service", "c-client"),
        ("service", "c-peer"),
        ("configmap", "c-config"),
        ("pdb", "c"),
        ("statefulset", "c"),
    )
    for kind, name in objects:
        uid = cluster.uids(kind)[name]
        words = ("--cascade=orphan",) if kind == "statefulset" else ()
        with as_foreseen(cluster):
            cluster.kubectl("delete", kind, name, "--wait=false", *words)
            wait_until(
                f"{kind} {name} is there again",
                lambda kind=kind, name=name, uid=uid: cluster.uids(kind).get(name, uid) != uid,  # type: ignore[misc]  # bound now
                SOON,
            )
    cluster.wait_running(3)
    assert cluster.uids("pods") == pods
    assert [
        p["status"]["containerStatuses"][0]["restartCount"] for p in cluster.objects("pods")
    ] == [0] * 3
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)
    owners = [p["metadata"]["ownerReferences"][0]["uid"] for p in cluster.objects("pods")]
    assert set(owners) == {cluster.uids("statefulset")["c"]}, "the new StatefulSet has adopted them"


def sees_what_others_did(seen: Snapshot) -> bool:
    """Without their labels, objects are not seen at all; claims are made for more Pods."""
    return len(seen.children) == 5 and len(seen.claims) == seen.replicas


@pytest.mark.situation(
    "coexist",
    "objects of the cluster are edited",
    "the edit is taken back; no member restarts",
)
@pytest.mark.parametrize(
    ("kind", "name", "patch", "healed"),
    [
        pytest.param(
            "service",
            "c-client",
            {"spec": {"selector": {"etcd.etcd.io/role": "nobody"}}},
            lambda o: o["spec"]["selector"]["etcd.etcd.io/role"] == "voter",
            id="service",
        ),
        pytest.param(
            "service",
            "c-client",
            {"metadata": {"labels": {"etcd.etcd.io/cluster-uid": None}}},
            lambda o: "etcd.etcd.io/cluster-uid" in o["metadata"]["labels"],
            id="label",
        ),
        pytest.param(
            "configmap",
            "c-config",
            {"data": {"c-0.yaml": "name: x", "stray": "y"}},
            lambda o: set(o["data"]) == {"c-0.yaml"} and "initial-cluster" in o["data"]["c-0.yaml"],
            id="configmap",
        ),
        pytest.param(
            "pdb",
            "c",
            {"spec": {"maxUnavailable": 3}},
            lambda o: o["spec"]["maxUnavailable"] == 1,
            id="pdb",
        ),
        pytest.param(
            "statefulset",
            "c",
            {"spec": {"replicas": 3}},
            lambda o: o["spec"]["replicas"] == 1,
            id="statefulset",
        ),
    ],
)
def test_edits_are_undone(
    cluster: Cluster, kind: str, name: str, patch: object, healed: Callable[[object], bool]
) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    uid = cluster.uids("pods")["c-0"]
    with as_foreseen(cluster, sees_what_others_did):
        edit(cluster, kind, name, patch)
        wait_until("the edit is undone", lambda: healed(cluster.read("get", kind, name)), SOON)
        cluster.wait_running(1)
    assert cluster.uids("pods")["c-0"] == uid
    cluster.assert_agreement(1)


def test_a_network_policy_comes_stays_and_goes(cluster: Cluster) -> None:
    """The object alone: what it does on the wire is told by test_network_policy.py."""
    cluster.create(size=1)
    cluster.wait_running(1)
    assert cluster.uids("networkpolicy") == {}
    uid = cluster.uids("pods")["c-0"]
    policy: Json = {"clientFrom": [{"podSelector": {}}]}
    with as_previewed(cluster, f"security.networkPolicy={json.dumps(policy)}"):
        cluster.patch(security={"networkPolicy": policy})
        wait_until("it is there", lambda: "c" in cluster.uids("networkpolicy"), SOON)
    made = cluster.read("get", "networkpolicy", "c")["spec"]
    first = cluster.uids("networkpolicy")["c"]
    cluster.kubectl("delete", "networkpolicy", "c")
    wait_until(
        "another is there", lambda: cluster.uids("networkpolicy").get("c", first) != first, SOON
    )
    selected = {"podSelector": {"matchLabels": {"no": "pod"}}, "egress": [{}]}
    edit(cluster, "networkpolicy", "c", {"spec": {**selected, "ingress": [{}]}})
    wait_until(
        "the edit is undone",
        lambda: cluster.read("get", "networkpolicy", "c")["spec"] == made,
        SOON,
    )
    version = cluster.read("get", "networkpolicy", "c")["metadata"]["resourceVersion"]
    cluster.wait_running(1)
    time.sleep(3)
    again = cluster.read("get", "networkpolicy", "c")["metadata"]["resourceVersion"]
    assert again == version, "it is written once"
    with as_previewed(cluster, "security.networkPolicy.enabled=false"):
        cluster.patch(security={"networkPolicy": {"enabled": False}})
        wait_until("it is gone", lambda: cluster.uids("networkpolicy") == {}, SOON)
    assert cluster.uids("pods")["c-0"] == uid, "no member noticed"


@pytest.mark.parametrize("who", ["leader", "follower"])
def test_a_deleted_pod_rejoins_with_its_disk(cluster: Cluster, who: str) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    member = next(m for m in cluster.status()["members"] if m["role"] == who)
    disks = cluster.uids("pvc")
    uid = cluster.uids("pods")[member["name"]]
    with as_foreseen(cluster):
        cluster.kubectl("delete", "pod", member["name"])
        wait_until("its Pod is another", lambda: cluster.uids("pods")[member["name"]] != uid)
        cluster.wait_running(3)
    after = next(m for m in cluster.status()["members"] if m["name"] == member["name"])
    assert after["id"] == member["id"]
    assert cluster.uids("pvc") == disks
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)


def test_all_pods_deleted_at_once(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    before = {m["name"]: m["id"] for m in cluster.status()["members"]}
    with as_foreseen(cluster):
        cluster.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")
        wait_until("they are seen to be away", lambda: cluster.status()["readyReplicas"] < 3)
        cluster.wait_running(3)
    assert {m["name"]: m["id"] for m in cluster.status()["members"]} == before
    assert cluster.read_key("key") == "value"


def test_a_lost_majority_is_named_and_heals(target: Target, cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    with no_pods_in(target, cluster.namespace):
        cluster.kubectl("delete", "pod", "c-1", "c-2")
        said = cluster.wait_reason("QuorumHealthy", "MajorityLost", 15)
        assert "c-1" in said
        assert "c-2" in said
        status = cluster.status()
        ready = {m["name"]: m["ready"] for m in status["members"]}
        assert ready["c-1"] is ready["c-2"] is False
        assert cluster.condition("Available")["status"] == "False"
        disks = cluster.uids("pvc")
    cluster.wait_running(3)
    assert cluster.uids("pvc") == disks
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)


def test_lost_status_is_written_again(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    before = cluster.status()
    nothing = ("--subresource=status", "--type=merge", '--patch={"status":null}')
    with as_foreseen(cluster):
        cluster.kubectl("patch", "etcd", "c", *nothing)
        cluster.wait_running(3)
    after = cluster.status()
    for key in ("clusterID", "leaderID", "clientEndpoints"):
        assert after[key] == before[key]
    cluster.assert_agreement(3)

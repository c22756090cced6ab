"""Members that do not come back are replaced; the operator that comes back disturbs nobody."""

from __future__ import annotations

import contextlib
import json

import pytest

from deploy.installer import install
from deploy.manifests import NAMESPACE
from deploy.target import Target, TargetError, provide_image
from etcd_operator.core.model.live_objects import NodeState
from etcd_operator.json_types import Json
from tests.e2e.alarms import raise_corrupt
from tests.e2e.harness import Cluster, no_room, wait_until
from tests.e2e.previews import as_foreseen, as_previewed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def replaced(cluster: Cluster, name: str, old_id: str) -> None:
    """Wait until a member is another one, with everything as it should be."""
    wait_until("it is another member", lambda: cluster.member(name)["id"] != old_id, 60)
    cluster.wait_running(3, seconds=90)
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)


def test_the_leader_is_replaced_because_somebody_asks(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    before = cluster.status()["clusterID"]
    member = next(m for m in cluster.status()["members"] if m["role"] == "leader")
    disks = cluster.uids("pvc")
    name = member["name"]
    with as_previewed(cluster, replaced=(name,), rejoining=(name,)):
        cluster.kubectl("annotate", "pod", name, "etcd.etcd.io/replace-member=true")
        replaced(cluster, name, member["id"])
    changed = {n for n, uid in cluster.uids("pvc").items() if disks[n] != uid}
    assert changed == {f"data-{member['name']}"}
    assert cluster.status()["clusterID"] == before
    assert cluster.events("MemberRemoved")


@pytest.mark.situation(
    "data",
    "a client of etcd removes a member between others",
    "its old disk goes, and a new member comes on a new one",
)
def test_a_member_removed_by_hand_between_others_comes_back_on_a_new_disk(cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    disks, old_id = cluster.uids("pvc"), cluster.member("c-1")["id"]
    # etcd refuses this until all have been connected for five seconds.
    gone = int(old_id, 16)
    with as_foreseen(
        cluster,
        lambda seen: gone not in {member.id for member in seen.members},
        rejoining=("c-1",),
    ):
        wait_until("etcd removes it", lambda: bool(cluster.etcdctl("member", "remove", old_id)))
        wait_until("it is another", lambda: cluster.member("c-1")["id"] not in ("", old_id), 60)
        cluster.wait_running(3, seconds=120)
    assert cluster.events("MemberAdded")
    assert {n for n, uid in cluster.uids("pvc").items() if disks[n] != uid} == {"data-c-1"}
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)


@pytest.mark.situation(
    "data",
    "a person removes a member and announces one in its place",
    "the disk of the removed one goes, and the new member comes on a new one",
)
def test_a_member_announced_by_hand_does_not_keep_the_disk_of_another(cluster: Cluster) -> None:
    """Its process ends well, again and again: it learns from its own log that it was removed."""
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    disks, old_id = cluster.uids("pvc"), cluster.member("c-1")["id"]
    (url,) = next(m["peerURLs"] for m in members_of(cluster) if m["name"] == "c-1")
    cluster.patch(paused=True)
    wait_until("etcd removes it", lambda: bool(cluster.etcdctl("member", "remove", old_id)))
    wait_until("etcd announces it", lambda: announce_learner(cluster, "c-1", url))
    cluster.patch(paused=False)
    wait_until("its disk is another", lambda: cluster.uids("pvc")["data-c-1"] != disks["data-c-1"])
    cluster.wait_running(3)
    assert {n for n, uid in cluster.uids("pvc").items() if disks[n] != uid} == {"data-c-1"}
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)


def announce_learner(cluster: Cluster, name: str, url: str) -> bool:
    """Add a learner by hand, once: the removed member may have led, and an election takes a while.

    Returns whether etcd has it; its answer may have been lost.
    """
    with contextlib.suppress(TargetError):
        cluster.etcdctl("member", "add", name, "--learner", f"--peer-urls={url}")
    return any(member.get("isLearner") for member in members_of(cluster))


def members_of(cluster: Cluster) -> list[Json]:
    """The members, as etcd lists them."""
    answer = json.loads(cluster.etcdctl("member", "list", "--write-out=json"))
    return list(answer["members"])


def test_a_cluster_of_one_is_not_replaced(cluster: Cluster) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    cluster.put("key", "value")
    uid = cluster.uids("pods")["c-0"]
    with as_previewed(cluster, replaced=("c-0",)):
        cluster.kubectl("annotate", "pod", "c-0", "etcd.etcd.io/replace-member=true")
        cluster.wait_reason("Ready", "CannotReplaceMember")
    assert cluster.condition("Available")["status"] == "True"
    cluster.kubectl("annotate", "pod", "c-0", "etcd.etcd.io/replace-member-")
    cluster.wait_running(1)
    assert cluster.uids("pods")["c-0"] == uid
    assert cluster.read_key("key") == "value"


def test_a_member_that_etcd_calls_corrupt(cluster: Cluster) -> None:
    """It is replaced, the alarm goes, and clients write again: nobody has to do anything."""
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    old_id = cluster.member("c-2")["id"]
    disks = cluster.uids("pvc")
    with as_foreseen(cluster, lambda seen: bool(seen.alarms), rejoining=("c-2",)):
        raise_corrupt(cluster, int(old_id, 16))
        replaced(cluster, "c-2", old_id)
    changed = {n for n, uid in cluster.uids("pvc").items() if disks[n] != uid}
    assert changed == {"data-c-2"}
    assert cluster.events("AlarmDisarmed")
    assert cluster.etcdctl("alarm", "list").strip() == ""
    cluster.put("key", "another")
    assert cluster.condition("Degraded")["status"] == "False"


def move_disk_to(target: Target, cluster: Cluster, name: str, node: str) -> None:
    """Give a member a disk that only this node can reach, as if it had run there."""
    volume = f"ghost-{cluster.namespace}"
    hostname = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    with no_room(target):
        cluster.kubectl("delete", "pvc", f"data-{name}", "--wait=false")
        cluster.kubectl("delete", "pod", name, "--wait=true")
        target.apply(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": volume},
                "spec": {
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": "standard",
                    "local": {"path": "/nowhere"},
                    "claimRef": {"namespace": cluster.namespace, "name": f"data-{name}"},
                    "nodeAffinity": {
                        "required": {"nodeSelectorTerms": [{"matchExpressions": [hostname]}]}
                    },
                },
            }
        )
        wait_until(
            "the claim is bound to it",
            lambda: cluster.read("get", "pvc", f"data-{name}")["spec"].get("volumeName") == volume,
            30,
        )


def add_node(target: Target, name: str, *, ready: str) -> None:
    """A node that only exists as an object."""
    target.apply(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
            "spec": {"unschedulable": True},
        }
    )
    conditions = [{"type": "Ready", "status": ready, "reason": "Test", "message": "a test's"}]
    patch = json.dumps({"status": {"conditions": conditions}})
    target.run("patch", "node", name, "--subresource=status", "--type=merge", f"--patch={patch}")


@pytest.mark.alone
def test_a_disk_on_a_node_that_is_lost(target: Target, cluster: Cluster) -> None:
    """Waits while the node is only away; at once when it is gone.

    Paused meanwhile, or the member would be replaced already for its claim that is being deleted.
    """
    if not target.is_local:
        pytest.skip("makes a PersistentVolume and a Node of its own")
    node = f"node-{cluster.namespace}"
    cluster.create(size=3, recovery={"memberReplacementDelay": "1h"})
    cluster.wait_running(3)
    cluster.put("key", "value")
    old_id = cluster.member("c-1")["id"]
    try:
        add_node(target, node, ready="False")
        cluster.patch(paused=True)
        cluster.wait_reason("Ready", "Paused")
        move_disk_to(target, cluster, "c-1", node)
        cluster.patch(paused=False)
        said = cluster.wait_reason("Ready", "MemberStuck", 60)
        assert "it is replaced at" in said
        assert cluster.member("c-1")["id"] == old_id
        with as_foreseen(
            cluster, lambda seen: NodeState.GONE in seen.nodes.values(), rejoining=("c-1",)
        ):
            target.run("delete", "node", node)
            replaced(cluster, "c-1", old_id)
    finally:
        target.run("delete", "node", node, "--ignore-not-found")
        target.run(
            "delete", "pv", f"ghost-{cluster.namespace}", "--ignore-not-found", "--wait=false"
        )


@pytest.mark.alone
def test_the_operator_is_uninstalled_and_installed_again(target: Target, cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.put("key", "value")
    pods, disks = cluster.uids("pods"), cluster.uids("pvc")
    place = f"--namespace={NAMESPACE}"
    target.run("delete", "deployment,sa,pdb,lease", "etcd-operator", place, "--ignore-not-found")
    target.run("delete", "clusterrole,clusterrolebinding", "etcd-operator")
    cluster.kubectl("delete", "pod", "c-1")  # it comes back without an operator
    install(target, provide_image(target, ""))
    cluster.wait_running(3)
    after = cluster.uids("pods")
    assert {name: after[name] for name in ("c-0", "c-2")} == {n: pods[n] for n in ("c-0", "c-2")}
    assert cluster.uids("pvc") == disks
    for pod in cluster.objects("pods"):
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    assert cluster.read_key("key") == "value"
    with as_previewed(cluster, "size=5"):
        cluster.scale(5)
        cluster.wait_running(5)
    cluster.assert_agreement(5)

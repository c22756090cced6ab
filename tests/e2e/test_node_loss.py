"""Nodes that are lost with the only disk of a member, on a local cluster of three nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.manifests import NAMESPACE
from deploy.target import Target, ask_local
from tests.e2e.harness import Cluster, wait_until

# Kubernetes notices a lost node within a minute; a Pod on it is given up these seconds later.
PATIENCE = {
    "tolerations": [
        {
            "key": f"node.kubernetes.io/{condition}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 5,
        }
        for condition in ("not-ready", "unreachable")
    ]
}

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]


def change(what: str, node: str) -> None:
    """Kill or start a node of the local cluster."""
    ask_local("node", what, node)


def is_ready(target: Target, node: str) -> bool:
    conditions = target.read("get", "node", node)["status"]["conditions"]
    return "True" in [c["status"] for c in conditions if c["type"] == "Ready"]


@pytest.fixture
def three_nodes(target: Target) -> Iterator[list[str]]:
    """The names of the nodes; all are up again afterwards."""
    names = [node["metadata"]["name"] for node in target.read("get", "nodes")["items"]]
    if not target.is_local or len(names) < 3:
        pytest.skip("needs three nodes that can be lost: `python -m local up --nodes 3`")
    yield names
    for name in names:
        change("start", name)
        wait_until(f"{name} is Ready", lambda name=name: is_ready(target, name), 90)  # type: ignore[misc]  # bound now


def node_of(cluster: Cluster, name: str) -> str:
    return str(cluster.pod(name)["spec"]["nodeName"])


def choose(target: Target, cluster: Cluster) -> tuple[str, str]:
    """A member and its node, on which no DNS runs, and no operator if there is another node."""
    dns, operators = find_nodes(target, "kube-system"), find_nodes(target, NAMESPACE)
    places = {m["name"]: node_of(cluster, m["name"]) for m in cluster.status()["members"]}
    free = [name for name, node in places.items() if node not in dns]
    name = min(free, key=lambda name: places[name] in operators)
    return name, places[name]


def find_nodes(target: Target, namespace: str) -> set[str]:
    """The nodes of the Pods of a namespace."""
    pods = target.read("get", "pods", f"--namespace={namespace}")["items"]
    return {str(pod["spec"].get("nodeName")) for pod in pods}


def test_a_lost_node_costs_a_member_its_disk_and_nothing_else(
    target: Target, cluster: Cluster, three_nodes: list[str]
) -> None:
    cluster.create(size=3, recovery={"memberReplacementDelay": "10s"}, podTemplate=PATIENCE)
    cluster.wait_running(3)
    cluster.put("key", "value")
    assert {node_of(cluster, f"c-{o}") for o in range(3)} == set(three_nodes)
    name, node = choose(target, cluster)
    old_id = cluster.member(name)["id"]
    change("kill", node)
    wait_until("it is another member", lambda: cluster.member(name)["id"] != old_id, 180)
    cluster.wait_running(3, seconds=120)
    assert cluster.read_key("key") == "value"
    assert node_of(cluster, name) != node
    cluster.assert_agreement(3)
    change("start", node)
    wait_until(f"{node} is Ready", lambda: is_ready(target, node), 90)
    cluster.wait_running(3)
    cluster.assert_agreement(3)


def test_a_node_that_returns_first_brings_its_member_back(
    target: Target, cluster: Cluster, three_nodes: list[str]
) -> None:
    assert three_nodes
    cluster.create(size=3, recovery={"memberReplacementDelay": "30m"}, podTemplate=PATIENCE)
    cluster.wait_running(3)
    cluster.put("key", "value")
    name, node = choose(target, cluster)
    old_id, disks = cluster.member(name)["id"], cluster.uids("pvc")
    change("kill", node)
    wait_until("it is away", lambda: not cluster.member(name)["ready"], 60)
    cluster.wait_reason("Ready", "MemberStuck", 120)
    change("start", node)
    cluster.wait_running(3, seconds=120)
    assert cluster.member(name)["id"] == old_id
    assert cluster.uids("pvc") == disks
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)


def test_a_drained_node_is_waited_for(
    target: Target, cluster: Cluster, three_nodes: list[str]
) -> None:
    assert three_nodes
    cluster.create(size=3, recovery={"memberReplacementDelay": "10s"})
    cluster.wait_running(3)
    cluster.put("key", "value")
    name, node = choose(target, cluster)
    old_id, disks = cluster.member(name)["id"], cluster.uids("pvc")
    target.run("cordon", node)
    try:
        cluster.kubectl("delete", "pod", name)
        cluster.wait_degraded_with("Unschedulable")
        with pytest.raises(AssertionError):
            wait_until("it is replaced", lambda: cluster.member(name)["id"] != old_id, 20)
    finally:
        target.run("uncordon", node)
    cluster.wait_running(3)
    assert cluster.uids("pvc") == disks
    assert cluster.read_key("key") == "value"

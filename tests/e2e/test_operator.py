"""The operator process itself: election, interruption, rest, and rights."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from deploy.installer import install, render, wait_for_operator
from deploy.manifests import NAME, NAMESPACE
from deploy.target import PROJECT, Target, TargetError
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.removals import Removals

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(300)]

PLACE = f"--namespace={NAMESPACE}"
WRITES = ("create", "apply", "patch", "delete")


def holder(target: Target) -> str:
    """The replica that holds the Lease; empty if none does."""
    spec = target.read("get", "lease", NAME, PLACE)["spec"]
    return str(spec.get("holderIdentity") or "")


def replicas(target: Target) -> list[str]:
    pods = target.read("get", "pods", PLACE, f"--selector=app.kubernetes.io/name={NAME}")["items"]
    return [p["metadata"]["name"] for p in pods if "deletionTimestamp" not in p["metadata"]]


def ask(target: Target, pod: str, path: str) -> str:
    return target.run("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:8081/proxy{path}")


def count_writes(target: Target, pod: str) -> float:
    """Requests of one replica that wrote something, the Lease apart."""
    total = 0.0
    for line in ask(target, pod, "/metrics").splitlines():
        if line.startswith("etcd_operator_kubernetes_requests_total{"):
            writes = any(f'verb="{verb}"' in line for verb in WRITES)
            if writes and 'resource="leases"' not in line:
                total += float(line.rpartition(" ")[2])
    return total


def kill_leader(target: Target) -> str:
    """End the acting replica without any notice; returns its name."""
    leader = holder(target)
    target.run("delete", "pod", leader, PLACE, "--force", "--grace-period=0")
    return leader


@pytest.mark.usefixtures("nothing_leaves")
def test_nothing_is_written_at_rest(target: Target, cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    time.sleep(3)
    leader = holder(target)
    before = count_writes(target, leader)
    assert before > 0
    version = cluster.get()["metadata"]["resourceVersion"]
    time.sleep(20)
    assert holder(target) == leader
    assert count_writes(target, leader) == before
    assert cluster.get()["metadata"]["resourceVersion"] == version


def test_health_metrics_and_logs(target: Target) -> None:
    for pod in replicas(target):
        assert ask(target, pod, "/livez") == "ok\n"
        assert ask(target, pod, "/readyz") == "ok\n"
        metrics = ask(target, pod, "/metrics")
        assert f"etcd_operator_leading {float(pod == holder(target))}" in metrics
        lines = target.run("logs", pod, PLACE).splitlines()
        assert lines
        for line in lines:
            assert {"event", "level", "timestamp"} <= json.loads(line).keys()


def test_a_graceful_stop_hands_over_at_once(target: Target, cluster: Cluster) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    leader = holder(target)
    target.run("delete", "pod", leader, PLACE, "--wait=false")
    took = wait_until("another leads", lambda: holder(target) not in ("", leader), 10)
    assert took < 8
    cluster.scale(3)
    cluster.wait_running(3)
    wait_for_operator(target)


@pytest.mark.parametrize("after", [0.1, 0.6, 1.5])
def test_killed_while_a_cluster_forms(target: Target, cluster: Cluster, after: float) -> None:
    cluster.create(size=3)
    time.sleep(after)
    kill_leader(target)
    cluster.wait_running(3)
    cluster.put("key", "value")
    cluster.assert_agreement(3)
    wait_for_operator(target)


@pytest.mark.parametrize("after", [0.1, 1.0, 2.5])
def test_killed_while_a_cluster_grows_and_shrinks(
    target: Target, cluster: Cluster, after: float
) -> None:
    cluster.create(size=3, version="v3.6.16")
    cluster.wait_running(3)
    cluster.put("key", "value")
    for size, delay in ((5, after), (1, after / 4)):
        cluster.scale(size)
        time.sleep(delay)
        kill_leader(target)
        cluster.wait_running(size)
        assert cluster.read_key("key") == "value"
        cluster.assert_agreement(size)
        wait_for_operator(target)


def test_rights_are_no_wider_than_needed(target: Target) -> None:
    account = f"--as=system:serviceaccount:{NAMESPACE}:{NAME}"
    for verb, resource in (
        ("list", "secrets"),
        ("watch", "secrets"),
        ("delete", "secrets"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("update", "nodes"),
        ("delete", "namespaces"),
        ("deletecollection", "services"),
        ("create", "rolebindings"),
    ):
        with pytest.raises(TargetError):
            target.run("auth", "can-i", verb, resource, account, "--all-namespaces", "--quiet")


@pytest.fixture
def narrow_operator(target: Target, removals: Removals) -> Iterator[str]:
    """The namespaced installation in a namespace of its own, alone in the cluster."""
    removals.finish()  # by the operator that is taken away
    image = target.read("get", f"deployment/{NAME}", PLACE)["spec"]["template"]["spec"][
        "containers"
    ][0]["image"]
    target.run("scale", f"deployment/{NAME}", PLACE, "--replicas=0")
    # It works on until its process ends, also for clusters that are none of the other's.
    wait_until("its Pods have ended", lambda: not target.read("get", "pods", PLACE)["items"])
    narrow = "etcd-operator-narrow"
    text = render(PROJECT / "deploy" / "install-namespaced.yaml", image)
    text = text.replace(NAMESPACE, narrow)
    target.run("apply", "--server-side", "--filename=-", "--force-conflicts", stdin=text)
    place = f"--namespace={narrow}"
    target.run("rollout", "status", f"deployment/{NAME}", place, "--timeout=90s")
    yield narrow
    target.run("delete", "namespace", narrow)
    install(target, image)


@pytest.mark.last
def test_one_namespace_with_a_role_only(
    target: Target, narrow_operator: str, namespace: str
) -> None:
    account = f"--as=system:serviceaccount:{narrow_operator}:{NAME}"
    with pytest.raises(TargetError):
        target.run("auth", "can-i", "list", "pods", account, "--all-namespaces", "--quiet")
    ours, theirs = Cluster(target, narrow_operator), Cluster(target, namespace)
    for cluster in (ours, theirs):
        cluster.create(size=1)
    ours.wait_running(1)
    assert not theirs.status()
    assert "finalizers" not in theirs.get()["metadata"]
    ours.delete()

"""Deleting an EtcdCluster removes what is its own, in every state, and nothing else."""

from __future__ import annotations

import pytest

from deploy.manifests import NAME, NAMESPACE
from deploy.target import Target
from tests.e2e.harness import Cluster, no_pods_in, wait_until
from tests.e2e.previews import delete_as_previewed, wait_for_pass
from tests.e2e.terminal import Shell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

KINDS = ("statefulset", "pods", "services", "configmaps", "pdb", "pvc")


def assert_nothing_left(cluster: Cluster, *, kinds: tuple[str, ...] = KINDS) -> None:
    for kind in kinds:
        wait_until(f"no {kind} is left", lambda kind=kind: not cluster.objects(kind), 30)  # type: ignore[misc]  # bound now


def test_everything_of_it_goes_and_nothing_else(target: Target, namespace: str) -> None:
    gone, stays = Cluster(target, namespace, "gone"), Cluster(target, namespace, "stays")
    for one in (gone, stays):
        one.create(size=1)
    for one in (gone, stays):
        one.wait_running(1)
    before = {kind: stays.uids(kind) for kind in KINDS}
    delete_as_previewed(gone)
    assert_nothing_left(gone)
    assert {kind: stays.uids(kind) for kind in KINDS} == before
    assert stays.status()["phase"] == "Running"


def test_disks_stay_if_the_user_says_so(cluster: Cluster) -> None:
    cluster.create(size=1, storage={"size": "1Gi", "retentionPolicy": {"whenDeleted": "Retain"}})
    cluster.wait_running(1)
    delete_as_previewed(cluster)
    assert_nothing_left(cluster, kinds=KINDS[:-1])
    assert list(cluster.uids("pvc")) == ["data-c-0"]
    cluster.kubectl("delete", "pvc", "data-c-0")


def test_one_that_never_came_up(cluster: Cluster) -> None:
    cluster.create(size=3, version="v3.6.99")
    wait_for_pass(cluster, "the Pods", lambda seen: len(seen.pods) == 3)
    delete_as_previewed(cluster)
    assert_nothing_left(cluster)


def test_one_without_quorum(target: Target, cluster: Cluster) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    with no_pods_in(target, cluster.namespace):
        cluster.kubectl("delete", "pod", "c-1", "c-2")
        cluster.wait_reason("QuorumHealthy", "MajorityLost")
        cluster.delete()
        assert_nothing_left(cluster)


@pytest.mark.alone
def test_while_the_operator_was_away(target: Target, cluster: Cluster, shell: Shell) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    place = f"--namespace={NAMESPACE}"
    target.run("scale", f"deployment/{NAME}", place, "--replicas=0")
    target.run("wait", "pod", f"--selector=app.kubernetes.io/name={NAME}", place, "--for=delete")
    assert "Lease" in shell.run("record", "c", code=4)
    cluster.delete(wait=False)
    target.run("scale", f"deployment/{NAME}", place, "--replicas=2")
    wait_until("it is gone", lambda: "c" not in cluster.kubectl("get", "etcd", "-o=name"), 60)
    assert_nothing_left(cluster)


@pytest.mark.situation(
    "data",
    "an EtcdCluster is deleted with `--cascade=orphan`",
    "Pods, disks and objects stay as they are",
)
def test_everything_stays_that_was_to_be_orphaned(cluster: Cluster) -> None:
    """And a new EtcdCluster of the name is told whose objects it meets."""
    cluster.create(size=1)
    cluster.wait_running(1)
    before = {kind: cluster.uids(kind) for kind in KINDS}
    cluster.kubectl("delete", "etcd", "c", "--cascade=orphan", "--timeout=60s")
    assert {kind: cluster.uids(kind) for kind in KINDS} == before
    cluster.create(size=1)
    cluster.wait_reason("Degraded", "NameTaken")
    assert "--cascade=orphan" in cluster.status()["message"]
    assert {kind: cluster.uids(kind) for kind in KINDS} == before
    cluster.delete()
    for kind in KINDS:
        cluster.kubectl("delete", kind, "--selector=etcd.etcd.io/cluster=c", "--wait=false")


@pytest.mark.situation(
    "told",
    "a finalizer of somebody else keeps a Pod or a disk",
    "the deletion names it",
)
def test_a_finalizer_of_somebody_else_is_named_and_waited_for(cluster: Cluster) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    hold = '{"metadata":{"finalizers":["kubernetes.io/pvc-protection","example.com/hold"]}}'
    cluster.kubectl("patch", "pvc", "data-c-0", "--type=merge", f"--patch={hold}")
    cluster.delete(wait=False)
    cluster.wait_reason("Degraded", "HeldByFinalizer")
    assert "example.com/hold" in cluster.status()["message"]
    cluster.kubectl(
        "patch", "pvc", "data-c-0", "--type=merge", '--patch={"metadata":{"finalizers":null}}'
    )
    wait_until("it is gone", lambda: "c" not in cluster.kubectl("get", "etcd", "-o=name"), 60)
    assert_nothing_left(cluster)

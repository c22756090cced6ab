"""Claims that others delete under running Pods, and claims that others made."""

from __future__ import annotations

import json

import pytest

from etcd_operator.core.model.snapshot import Snapshot
from tests.e2e.harness import Cluster
from tests.e2e.previews import as_foreseen, as_previewed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def sees_every_claim_deleted(seen: Snapshot) -> bool:
    return all(claim.deleting for claim in seen.claims)


@pytest.mark.situation(
    "data",
    "all claims of a running cluster are deleted",
    "it is said at once, and members get new disks one at a time, with all that was written",
)
def test_claims_deleted_under_their_pods_are_replaced_one_at_a_time(cluster: Cluster) -> None:
    """All at once, which would be a loss of all data with the next restart of the nodes."""
    cluster.create(size=3)
    cluster.wait_running(3)
    cluster.etcdctl("put", "kept", "yes")
    before = cluster.uids("pvc")
    with as_foreseen(cluster, sees_every_claim_deleted, rejoining=cluster.uids("pods")) as told:
        cluster.kubectl("delete", "pvc", "--all", "--wait=false")
        cluster.wait_reason("Degraded", "DiskBeingDeleted")
        told.follow(
            "every disk is a new one",
            lambda: not set(before.values()) & set(cluster.uids("pvc").values()),
            180,
        )
        cluster.wait_running(3)
    assert cluster.etcdctl("get", "kept", "--print-value-only").strip() == "yes"


@pytest.mark.situation(
    "data",
    "a claim of a future member's name exists",
    "growth names it and waits; nothing is started on it",
)
def test_a_claim_of_somebody_else_is_not_grown_onto(cluster: Cluster) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data-c-1", "namespace": cluster.namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    cluster.kubectl("apply", "--filename=-", stdin=json.dumps(claim))
    with as_previewed(cluster, "size=3"):
        cluster.scale(3)
        cluster.wait_reason("Degraded", "ForeignClaim")
    assert "data-c-1" in cluster.status()["message"]
    assert list(cluster.uids("pods")) == ["c-0"]
    with as_foreseen(cluster, lambda seen: not seen.unlabelled_claims):
        cluster.kubectl("delete", "pvc", "data-c-1")
        cluster.wait_running(3)

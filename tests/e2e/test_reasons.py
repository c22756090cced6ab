"""What keeps a cluster from going on is said in the words of who refused, and it goes on then."""

from __future__ import annotations

import json

import pytest

from etcd_operator.json_types import Json
from tests.e2e.harness import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


LIMITS: Json = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "small"},
    "spec": {"limits": [{"type": "Container", "max": {"memory": "256Mi"}}]},
}


@pytest.mark.situation(
    "told",
    "a LimitRange refuses Pods; etcd's quota exceeds the disk; authentication is enabled by hand",
    "each is in a condition, in the words of who refuses; the cluster goes on",
)
def test_a_refused_pod_a_large_quota_and_a_password_are_told(cluster: Cluster) -> None:
    cluster.kubectl("create", "--filename=-", stdin=json.dumps(LIMITS))
    cluster.create(size=1, version="v3.6.16")
    said = cluster.wait_degraded_with("maximum memory usage per Container is 256Mi")
    assert said.startswith("Pod c-0: FailedCreate: ")
    wait_until("an Event says so", lambda: bool(cluster.events("FailedCreate")))
    assert cluster.condition("SpecWarning")["reason"] == "QuotaExceedsDisk"
    assert len(cluster.events("QuotaExceedsDisk")) == 1

    cluster.patch(resources={"limits": {"memory": "256Mi"}})
    cluster.wait_running(1)
    assert cluster.condition("Degraded")["status"] == "False"

    for words in (
        ("user", "add", "root:secret"),
        ("role", "add", "root"),
        ("user", "grant-role", "root", "root"),
        ("auth", "enable"),
    ):
        cluster.etcdctl(*words)
    said = cluster.wait_reason("Degraded", "AuthenticationRequired")
    assert "user name is empty" in said
    assert cluster.condition("Available")["status"] == "True"
    assert (cluster.status()["phase"], cluster.status()["readyReplicas"]) == ("Running", 1)
    cluster.etcdctl("--user=root:secret", "auth", "disable")
    cluster.wait_reason("Ready", "Healthy")

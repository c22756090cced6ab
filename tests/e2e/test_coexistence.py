"""Others write to the operator's objects: by hand, in admission, or not letting it write at all."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from deploy.manifests import NAMESPACE as OPERATOR_NAMESPACE
from deploy.target import Target, TargetError
from tests.e2e import mutating_webhook
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_foreseen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SOON = 10.0
# Longer than corrections at the usual pace would need to be seen.
QUIET_SECONDS = 15.0


@pytest.fixture
def strict(target: Target, namespace: str) -> None:
    """The namespace allows restricted Pods alone, limits all of them, and has a quota."""
    target.run("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    limits = {"default": {"cpu": "1", "memory": "512Mi"}, "type": "Container"}
    limits["defaultRequest"] = {"cpu": "1m", "memory": "16Mi"}
    hard = {"pods": "10", "limits.cpu": "10", "limits.memory": "4Gi"}
    for kind, spec in (("LimitRange", {"limits": [limits]}), ("ResourceQuota", {"hard": hard})):
        metadata = {"name": "strict", "namespace": namespace}
        target.apply({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec})


@pytest.fixture
def webhook(target: Target, namespace: str, strict: None) -> Iterator[None]:
    """Every StatefulSet of the namespace is changed in admission."""
    if not target.is_local:
        pytest.skip("only an API server on this machine reaches a webhook in a test")
    change = mutating_webhook.add_to_mesh(target)
    with mutating_webhook.running(target, namespace, "statefulsets.apps", change):
        yield


@pytest.fixture
def frozen(target: Target, namespace: str) -> Iterator[str]:
    """The name of a policy that lets the operator change no StatefulSet of the namespace."""
    name = f"frozen-{namespace}"
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"]}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [{**rule, "resources": ["statefulsets"]}]},
        "validations": [
            {
                "expression": "!request.userInfo.username.startsWith("
                f"'system:serviceaccount:{OPERATOR_NAMESPACE}:')",
                "message": "StatefulSets are frozen this week",
            }
        ],
    }
    place = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": place},
    }
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    try:
        for kind, spec in zip(kinds, (policy, binding), strict=True):
            version = "admissionregistration.k8s.io/v1"
            target.apply(
                {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
            )
        yield name
    finally:
        for kind in kinds:
            target.run("delete", kind, name, "--ignore-not-found")


def version_of(cluster: Cluster) -> str:
    metadata = cluster.read("get", "statefulset", "c")["metadata"]
    return str(metadata["generation"])


@pytest.mark.situation(
    "coexist",
    "a webhook adds a label, a sidecar and variables to every StatefulSet, in a restricted "
    "namespace with a quota and limits",
    "the cluster is Ready; what etcd would read is named with its field, and nothing is written on",
)
def test_a_cluster_beside_a_mutating_webhook(cluster: Cluster, webhook: None) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    message = cluster.wait_reason("ChangedByOthers", "ChangedByOthers", 60)
    assert "spec.template.spec.containers[etcd].env[ETCD_QUOTA_BACKEND_BYTES]" in message
    assert "admission webhook" in message
    cluster.wait_running(1)
    assert cluster.condition("Ready")["status"] == "True"
    before = version_of(cluster)
    time.sleep(QUIET_SECONDS)
    assert version_of(cluster) == before, "nothing is written on and on"
    template = cluster.read("get", "statefulset", "c")["spec"]["template"]
    assert template["metadata"]["labels"]["mesh"] == "on"
    assert [c["name"] for c in template["spec"]["containers"]] == ["etcd", "proxy"]
    assert cluster.pod("c-0")["metadata"]["labels"]["mesh"] == "on"
    cluster.put("key", "value")


@pytest.mark.situation(
    "coexist",
    "fields are set that Kubernetes allows only instead of the operator's; "
    "`kubectl rollout restart`",
    "ours are back at once; the Pods are replaced by the operator's own careful roll",
)
def test_edits_that_contradict_and_a_rollout_restart(cluster: Cluster) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    strategy = {"spec": {"updateStrategy": {"type": "RollingUpdate"}}}
    budget = {"spec": {"maxUnavailable": None, "minAvailable": 1}}
    with as_foreseen(cluster):
        cluster.kubectl("patch", "pdb", "c", "--type=merge", f"--patch={json.dumps(budget)}")
        wait_until(
            "the budget is as before",
            lambda: cluster.read("get", "pdb", "c")["spec"]["maxUnavailable"] == 1,
            SOON,
        )
    cluster.kubectl("patch", "statefulset", "c", f"--patch={json.dumps(strategy)}")
    cluster.kubectl("set", "env", "statefulset/c", "--containers=etcd", "POD_NAME=x", "ETCD_NAME=y")

    def healed() -> bool:
        spec = cluster.read("get", "statefulset", "c")["spec"]
        variable, *added = spec["template"]["spec"]["containers"][0]["env"]
        ours = not added and "valueFrom" in variable
        return ours and spec["updateStrategy"] == {"type": "OnDelete"}

    wait_until("the StatefulSet is as before", healed, SOON)
    cluster.wait_running(1)
    uid = cluster.uids("pods")["c-0"]
    with as_foreseen(cluster):
        cluster.kubectl("rollout", "restart", "statefulset/c")
        wait_until("another Pod is there", lambda: cluster.uids("pods").get("c-0", uid) != uid)
        cluster.wait_running(1)
    before = version_of(cluster)
    time.sleep(QUIET_SECONDS)
    assert version_of(cluster) == before
    assert cluster.condition("Degraded")["status"] == "False"


@pytest.mark.situation(
    "coexist",
    "a ValidatingAdmissionPolicy refuses every change of StatefulSets",
    "it is said in Kubernetes' words; the rest of the cluster is looked after as before",
)
def test_a_policy_that_refuses_one_kind(cluster: Cluster, frozen: str) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    _wait_until_frozen(cluster)
    cluster.patch(
        resources={"requests": {"cpu": "11m", "memory": "32Mi"}, "limits": {"memory": "512Mi"}}
    )
    message = cluster.wait_reason("Degraded", "RefusedByKubernetes", 30)
    assert frozen in message
    assert "StatefulSet c" in message
    uid = cluster.uids("service")["c-client"]
    cluster.kubectl("delete", "service", "c-client", "--wait=false")
    wait_until(
        "the Service is there again",
        lambda: cluster.uids("service").get("c-client", uid) != uid,
        SOON,
    )
    cluster.kubectl("delete", "ValidatingAdmissionPolicyBinding", frozen)
    wait_until(
        "the Pod has what the spec asks for",
        lambda: (
            cluster.pod("c-0")["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "11m"
        ),
        90,
    )
    cluster.wait_running(1)


def _wait_until_frozen(cluster: Cluster) -> None:
    """A policy is in force some seconds after it was written."""
    user = f"--as=system:serviceaccount:{OPERATOR_NAMESPACE}:etcd-operator"

    def refused() -> bool:
        try:
            cluster.kubectl("label", "statefulset", "c", "a=b", "--dry-run=server", user)
        except TargetError as error:
            return "frozen" in str(error)
        return False

    wait_until("the policy is in force", refused)

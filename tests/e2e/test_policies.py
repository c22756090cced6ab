"""A namespace as companies have it: quota, limits, restricted Pods, a label that all must have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from deploy.target import Target, TargetError
from etcd_operator.json_types import Json
from tests.e2e.backup_harness import Task
from tests.e2e.harness import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


# The IDs that OpenShift gives a Pod which asks for none: Jobs run as members do.
OPENSHIFT = {"runAsUser": 1000680000, "runAsGroup": 0, "fsGroup": 1000680000}
LABEL = "example.com/owner"
LABELS = {LABEL: "storage"}
ADMISSION = "admissionregistration.k8s.io/v1"
GUARDED = {
    "": ["pods", "services", "configmaps", "secrets", "persistentvolumeclaims"],
    "apps": ["statefulsets", "controllerrevisions"],
    "batch": ["jobs"],
    "discovery.k8s.io": ["endpointslices"],
    "etcd.etcd.io": ["etcdclusters", "etcdbackups", "etcdrestores"],
    "networking.k8s.io": ["networkpolicies"],
    "policy": ["poddisruptionbudgets"],
}


@contextmanager
def labels_required(target: Target, namespace: str) -> Iterator[None]:
    """Nothing is created or changed in the namespace without the label."""
    name = f"{namespace}-owner"
    rules = [
        {
            "apiGroups": [group],
            "apiVersions": ["*"],
            "resources": resources,
            "operations": ["CREATE", "UPDATE"],
        }
        for group, resources in GUARDED.items()
    ]
    has_label = f"has(object.metadata.labels) && '{LABEL}' in object.metadata.labels"
    message = f"every object needs the label {LABEL}"
    policy = {
        "apiVersion": ADMISSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": rules},
            "validations": [{"expression": has_label, "message": message}],
        },
    }
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    binding = {
        "apiVersion": ADMISSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": selector},
        },
    }
    target.apply(policy, binding)
    try:
        wait_until("the policy is enforced", lambda: _refuses(target, namespace), 30)
        yield
    finally:
        kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings"
        target.run("delete", kinds, name, "--ignore-not-found")


def _refuses(target: Target, namespace: str) -> bool:
    try:
        target.run("create", "configmap", "probe", f"--namespace={namespace}", "--dry-run=server")
    except TargetError as error:
        return LABEL in str(error)
    return False


def limit(target: Target, namespace: str) -> None:
    """Give the namespace a quota on requests and limits, and limits of each container."""
    hard = {
        "requests.cpu": "4",
        "requests.memory": "4Gi",
        "limits.cpu": "8",
        "limits.memory": "8Gi",
    }
    bounds = {
        "type": "Container",
        "min": {"cpu": "10m", "memory": "16Mi"},
        "max": {"cpu": "1", "memory": "512Mi"},
    }
    metadata = {"name": "team", "namespace": namespace, "labels": LABELS}
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
    }
    target.apply(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}},
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": metadata,
            "spec": {"limits": [bounds]},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {**metadata, "name": "archive"},
            "spec": claim,
        },
    )


def make(target: Target, namespace: str, kind: str, name: str, **spec: Any) -> Task:
    """Create an EtcdBackup or an EtcdRestore with the label."""
    target.apply(
        {
            "apiVersion": "etcd.etcd.io/v1alpha1",
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace, "labels": LABELS},
            "spec": spec,
        }
    )
    return Task(target, namespace, kind, name)


def find_unlabelled(target: Target, namespace: str) -> list[str]:
    """The objects of the guarded kinds without the label."""
    kinds = ",".join(
        f"{resource}.{group}" if group else resource
        for group, resources in GUARDED.items()
        for resource in resources
    )
    found = target.read("get", kinds, f"--namespace={namespace}")["items"]
    return [
        f"{item['kind']} {item['metadata']['name']}"
        for item in found
        if LABEL not in (item["metadata"].get("labels") or {})
        and item["metadata"]["name"] != "kube-root-ca.crt"
    ]


@pytest.mark.situation(
    "coexist",
    "quota on limits, LimitRange, restricted Pods, IDs of OpenShift, labels that all must have",
    "created, backed up and restored; what is refused is said within 30 s; ends with its namespace",
)
def test_a_cluster_lives_under_every_policy_at_once(target: Target, namespace: str) -> None:
    """Created, backed up, restored; what is refused is said by the condition; the end comes."""
    limit(target, namespace)
    cluster = Cluster(target, namespace, "db")
    backup = {"clusterName": "db", "storageType": "Local", "local": {"claimName": "archive"}}
    with labels_required(target, namespace):
        manifest = cluster.manifest()
        manifest["metadata"]["labels"] = LABELS
        spec: Json = {
            "size": 1,
            "version": "v3.6.16",
            "storage": {"size": "1Gi"},
            "resources": {
                "requests": {"cpu": "10m", "memory": "32Mi"},
                "limits": {"cpu": "1", "memory": "512Mi"},
            },
            "security": {"tls": {}, "networkPolicy": {}},
            "inheritedMetadata": {"labels": LABELS},
            "podTemplate": {"securityContext": OPENSHIFT},
        }
        manifest["spec"] = {**spec, "podTemplate": {**spec["podTemplate"], "affinity": _apart()}}
        target.apply(manifest)
        cluster.wait_running(1)

        large = {"resources": {"limits": {"cpu": "1", "memory": "64Gi"}}}
        refused = make(target, namespace, "EtcdBackup", "large", **backup, jobTemplate=large)
        wait_until("the refusal is said", lambda: _is_blocked(refused), 30)
        said = refused.condition("Completed")["message"]
        assert "FailedCreate: Error creating: pods" in said
        assert "maximum memory usage per Container is 512Mi" in said

        make(target, namespace, "EtcdBackup", "once", **backup).wait_completed()
        # With another affinity: one node has no room for both.
        again = {"backupName": "once", "clusterName": "db-again", "clusterTemplate": spec}
        make(target, namespace, "EtcdRestore", "again", **again).wait_completed(60)
        assert find_unlabelled(target, namespace) == []

        cluster.patch(backup={"beforeDeletion": "once"})
        target.run("delete", "namespace", namespace, "--wait=true", "--timeout=90s")


def _is_blocked(task: Task) -> bool:
    return task.condition("Completed").get("reason") == "JobBlocked"


def _apart() -> Json:
    """Keep whatever is etcd from one node."""
    selector = {"matchLabels": {"app.kubernetes.io/instance": "db"}}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": selector}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}

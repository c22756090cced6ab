"""The objects of an installation, as data: CRD, rights, Deployment."""

from __future__ import annotations

from typing import Any, Final

from etcd_operator import __version__
from etcd_operator.api import backup, restore
from etcd_operator.api.cluster import GROUP, PLURAL
from etcd_operator.api.crd import DEFINITIONS, build_crd
from etcd_operator.core.model.naming import OPERATOR_LABELS
from etcd_operator.core.sharding.shards import MOST_SHARDS, ROSTER_NAME, name_lease
from etcd_operator.json_types import Json

NAME: Final = "etcd-operator"
NAMESPACE: Final = "etcd-operator-system"
IMAGE: Final = f"etcd-operator:{__version__}"
PORT: Final = 8081
LABELS: Final = OPERATOR_LABELS  # a NetworkPolicy knows the operator by them

# Exactly what the code asks for; tests/unit/test_rights.py compares.
RULES: Final[list[Json]] = [
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list", "create"]},
    {
        "apiGroups": [""],
        "resources": ["persistentvolumeclaims"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {
        "apiGroups": [""],
        "resources": ["pods"],
        "verbs": ["get", "list", "watch", "patch", "delete"],
    },
    # Who serves is stopped only as far as every PodDisruptionBudget allows.
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    # No right to list or watch them: nobody finds out from the operator which Secrets there are.
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create", "patch"]},
    {
        "apiGroups": [""],
        "resources": ["services"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {
        "apiGroups": [""],
        "resources": ["configmaps"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {
        "apiGroups": ["apps"],
        "resources": ["statefulsets"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {
        "apiGroups": ["policy"],
        "resources": ["poddisruptionbudgets"],
        "verbs": ["get", "list", "watch", "create", "patch"],
    },
    # Of cert-manager, where it is installed and an EtcdCluster names an issuer.
    {
        "apiGroups": ["cert-manager.io"],
        "resources": ["certificates"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {
        "apiGroups": ["networking.k8s.io"],
        "resources": ["networkpolicies"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {
        "apiGroups": [GROUP],
        "resources": [PLURAL],
        "verbs": ["list", "watch", "create", "patch"],
    },
    {"apiGroups": [GROUP], "resources": [f"{PLURAL}/status"], "verbs": ["patch"]},
    # Needed to own objects where the API server enforces blockOwnerDeletion.
    {"apiGroups": [GROUP], "resources": [f"{PLURAL}/finalizers"], "verbs": ["update"]},
    # Whether the client Service has let go of a member that is about to be stopped.
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]},
    # Whether the node of a member that does not come up is gone; asked only about such members.
    {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]},
    # Other CPU and memory of a Pod that runs, where spec.inPlaceResize asks for it.
    {"apiGroups": [""], "resources": ["pods/resize"], "verbs": ["patch"]},
    {
        "apiGroups": ["batch"],
        "resources": ["jobs"],
        "verbs": ["get", "list", "watch", "create", "delete"],
    },
    {"apiGroups": [GROUP], "resources": [backup.PLURAL], "verbs": ["list", "watch", "create"]},
    {"apiGroups": [GROUP], "resources": [f"{backup.PLURAL}/status"], "verbs": ["patch"]},
    # The finalizer, by which a restore in place is undone when its EtcdRestore is deleted.
    {"apiGroups": [GROUP], "resources": [restore.PLURAL], "verbs": ["list", "watch", "patch"]},
    {"apiGroups": [GROUP], "resources": [f"{restore.PLURAL}/status"], "verbs": ["patch"]},
    # The same of its disk; and to keep the disks that a restore in place, or a recovery from a lost
    # majority, sets aside.
    {"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": ["get", "patch"]},
]
# Of no namespace: a Role cannot grant them.
CLUSTER_WIDE: Final = ("nodes", "persistentvolumes")
# What a controller of servicebinding.io needs: its own ClusterRole collects these by a label.
BINDING_RULES: Final[list[Json]] = [
    {"apiGroups": [GROUP], "resources": [PLURAL], "verbs": ["get", "list", "watch"]}
]
LEASE_RULES: Final[list[Json]] = [
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "resourceNames": [*(name_lease(shard) for shard in range(MOST_SHARDS)), ROSTER_NAME],
        "verbs": ["get", "patch"],
    },
]
# Of its own Pod, whose image Jobs have, where the operator does not serve its own namespace.
OWN_POD_RULES: Final[list[Json]] = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]


def build_installation(image: str = IMAGE) -> list[Json]:
    """Everything for an operator that serves all namespaces."""
    return _build(image, "Cluster")


def build_namespaced_installation(image: str = IMAGE) -> list[Json]:
    """Everything for an operator that serves its own namespace, without any cluster-wide right."""
    return _build(image, "")


def _build(image: str, scope: str) -> list[Json]:
    role = f"{scope}Role"
    rules = [rule for rule in RULES if scope or rule["resources"][0] not in CLUSTER_WIDE]
    return [
        _build_namespace(),
        *(build_crd(definition) for definition in DEFINITIONS),
        _object("v1", "ServiceAccount", NAME),
        _object("rbac.authorization.k8s.io/v1", role, NAME, rules=rules),
        _bind(f"{role}Binding", role, NAME),
        *([_build_binding_role()] if scope else []),
        *_build_lease_role(),
        _build_deployment(image, watch_own_namespace=not scope),
        _build_disruption_budget(),
    ]


def _object(api_version: str, kind: str, name: str, **body: Any) -> Json:
    cluster_wide = kind in ("Namespace", "ClusterRole", "ClusterRoleBinding")
    place = {} if cluster_wide else {"namespace": NAMESPACE}
    metadata = {"name": name, **place, "labels": dict(LABELS)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def _build_namespace() -> Json:
    namespace = _object("v1", "Namespace", NAMESPACE)
    namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"
    return namespace


def _bind(kind: str, role_kind: str, role: str) -> Json:
    return _object(
        "rbac.authorization.k8s.io/v1",
        kind,
        role,
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role},
        subjects=[{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
    )


def _build_binding_role() -> Json:
    role = _object(
        "rbac.authorization.k8s.io/v1", "ClusterRole", f"{NAME}-service-binding",
        rules=BINDING_RULES,
    )  # fmt: skip
    role["metadata"]["labels"]["servicebinding.io/controller"] = "true"
    return role


def _build_lease_role() -> list[Json]:
    name = f"{NAME}-lease"
    return [
        _object("rbac.authorization.k8s.io/v1", "Role", name, rules=LEASE_RULES),
        _bind("RoleBinding", "Role", name),
    ]


def _build_disruption_budget() -> Json:
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": dict(LABELS)}}
    return _object("policy/v1", "PodDisruptionBudget", NAME, spec=spec)


def _build_deployment(image: str, *, watch_own_namespace: bool) -> Json:
    return _object(
        "apps/v1",
        "Deployment",
        NAME,
        spec={
            "replicas": 2,
            "selector": {"matchLabels": dict(LABELS)},
            "template": {
                "metadata": {
                    "labels": dict(LABELS),
                    "annotations": {
                        "prometheus.io/scrape": "true",
                        "prometheus.io/port": str(PORT),
                    },
                },
                "spec": _build_pod(image, watch_own_namespace=watch_own_namespace),
            },
        },
    )


def _build_pod(image: str, *, watch_own_namespace: bool) -> Json:
    return {
        "serviceAccountName": NAME,
        "terminationGracePeriodSeconds": 10,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 100,
                        "podAffinityTerm": {
                            "topologyKey": "kubernetes.io/hostname",
                            "labelSelector": {"matchLabels": dict(LABELS)},
                        },
                    }
                ]
            }
        },
        "containers": [_build_container(image, watch_own_namespace=watch_own_namespace)],
    }


def _build_container(image: str, *, watch_own_namespace: bool) -> Json:
    environment = [
        _field("POD_NAME", "metadata.name"),
        _field("POD_NAMESPACE", "metadata.namespace"),
    ]
    if watch_own_namespace:
        environment.append(_field("WATCH_NAMESPACES", "metadata.namespace"))
    return {
        "name": NAME,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": environment,
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        # Liveness begins after it: on a starved node the process may need minutes to start.
        "startupProbe": {
            "httpGet": {"path": "/livez", "port": "http"},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": 300,
        },
        "livenessProbe": {
            "httpGet": {"path": "/livez", "port": "http"},
            "periodSeconds": 10,
            "failureThreshold": 6,
        },
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 2},
        "resources": {
            "requests": {"cpu": "50m", "memory": "96Mi"},
            "limits": {"memory": "512Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }


def _field(name: str, path: str) -> Json:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}

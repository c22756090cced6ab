"""The StatefulSet: parallel, replaced only by us (OnDelete), etcd as PID 1 from a file.

Nothing in the Pod template depends on the size of the cluster or on the EtcdCluster's own labels
and annotations, so neither scaling nor annotating ever rolls a member.
"""

from __future__ import annotations

from typing import Any

from etcd_operator.api.cluster import EtcdClusterSpec, PodTemplate
from etcd_operator.core.layout import Layout
from etcd_operator.core.naming import (
    ANNOTATION_BOOTSTRAP,
    CLIENT_PORT,
    LABEL_ROLE,
    METRICS_PORT,
    PEER_PORT,
    ROLE_VOTER,
    Naming,
)
from etcd_operator.core.render.etcd_config import DATA_MOUNT
from etcd_operator.core.render.metadata import build_object

Json = dict[str, Any]

CONFIG_MOUNT = "/etc/etcd"
NON_ROOT = 65532
# A leader hands over on SIGTERM in milliseconds; the rest is for flushing a slow disk.
GRACE_SECONDS = 30
DEFAULT_RESOURCES: Json = {
    "requests": {"cpu": "100m", "memory": "128Mi"},
    "limits": {"cpu": "1", "memory": "1Gi"},
}


def render_statefulset(
    spec: EtcdClusterSpec, naming: Naming, layout: Layout, live: Json | None
) -> Json:
    """Render the StatefulSet; `live` is the existing one, whose immutable parts are kept."""
    annotations = {}
    if layout.bootstrap is not None:
        annotations[ANNOTATION_BOOTSTRAP] = str(layout.bootstrap)
    body = {
        "replicas": layout.replicas,
        "serviceName": naming.peer_service,
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "OnDelete"},
        # Disks are deleted by the operator, one by one and by uid; never by a controller.
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "selector": {"matchLabels": naming.selector},
        "template": _pod_template(spec, naming),
        "volumeClaimTemplates": [_kept_claim(live) or _claim(spec, naming)],
    }
    return build_object(
        "apps/v1",
        "StatefulSet",
        naming.statefulset,
        naming,
        {"spec": body},
        annotations=annotations,
    )


def _kept_claim(live: Json | None) -> Json | None:
    """The claim template of the live StatefulSet: Kubernetes allows no change of it."""
    templates = (live or {}).get("spec", {}).get("volumeClaimTemplates") or []
    if not templates:
        return None
    live_claim = templates[0]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            key: value
            for key, value in live_claim["metadata"].items()
            if key in ("name", "labels", "annotations")
        },
        "spec": live_claim["spec"],
    }


def _claim(spec: EtcdClusterSpec, naming: Naming) -> Json:
    template = spec.storage.volume_claim_template or {}
    metadata = template.get("metadata") or {}
    wanted: Json = {
        "accessModes": ["ReadWriteOnce"],
        **(template.get("spec") or {}),
    }
    wanted.setdefault("resources", {"requests": {"storage": str(spec.storage.size)}})
    wanted.setdefault("volumeMode", "Filesystem")
    if spec.storage.storage_class_name is not None:
        wanted["storageClassName"] = spec.storage.storage_class_name
    labels = {**(metadata.get("labels") or {}), **naming.labels()}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": "data",
            "labels": labels,
            **({"annotations": metadata["annotations"]} if metadata.get("annotations") else {}),
        },
        "spec": wanted,
    }


def _pod_template(spec: EtcdClusterSpec, naming: Naming) -> Json:
    wishes = spec.pod_template or PodTemplate()
    labels = {**dict(wishes.labels or {}), **naming.labels(), LABEL_ROLE: ROLE_VOTER}
    metadata: Json = {"labels": labels}
    if wishes.annotations:
        metadata["annotations"] = dict(wishes.annotations)
    return {"metadata": metadata, "spec": _pod_spec(spec, naming, wishes)}


def _pod_spec(spec: EtcdClusterSpec, naming: Naming, wishes: PodTemplate) -> Json:
    pod: Json = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": NON_ROOT,
            "runAsGroup": NON_ROOT,
            "fsGroup": NON_ROOT,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
            **dict(wishes.security_context or {}),
        },
        "affinity": dict(wishes.affinity) if wishes.affinity else _spread_over_nodes(naming),
        "containers": [_etcd_container(spec)],
        "volumes": [{"name": "config", "configMap": {"name": naming.config_map}}],
    }
    optional = {
        "nodeSelector": dict(wishes.node_selector or {}),
        "tolerations": list(wishes.tolerations or ()),
        "topologySpreadConstraints": list(wishes.topology_spread_constraints or ()),
        "priorityClassName": wishes.priority_class_name,
        "imagePullSecrets": list(wishes.image_pull_secrets or ()),
        "serviceAccountName": wishes.service_account_name,
    }
    pod.update({key: value for key, value in optional.items() if value})
    return pod


def _spread_over_nodes(naming: Naming) -> Json:
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": naming.selector},
    }
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _etcd_container(spec: EtcdClusterSpec) -> Json:
    return {
        "name": "etcd",
        "image": spec.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/local/bin/etcd"],
        "args": [f"--config-file={CONFIG_MOUNT}/$(POD_NAME).yaml"],
        "env": [{"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [
            {"name": "client", "containerPort": CLIENT_PORT, "protocol": "TCP"},
            {"name": "peer", "containerPort": PEER_PORT, "protocol": "TCP"},
            {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"},
        ],
        "resources": _resources(spec),
        **_probes(spec),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "data", "mountPath": DATA_MOUNT},
            {"name": "config", "mountPath": CONFIG_MOUNT, "readOnly": True},
        ],
    }


def _resources(spec: EtcdClusterSpec) -> Json:
    wanted = spec.resources
    if wanted is None or not (wanted.requests or wanted.limits):
        return DEFAULT_RESOURCES
    chosen = {"requests": dict(wanted.requests or {}), "limits": dict(wanted.limits or {})}
    return {key: value for key, value in chosen.items() if value}


def _probes(spec: EtcdClusterSpec) -> Json:
    """Readiness asks for a linearizable read, liveness never for a quorum.

    /livez and /readyz exist since 3.5.11 and 3.6; before that /health, which for liveness is
    replaced by an open port: restarting members because the majority is away heals nothing.
    """
    modern = spec.release >= (3, 5, 11)
    metrics = {"port": METRICS_PORT, "scheme": "HTTP"}
    alive = {"httpGet": {"path": "/livez", **metrics}} if modern else _open_port()
    ready = {"httpGet": {"path": "/readyz" if modern else "/health", **metrics}}
    return {
        # Replaying a large log may take long: only then does liveness begin to count.
        "startupProbe": {**_open_port(), "periodSeconds": 1, "failureThreshold": 3600},
        "livenessProbe": {**alive, "periodSeconds": 5, "timeoutSeconds": 5, "failureThreshold": 6},
        "readinessProbe": {
            **ready,
            "periodSeconds": 1,
            "timeoutSeconds": 2,
            "failureThreshold": 3,
        },
    }


def _open_port() -> Json:
    return {"tcpSocket": {"port": METRICS_PORT}}

"""The two sides: a StatefulSet as a careful person writes it by hand, and an EtcdCluster."""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.bootstrap.gate import Layout
from etcd_operator.core.model.naming import CLIENT_PORT, PEER_PORT, Naming
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.json_types import Json

DISK: Final = "1Gi"
# Volumes made at once, on both sides. A class that waits for the scheduler costs each new disk
# another second on both, because the scheduler looks for the volume once a second.
STORAGE_CLASS: Final = "immediate"


def build_ours(namespace: str, name: str, version: str, size: int) -> Json:
    """An EtcdCluster as a user writes it, everything else left at its default."""
    return {
        "apiVersion": "etcd.etcd.io/v1alpha1",
        "kind": "EtcdCluster",
        "metadata": {"name": name, "namespace": namespace},
        "spec": _spec(version, size),
    }


def _spec(version: str, size: int) -> Json:
    return {
        "size": size,
        "version": version,
        "storage": {"size": DISK, "storageClassName": STORAGE_CLASS},
    }


def build_floor_service(namespace: str, name: str) -> Json:
    """The headless Service by which the members find each other."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"app": name},
            "ports": [{"name": "client", "port": CLIENT_PORT}, {"name": "peer", "port": PEER_PORT}],
        },
    }


def build_floor(namespace: str, name: str, version: str, size: int) -> Json:
    """The static, parallel StatefulSet.

    What a Pod may do and use, how it is stopped and how often it is probed are taken from our own
    Pod, so that the difference between the sides is what the operator does.
    """
    ours = _render_our_pod(namespace, name, version, size)
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": STORAGE_CLASS,
            "resources": {"requests": {"storage": DISK}},
        },
    }
    pod = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": ours["terminationGracePeriodSeconds"],
        "securityContext": ours["securityContext"],
        "containers": [_floor_container(namespace, name, version, size, ours["containers"][0])],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "serviceName": name,
            "replicas": size,
            "podManagementPolicy": "Parallel",
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"},
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod},
            "volumeClaimTemplates": [claim],
        },
    }


def _floor_container(namespace: str, name: str, version: str, size: int, ours: Json) -> Json:
    period = ours["readinessProbe"]["periodSeconds"]
    return {
        "name": "etcd",
        "image": f"quay.io/coreos/etcd:{version}",
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/local/bin/etcd"],
        "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "args": _floor_arguments(namespace, name, size),
        "resources": ours["resources"],
        "securityContext": ours["securityContext"],
        "readinessProbe": {
            "httpGet": {"path": "/health", "port": CLIENT_PORT},
            "periodSeconds": period,
        },
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }


def _floor_arguments(namespace: str, name: str, size: int) -> list[str]:
    domain = f"{name}.{namespace}.svc.cluster.local"
    members = [f"{name}-{n}=http://{name}-{n}.{domain}:{PEER_PORT}" for n in range(size)]
    return [
        "--name=$(POD)",
        "--data-dir=/data/etcd",
        f"--listen-client-urls=http://0.0.0.0:{CLIENT_PORT}",
        f"--advertise-client-urls=http://$(POD).{domain}:{CLIENT_PORT}",
        f"--listen-peer-urls=http://0.0.0.0:{PEER_PORT}",
        f"--initial-advertise-peer-urls=http://$(POD).{domain}:{PEER_PORT}",
        f"--initial-cluster={','.join(members)}",
        f"--initial-cluster-token={namespace}-{name}",
    ]


def _render_our_pod(namespace: str, name: str, version: str, size: int) -> Json:
    spec = EtcdClusterSpec.model_validate(_spec(version, size))
    layout = Layout((), tuple(range(size)), size, cluster_id=None, bootstrap=size)
    rendered = render_statefulset(spec, Naming(namespace, name, "uid"), layout, None)
    pod: Json = rendered["spec"]["template"]["spec"]
    return pod

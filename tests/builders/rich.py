"""Clusters that use most of the API, for tests of whole manifests."""

from __future__ import annotations

from typing import Any

from tests.builders.certificates import secured
from tests.builders.snapshots import formed, new, with_spec, without_member

RICH: dict[str, Any] = {
    "storage": {
        "size": "20Gi",
        "storageClassName": "fast",
        "volumeClaimTemplate": {"metadata": {"annotations": {"backup": "nightly"}}},
    },
    "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}},
    "podTemplate": {
        "labels": {"team": "storage", "etcd.etcd.io/role": "intruder"},
        "annotations": {"sidecar.istio.io/inject": "false"},
        "nodeSelector": {"disk": "nvme"},
        "tolerations": [{"key": "etcd", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ],
        "priorityClassName": "high",
        "imagePullSecrets": [{"name": "registry"}],
        "serviceAccountName": "etcd",
        "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
    },
    "security": {
        "networkPolicy": {
            "clientFrom": [
                {"podSelector": {"matchLabels": {"app": "web"}}},
                {"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.9.0/24"]}},
            ],
            "metricsFrom": [{"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}],
        }
    },
    "etcdConfig": {
        "quotaBackendBytes": 8589934592,
        "autoCompactionMode": "periodic",
        "autoCompactionRetention": "1h",
        "snapshotCount": 10000,
        "heartbeatInterval": 200,
        "electionTimeout": 2000,
        "maxRequestBytes": 2097152,
    },
}


SCENES = {
    "one-member-3.5": new(1, version="v3.5.21"),
    "three-members-3.6-tuned": new(3, version="3.6.4", repository="registry.local/etcd", **RICH),
    "three-members-tls": secured(3),
    "one-member-metrics-tls": secured(1, metricsTLSEnabled=True),
    "shrink-5-to-3-halfway": without_member(with_spec(formed(5), size=3), 4),
}

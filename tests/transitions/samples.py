"""What the schema cannot tell: values that mean something, and properties that stay as they are."""

from __future__ import annotations

from typing import Any, Final

_NAME_FILE: Final = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
# Valid values of properties whose type says too little.
SAMPLES: Final[dict[str, tuple[Any, ...]]] = {
    "spec.size": (3,),
    "spec.version": ("v3.5.35", "3.5.35"),
    "spec.image": ("quay.io/coreos/etcd:v3.5.21",),
    "spec.storage.size": ("2Gi", "3Gi"),
    "spec.resources.requests": ({"cpu": "12m", "memory": "33Mi"}, {"memory": 64_000_000}),
    "spec.resources.limits": ({"memory": "600Mi"}, {"cpu": "2", "memory": "1Gi"}),
    "spec.podTemplate.labels": ({"team": "a"}, {"team": "b", "tier": "c"}),
    "spec.podTemplate.annotations": ({"example.com/note": "a note"},),
    "spec.podTemplate.nodeSelector": ({"kubernetes.io/os": "linux"},),
    "spec.podTemplate.tolerations": ([{"key": "a", "operator": "Exists"}],),
    "spec.podTemplate.affinity": ({"podAntiAffinity": {}},),
    "spec.podTemplate.topologySpreadConstraints": (
        [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"a": "b"}},
            }
        ],
    ),
    "spec.podTemplate.priorityClassName": ("system-cluster-critical",),
    "spec.podTemplate.imagePullSecrets": ([{"name": "absent"}],),
    "spec.podTemplate.serviceAccountName": ("default",),
    "spec.podTemplate.securityContext": ({"supplementalGroups": [1234]},),
    "spec.podTemplate.schedulerName": ("default-scheduler",),
    "spec.podTemplate.terminationGracePeriodSeconds": (20,),
    "spec.podTemplate.hostAliases": ([{"ip": "10.9.9.9", "hostnames": ["registry.example"]}],),
    "spec.podTemplate.dnsConfig.searches": (["example.com"],),
    "spec.podTemplate.dnsConfig.options": ([{"name": "ndots", "value": "3"}],),
    "spec.podTemplate.env": (
        [{"name": "GOGC", "value": "80"}],
        [
            {
                "name": "GOMEMLIMIT",
                "valueFrom": {
                    "resourceFieldRef": {"containerName": "etcd", "resource": "limits.memory"}
                },
            }
        ],
    ),
    "spec.podTemplate.volumes": (
        [
            {"name": "scratch", "emptyDir": {}},
            {"name": "names", "downwardAPI": {"items": [_NAME_FILE]}},
        ],
    ),
    "spec.podTemplate.livenessProbe.failureThreshold": (90,),
    "spec.podTemplate.readinessProbe.timeoutSeconds": (5,),
    "spec.inheritedMetadata.labels": ({"team": "a"}, {"team": "b", "example.com/cost": "4"}),
    "spec.inheritedMetadata.annotations": ({"example.com/note": "a note, of any form"},),
    "spec.service.annotations": ({"example.com/hostname": "db.example.com"},),
    "spec.service.port": (12379,),
    "spec.security.networkPolicy.clientFrom": (
        [],
        [{"podSelector": {"matchLabels": {"app": "web"}}}],
        [{"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "Exists"}]}}],
        [{"ipBlock": {"cidr": "10.1.0.0/16", "except": ["10.1.9.0/24"]}}],
    ),
    "spec.security.networkPolicy.metricsFrom": (
        [],
        [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
    ),
    "spec.etcdConfig.quotaBackendBytes": (1 << 30,),
    "spec.etcdConfig.autoCompactionRetention": ("2h",),
    "spec.etcdConfig.snapshotCount": (5000,),
    "spec.etcdConfig.heartbeatInterval": (50, 200),
    "spec.etcdConfig.electionTimeout": (2000,),
    "spec.etcdConfig.maxRequestBytes": (1 << 21,),
    "spec.etcdConfig.extraArgs": ({"max-txn-ops": "256"},),
    "spec.recovery.memberReplacementDelay": ("10m",),
    "spec.maintenance.defragmentation.minimumSize": ("200Mi",),
}
# Where the least or the greatest value would not run here: one byte of quota, or of a request.
NO_BOUNDS: Final = (
    "spec.service.port",
    "spec.etcdConfig.quotaBackendBytes",
    "spec.etcdConfig.snapshotCount",
    "spec.etcdConfig.heartbeatInterval",
    "spec.etcdConfig.electionTimeout",
    "spec.etcdConfig.maxRequestBytes",
    "spec.podTemplate.terminationGracePeriodSeconds",
    "spec.podTemplate.livenessProbe.failureThreshold",
    "spec.podTemplate.readinessProbe.timeoutSeconds",
)
# Properties that are shown elsewhere, or that cannot change: each with the reason.
LEFT_OUT: Final = {
    "spec.repository": "needs a second registry",
    "spec.imageCatalogRef": "needs a ConfigMap; shown by the unit tests of image catalogs",
    "spec.bootstrap": "counts only at the beginning; shown in test_take_over",
    "spec.backup": "names an EtcdBackup; shown in test_backup_before",
    "spec.memberAddresses": "Services and certificates; shown in test_expose",
    "spec.service.nodePort": "needs another type; shown in test_expose",
    "spec.service.loadBalancerClass": "needs another type; shown in test_expose",
    "spec.service.ipFamilies": "the first is fixed; shown in test_expose",
    "spec.service.ipFamilyPolicy": "this Kubernetes has one family; shown in test_expose",
    "spec.paused": "stops the operator; shown in test_bad_input",
    "spec.security.tls": "certificates differ from cluster to cluster; shown by the tests of TLS",
    "spec.security.auth": "needs TLS; shown in test_auth",
    "spec.recovery.quorumLoss": "its fields go together; shown in test_quorum_loss",
    "spec.storage.ephemeral": "fixed when it is created; shown in test_ephemeral",
    "spec.storage.storageClassName": "fixed once formed; shown in test_bad_input",
    "spec.storage.volumeAttributesClassName": "needs a CSI driver that changes volumes",
    "spec.maintenance.defragmentation.window": "two fields that need each other",
    "spec.podTemplate.runtimeClassName": "needs a RuntimeClass; rendered in unit tests",
    "spec.podTemplate.dnsPolicy": "None needs name servers; shown in test_pod_fields",
    "spec.podTemplate.dnsConfig.nameservers": "has to answer; shown in test_pod_fields",
    "spec.podTemplate.volumeMounts": "mounts a volume that is given; shown in test_pod_fields",
    "spec.podTemplate.initContainers": "shown in test_pod_fields",
    "spec.podTemplate.containers": "shown in test_pod_fields",
    **{
        f"spec.podTemplate.{probe}.{timing}": "as the one timing of each probe that is changed"
        for probe, timings in (
            ("livenessProbe", ("initialDelaySeconds", "periodSeconds", "timeoutSeconds")),
            ("readinessProbe", ("initialDelaySeconds", "periodSeconds", "failureThreshold")),
        )
        for timing in timings
    },
    "spec.storage.wal": "fixed when it is created; shown in test_wal_disk",
    "spec.storage.volumeClaimTemplate": "fixed once the StatefulSet exists",
}

"""What the schema cannot tell: values that mean something, and properties that stay as they are."""

from __future__ import annotations

from typing import Any, Final

from etcd_operator.json_types import Json

# Stands for the name of the cluster, where two of them cannot have the same value.
THE_NAME: Final = "$NAME"

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
    "spec.podTemplate.volumeMounts": ([{"name": "scratch", "mountPath": "/scratch"}],),
    "spec.podTemplate.livenessProbe.initialDelaySeconds": (1,),
    "spec.podTemplate.livenessProbe.failureThreshold": (90,),
    "spec.podTemplate.readinessProbe.initialDelaySeconds": (2,),
    "spec.podTemplate.readinessProbe.timeoutSeconds": (5,),
    "spec.inheritedMetadata.labels": ({"team": "a"}, {"team": "b", "example.com/cost": "4"}),
    "spec.inheritedMetadata.annotations": ({"example.com/note": "a note, of any form"},),
    "spec.service.annotations": ({"example.com/hostname": "db.example.com"},),
    "spec.service.port": (12379,),
    "spec.service.loadBalancerClass": ("example.com/none",),
    "spec.service.ipFamilies": (["IPv4"],),
    "spec.service.aliases": ([f"{THE_NAME}-old", f"{THE_NAME}-older"],),
    "spec.memberAddresses.names": (["etcd-0.example.com"],),
    "spec.memberAddresses.port": (12379,),
    "spec.memberAddresses.service.annotations": ({"example.com/hostname": "etcd-0.example.com"},),
    "spec.memberAddresses.service.port": (12379,),
    "spec.memberAddresses.service.loadBalancerClass": ("example.com/none",),
    "spec.memberAddresses.service.ipFamilies": (["IPv4"],),
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
    "spec.etcdConfig.quota": ("FollowsDisk",),
    "spec.etcdConfig.autoCompactionRetention": ("2h",),
    "spec.etcdConfig.snapshotCount": (5000,),
    "spec.etcdConfig.heartbeatInterval": (50, 200),
    "spec.etcdConfig.electionTimeout": (2000,),
    "spec.etcdConfig.maxRequestBytes": (1 << 21,),
    "spec.etcdConfig.extraArgs": ({"max-txn-ops": "256"},),
    "spec.recovery.memberReplacementDelay": ("10m",),
    "spec.maintenance.defragmentation.minimumSize": ("200Mi",),
    "spec.maintenance.defragmentation.window.start": ("02:00",),
    "spec.maintenance.defragmentation.window.duration": ("2h",),
}
# What a property needs beside it: the other properties with their values.
TOGETHER: Final[dict[str, Json]] = {
    "spec.podTemplate.volumeMounts": {
        "spec.podTemplate.volumes": [{"name": "scratch", "emptyDir": {}}]
    },
    "spec.service.loadBalancerClass": {"spec.service.type": "LoadBalancer"},
    "spec.service.externalTrafficPolicy": {"spec.service.type": "NodePort"},
    "spec.memberAddresses.port": {"spec.memberAddresses.names": ["etcd-0.example.com"]},
    "spec.memberAddresses.service.loadBalancerClass": {
        "spec.memberAddresses.service.type": "LoadBalancer"
    },
    "spec.memberAddresses.service.externalTrafficPolicy": {
        "spec.memberAddresses.service.type": "NodePort"
    },
    "spec.maintenance.defragmentation.window.duration": {
        "spec.maintenance.defragmentation.window.start": "02:00"
    },
}
# What Kubernetes keeps for as long as a Service is a load balancer: it is set, and taken back, from
# a Service that is none.
BY_WAY_OF_BASE: Final = (
    "spec.service.loadBalancerClass",
    "spec.memberAddresses.service.loadBalancerClass",
)
# Values of an enum that this Kubernetes cannot have: it has addresses of one family.
NOT_HERE: Final[dict[str, tuple[str, ...]]] = {
    "spec.service.ipFamilyPolicy": ("RequireDualStack",),
    "spec.memberAddresses.service.ipFamilyPolicy": ("RequireDualStack",),
}
# Where the least or the greatest value would not run here: one byte of quota, or of a request.
NO_BOUNDS: Final = (
    "spec.service.port",
    "spec.memberAddresses.port",
    "spec.memberAddresses.service.port",
    "spec.etcdConfig.quotaBackendBytes",
    "spec.etcdConfig.snapshotCount",
    "spec.etcdConfig.heartbeatInterval",
    "spec.etcdConfig.electionTimeout",
    "spec.etcdConfig.maxRequestBytes",
    "spec.podTemplate.terminationGracePeriodSeconds",
    "spec.podTemplate.livenessProbe.initialDelaySeconds",
    "spec.podTemplate.livenessProbe.failureThreshold",
    "spec.podTemplate.readinessProbe.initialDelaySeconds",
    "spec.podTemplate.readinessProbe.timeoutSeconds",
)


def _below(path: str, fields: str, reason: str) -> dict[str, str]:
    return {f"{path}.{field}": reason for field in fields.split()}


# Properties that are not changed here: each with the reason, and a test that has it.
LEFT_OUT: Final[dict[str, str]] = {
    "spec.repository": "needs a second registry; shown in unit/core/objects/test_pod_template.py",
    "spec.imageCatalogRef.name": "needs a ConfigMap; shown in unit/core/rollout/test_catalog.py",
    **_below(
        "spec.bootstrap.joinExisting",
        "source.statefulSet source.endpoints takeOver scaleIn",
        "counts only at the beginning; shown in e2e/test_take_over.py",
    ),
    **_below(
        "spec.bootstrap.joinExisting.source",
        "clientPort clientCertificateSecret",
        "counts only at the beginning; shown in unit/runtime/engine/test_source.py",
    ),
    "spec.bootstrap.joinExisting.source.peerCASecret": (
        "counts only at the beginning; shown in unit/core/certificates/test_handed_over.py"
    ),
    **_below(
        "spec.bootstrap.mirror",
        "source.endpoints source.passwordSecret prefix leasedKeys",
        "counts only at the beginning; shown in e2e/test_mirror.py",
    ),
    **_below(
        "spec.bootstrap.mirror.source",
        "clientCertificateSecret caSecret",
        "counts only at the beginning; shown in unit/core/mirror/test_job.py",
    ),
    "spec.storage.storageClassName": "fixed once formed; shown in e2e/test_bad_input.py",
    **_below(
        "spec.storage",
        "volumeAttributesClassName wal.volumeAttributesClassName",
        "needs a CSI driver that changes volumes; shown in unit/core/storage/test_attributes.py",
    ),
    **_below(
        "spec.storage.volumeClaimTemplate.spec",
        "volumeName dataSource dataSourceRef",
        "is always refused; shown in e2e/test_cel.py",
    ),
    "spec.storage.wal.storageClassName": (
        "fixed when it is created; shown in unit/core/objects/test_two_disks.py"
    ),
    "spec.storage.wal.size": "fixed when it is created; shown in e2e/test_wal_disk.py",
    **_below(
        "spec.storage.ephemeral",
        "medium sizeLimit",
        "fixed when it is created; shown in e2e/test_ephemeral.py",
    ),
    **_below(
        "spec.security.tls",
        "clientTLSEnabled metricsTLSEnabled certificateSecret caSecret "
        "certificateLifetime caGeneration caOverlap",
        "certificates differ from cluster to cluster; shown in e2e/test_tls.py",
    ),
    "spec.security.tls.peerTLSEnabled": (
        "certificates differ from cluster to cluster; shown in e2e/test_peer_tls.py"
    ),
    "spec.security.tls.clientTLSMode": (
        "certificates differ from cluster to cluster; shown in e2e/test_client_tls.py"
    ),
    **_below(
        "spec.security.tls",
        "enabled autoTLS serverNames",
        "certificates differ from cluster to cluster; shown in unit/api/test_validation.py",
    ),
    **_below(
        "spec.security.tls.issuerRef",
        "name kind group",
        "needs cert-manager; shown in unit/core/certificates/test_cert_manager.py",
    ),
    **_below(
        "spec.security.tls.peerIssuerRef",
        "name kind group",
        "needs cert-manager; shown in unit/core/certificates/test_peer_issuer.py",
    ),
    **_below(
        "spec.security.auth",
        "enabled roles users",
        "cannot be removed again; shown in e2e/test_auth.py",
    ),
    **_below(
        "spec.security.auth",
        "mode rootPasswordSecret",
        "cannot be removed again; shown in unit/core/auth/test_login.py",
    ),
    **_below(
        "spec.security.auth.jwt",
        "keySecret keyFile signMethod lifetime",
        "cannot be removed again; shown in unit/core/auth/test_signed_tokens.py",
    ),
    "spec.service.nodePort": "no two Services have it; shown in e2e/test_expose.py",
    "spec.memberAddresses.service.nodePort": "is always refused; shown in e2e/test_cel.py",
    "spec.podTemplate.runtimeClassName": (
        "needs a RuntimeClass; shown in unit/core/objects/test_pod_additions.py"
    ),
    "spec.podTemplate.dnsPolicy": "None needs name servers; shown in e2e/test_pod_fields.py",
    **_below(
        "spec.podTemplate",
        "dnsConfig.nameservers initContainers containers",
        "has to answer or to run; shown in e2e/test_pod_fields.py",
    ),
    **_below(
        "spec.podTemplate",
        "livenessProbe.periodSeconds livenessProbe.timeoutSeconds readinessProbe.periodSeconds "
        "readinessProbe.failureThreshold",
        "as the timings that are changed; shown in e2e/test_pod_fields.py",
    ),
    **_below(
        "spec.recovery.quorumLoss",
        "clusterID acceptedRevision",
        "its fields go together; shown in e2e/test_quorum_loss.py",
    ),
    **_below(
        "spec.backup",
        "beforeUpgrade beforeDeletion",
        "names an EtcdBackup; shown in e2e/test_backup_before.py",
    ),
    "spec.backup.beforeTakeOver": (
        "names an EtcdBackup; shown in unit/core/required_backup/test_take_over.py"
    ),
    "spec.paused": "stops the operator; shown in e2e/test_roll.py",
}

"""The StatefulSet: parallel, replaced only by us (OnDelete), etcd as PID 1 from a file.

Nothing in the Pod template depends on the size of the cluster or on the EtcdCluster's own labels
and annotations, so neither scaling nor annotating ever rolls a member.
"""

from __future__ import annotations

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.disk import Storage
from etcd_operator.api.pod_template import (
    LIVENESS_FAILURES,
    LIVENESS_PERIOD,
    OWN_CONTAINER,
    OWN_VARIABLE,
    PodTemplate,
)
from etcd_operator.api.wal import WAL_MOUNT, WalVolume
from etcd_operator.core.bootstrap.gate import Layout
from etcd_operator.core.model.issuer_stage import ANNOTATION_ISSUER_CHANGE
from etcd_operator.core.model.members import format_id
from etcd_operator.core.model.naming import (
    ANNOTATION_BOOTSTRAP,
    ANNOTATION_CLAIM_METADATA,
    ANNOTATION_CLIENT_TLS,
    ANNOTATION_CLUSTER_ID,
    ANNOTATION_CONFIG,
    ANNOTATION_IMAGE_VERSION,
    ANNOTATION_SERVED,
    ANNOTATION_TRUST,
    CLIENT_PORT,
    DATA_TEMPLATE,
    FORCED,
    LABEL_ROLE,
    METRICS_PORT,
    PEER_PORT,
    ROLE_VOTER,
    WAL_TEMPLATE,
    Naming,
)
from etcd_operator.core.model.peer_stage import ANNOTATION_PEER_TLS
from etcd_operator.core.model.template import find_claim_template
from etcd_operator.core.objects.etcd_config import DATA_MOUNT, name_metrics_ports, render_tuning
from etcd_operator.core.objects.metadata import build_object, fingerprint
from etcd_operator.core.objects.operator_upgrade import record_template
from etcd_operator.core.objects.pod_additions import (
    render_all,
    render_containers,
    render_placement,
    render_timings,
)
from etcd_operator.core.objects.resizable import record_resizable
from etcd_operator.core.objects.resources import find_resources, render_resources
from etcd_operator.core.objects.security_context import render_security_context
from etcd_operator.core.objects.tls import CONFIG_MOUNT, render_mounts, render_volumes
from etcd_operator.core.quorum_loss.record import Stage
from etcd_operator.json_types import Json

# A leader hands over on SIGTERM in milliseconds; the rest is for flushing a slow disk.
GRACE_SECONDS = 30
# A linearizable read, also by a learner. A quota that is used up stops writes, and must not take
# reads out of the Service.
READINESS_PATH = "/health?exclude=NOSPACE"
# Fields of the spec that the template is made of.
_IN_TEMPLATE = frozenset(
    {"version", "repository", "image", "podTemplate", "resources", "etcdConfig"}
)


def render_statefulset(
    spec: EtcdClusterSpec, naming: Naming, layout: Layout, live: Json | None, trust: str = ""
) -> Json:
    """Render the StatefulSet; `live` is the existing one, whose immutable parts are kept.

    `trust` names the authorities that members trust: others are another template.
    """
    template = _pod_template(spec, naming, trust, forced=_is_forced(layout))
    asked = fingerprint(_asked_for(spec, naming, trust, forced=_is_forced(layout)))
    annotations = _records(spec, layout) | record_template(fingerprint(template), asked, live)
    if spec.storage.ephemeral is None:
        annotations |= _record_claim_metadata(naming, live)
    annotations |= record_resizable(spec, template, live)
    body = {
        "replicas": layout.replicas,
        "serviceName": naming.peer_service,
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "OnDelete"},
        # Disks are deleted by the operator, one by one and by uid; never by a controller.
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        "selector": {"matchLabels": naming.selector},
        "template": template,
    }
    if spec.storage.ephemeral is None:
        body["volumeClaimTemplates"] = [
            _kept_claim(live, wal=wal) or render_claim(spec, naming, wal=wal)
            for wal in ((False, True) if spec.storage.wal else (False,))
        ]
    if layout.recovery:
        body["ordinals"] = {"start": layout.recovery.ordinal}
    return build_object(
        "apps/v1",
        "StatefulSet",
        naming.statefulset,
        naming,
        {"spec": body},
        annotations=annotations,
    )


def _records(spec: EtcdClusterSpec, layout: Layout) -> dict[str, str]:
    """Annotations of the object and not of its template: a record must not roll a Pod."""
    records = {}
    if layout.cluster_id is not None:
        records[ANNOTATION_CLUSTER_ID] = format_id(layout.cluster_id)
    if spec.image:
        records[ANNOTATION_IMAGE_VERSION] = spec.tag
    if layout.bootstrap is not None:
        records[ANNOTATION_BOOTSTRAP] = str(layout.bootstrap)
    if layout.served:
        records[ANNOTATION_SERVED] = "true"
    return records


def hash_claim_metadata(naming: Naming) -> str:
    """Return a hash of what disks to come are handed down; empty for nothing."""
    handed_down = [sorted(naming.inherited_labels), sorted(naming.inherited_annotations)]
    return fingerprint(handed_down) if any(handed_down) else ""


def _record_claim_metadata(naming: Naming, live: Json | None) -> dict[str, str]:
    """Record of what the claim template was made with: it stays, as the template does."""
    if live is None:
        recorded = hash_claim_metadata(naming)
    else:
        known = live["metadata"].get("annotations") or {}
        recorded = str(known.get(ANNOTATION_CLAIM_METADATA, ""))
    return {ANNOTATION_CLAIM_METADATA: recorded} if recorded else {}


def _is_forced(layout: Layout) -> bool:
    return layout.recovery is not None and layout.recovery.stage is Stage.FORCE


def _asked_for(spec: EtcdClusterSpec, naming: Naming, trust: str, *, forced: bool) -> list[object]:
    """What the template is made of; the stage of TLS between members only once there was one."""
    stage = naming.peer_stage.text
    return [_fields_for(spec), trust, forced, *([stage] if stage else [])]


def _fields_for(spec: EtcdClusterSpec) -> Json:
    """Fields of the spec that the template is made of."""
    written: Json = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    security = written.get("security") or {}
    asked = {"tls": security.get("tls")}
    if jwt := (security.get("auth") or {}).get("jwt"):
        asked["jwt"] = jwt
    if spec.storage.ephemeral is not None:
        asked["ephemeral"] = written["storage"]["ephemeral"]
    return {**asked, **{key: written[key] for key in _IN_TEMPLATE & written.keys()}}


def _kept_claim(live: Json | None, *, wal: bool) -> Json | None:
    """The claim template of the live StatefulSet: Kubernetes allows no change of it."""
    live_claim = find_claim_template(live or {}, wal=wal)
    if live_claim is None:
        return None
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


def render_claim(spec: EtcdClusterSpec, naming: Naming, *, wal: bool = False) -> Json:
    """Render the template of the members' disks: of those with the data, or of the logs'."""
    template = {} if wal else spec.storage.volume_claim_template or {}
    metadata = template.get("metadata") or {}
    wanted = _wal_disk(spec) if wal else _data_disk(spec, template)
    inherited = dict(naming.inherited_labels)
    labels = {**inherited, **(metadata.get("labels") or {}), **naming.own_labels()}
    annotations = {**dict(naming.inherited_annotations), **(metadata.get("annotations") or {})}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": WAL_TEMPLATE if wal else DATA_TEMPLATE,
            "labels": labels,
            **({"annotations": annotations} if annotations else {}),
        },
        "spec": wanted,
    }


def _data_disk(spec: EtcdClusterSpec, template: Json) -> Json:
    wanted: Json = {
        "accessModes": ["ReadWriteOnce"],
        **(template.get("spec") or {}),
    }
    wanted["resources"] = {"requests": {"storage": str(spec.storage.requested)}}
    wanted.setdefault("volumeMode", "Filesystem")
    return {**wanted, **_name_classes(spec.storage)}


def _wal_disk(spec: EtcdClusterSpec) -> Json:
    return {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": str(spec.storage.requested_wal)}},
        "volumeMode": "Filesystem",
        **(_name_classes(spec.storage.wal) if spec.storage.wal else {}),
    }


def _name_classes(disk: Storage | WalVolume) -> Json:
    named = {
        "storageClassName": disk.storage_class_name,
        "volumeAttributesClassName": disk.volume_attributes_class_name,
    }
    return {field: name for field, name in named.items() if name is not None}


def _pod_template(spec: EtcdClusterSpec, naming: Naming, trust: str, *, forced: bool) -> Json:
    wishes = spec.pod_template or PodTemplate()
    labels = {
        **dict(naming.inherited_labels),
        **dict(wishes.labels or {}),
        **naming.own_labels(),
        LABEL_ROLE: ROLE_VOTER,
    }
    annotations = {**dict(naming.inherited_annotations), **dict(wishes.annotations or {})}
    if tuning := render_tuning(spec):
        # etcd reads its file only when it starts: another meaning has to be another template.
        annotations[ANNOTATION_CONFIG] = fingerprint(tuning)
    if trust:
        annotations[ANNOTATION_TRUST] = trust
    if spec.client_tls_mode is ClientTls.PERMISSIVE:
        annotations[ANNOTATION_CLIENT_TLS] = ClientTls.PERMISSIVE.value
    if stage := naming.peer_stage.text:
        annotations[ANNOTATION_PEER_TLS] = stage
    if spec.client_tls and (change := naming.issuer_stage.change):
        annotations[ANNOTATION_ISSUER_CHANGE] = str(change)
    metadata: Json = {"labels": labels, **({"annotations": annotations} if annotations else {})}
    pod = _pod_spec(spec, naming, wishes)
    if forced:
        pod["containers"][0]["args"] = [f"--config-file={CONFIG_MOUNT}/$(POD_NAME){FORCED}.yaml"]
    return {"metadata": metadata, "spec": pod}


def _pod_spec(spec: EtcdClusterSpec, naming: Naming, wishes: PodTemplate) -> Json:
    pod: Json = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # Named also where nobody asks for one: Kubernetes would put one that was removed back from
        # the field's older name, `serviceAccount`, which it fills in itself.
        "serviceAccountName": wishes.service_account_name or "default",
        "terminationGracePeriodSeconds": (wishes.termination_grace_period_seconds or GRACE_SECONDS),
        "securityContext": render_security_context(wishes.security_context),
        "affinity": dict(wishes.affinity) if wishes.affinity else _spread_over_nodes(naming),
        "containers": [
            _etcd_container(spec, naming, wishes),
            *render_containers(wishes.containers),
        ],
        "volumes": [
            {"name": "config", "configMap": {"name": naming.config_map}},
            *_render_data(spec),
            *render_volumes(spec, naming),
            *render_all(wishes.volumes),
        ],
        **render_placement(wishes),
    }
    optional = {
        "nodeSelector": dict(wishes.node_selector or {}),
        "tolerations": list(wishes.tolerations or ()),
        "topologySpreadConstraints": list(wishes.topology_spread_constraints or ()),
        "priorityClassName": wishes.priority_class_name,
        "imagePullSecrets": list(wishes.image_pull_secrets or ()),
        "initContainers": render_containers(wishes.init_containers),
    }
    pod.update({key: value for key, value in optional.items() if value})
    return pod


def _render_data(spec: EtcdClusterSpec) -> list[Json]:
    """Render the volume with the data, where it is not a claim of the StatefulSet's own."""
    wanted = spec.storage.ephemeral
    if wanted is None:
        return []
    made: Json = {"medium": wanted.medium} if wanted.medium else {}
    if wanted.size_limit is not None:
        made["sizeLimit"] = str(wanted.size_limit)
    return [{"name": "data", "emptyDir": made}]


def _spread_over_nodes(naming: Naming) -> Json:
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": naming.selector},
    }
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


def _etcd_container(spec: EtcdClusterSpec, naming: Naming, wishes: PodTemplate) -> Json:
    return {
        "name": OWN_CONTAINER,
        "image": str(spec.etcd_image),
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/local/bin/etcd"],
        "args": [f"--config-file={CONFIG_MOUNT}/$(POD_NAME).yaml"],
        "env": [
            {"name": OWN_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            *render_all(wishes.env),
        ],
        "ports": [
            {"name": "client", "containerPort": CLIENT_PORT, "protocol": "TCP"},
            {"name": "peer", "containerPort": PEER_PORT, "protocol": "TCP"},
            *(
                {"name": name, "containerPort": number, "protocol": "TCP"}
                for name, number in name_metrics_ports(spec).items()
            ),
        ],
        "resources": render_resources(find_resources(spec)),
        # The last lines of a member that failed say why; status repeats them.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **_probes(spec, wishes),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": DATA_TEMPLATE, "mountPath": DATA_MOUNT},
            *([{"name": WAL_TEMPLATE, "mountPath": WAL_MOUNT}] if spec.storage.wal else []),
            {"name": "config", "mountPath": CONFIG_MOUNT, "readOnly": True},
            *render_mounts(spec, naming),
            *render_all(wishes.volume_mounts),
        ],
    }


def _probes(spec: EtcdClusterSpec, wishes: PodTemplate) -> Json:
    """Readiness asks for a linearizable read, liveness never for a quorum.

    /livez exists since 3.5.11; before that an open port has to do: restarting members because the
    majority is away heals nothing.

    No startup probe: it cannot ask more often than once a second, and readiness waits for it.
    Instead liveness is patient: replaying a large log may take minutes, and a member that hangs is
    seen by the others, by readiness and by us long before a restart could help.
    """
    modern = spec.release >= (3, 5, 11)
    alive = {"httpGet": {"path": "/livez", "port": METRICS_PORT, "scheme": "HTTP"}}
    # Readiness asks at the port for clients: etcd listens there from the start but answers only
    # when it serves, so the first probe waits and succeeds. The port for metrics says no at once,
    # and the kubelet asks again a second later. With TLS it has to do: the kubelet has no
    # certificate to show. /readyz says no to a learner, which costs that second again after the
    # vote; what keeps learners from clients is the label that the Service selects by.
    port = METRICS_PORT if spec.client_tls else CLIENT_PORT
    ready = {"httpGet": {"path": READINESS_PATH, "port": port, "scheme": "HTTP"}}
    return {
        "livenessProbe": {
            **(alive if modern else _open_port()),
            "periodSeconds": LIVENESS_PERIOD,
            "timeoutSeconds": 5,
            "failureThreshold": LIVENESS_FAILURES,
            **render_timings(wishes.liveness_probe),
        },
        "readinessProbe": {
            **ready,
            "periodSeconds": 1,
            "timeoutSeconds": 3,
            "failureThreshold": 2,
            **render_timings(wishes.readiness_probe),
        },
    }


def _open_port() -> Json:
    return {"tcpSocket": {"port": METRICS_PORT}}

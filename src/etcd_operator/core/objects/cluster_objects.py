"""The small objects of a cluster: two Services, the ConfigMap, the PodDisruptionBudget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.service import WITH_NODE_PORTS, ServiceTemplate
from etcd_operator.core.bootstrap.gate import Layout
from etcd_operator.core.certificates.tls_record import describe_tls
from etcd_operator.core.model.aliases import ALIAS
from etcd_operator.core.model.issuer_stage import ANNOTATION_ISSUER_STAGE
from etcd_operator.core.model.members import format_id
from etcd_operator.core.model.naming import (
    ANNOTATION_ANNOUNCED,
    ANNOTATION_BOOTSTRAP,
    ANNOTATION_CLUSTER_ID,
    ANNOTATION_DIFFERED,
    ANNOTATION_MEMBERS,
    ANNOTATION_RECOVERED,
    ANNOTATION_RECOVERY,
    ANNOTATION_SERVED,
    ANNOTATION_SPENT,
    ANNOTATION_TLS,
    ANNOTATION_TRUST,
    ANNOTATION_VERSION,
    CLIENT_PORT,
    LABEL_ROLE,
    PEER_PORT,
    ROLE_LEAVING,
    ROLE_VOTER,
    Naming,
)
from etcd_operator.core.model.peer_stage import ANNOTATION_PEER_TLS
from etcd_operator.core.objects.etcd_config import (
    name_metrics_ports,
    render_configs,
    render_kept_configs,
)
from etcd_operator.core.objects.metadata import build_object
from etcd_operator.core.takeover.record import ANNOTATION_AWAY, ANNOTATION_TAKE_OVER
from etcd_operator.json_types import Json

# Kubernetes' own, on each Pod of a StatefulSet.
LABEL_POD_NAME: Final = "statefulset.kubernetes.io/pod-name"
# One of fewer is a majority's.
LEAST_VOTERS: Final = 3

_KEPT_ANNOTATIONS = (
    ANNOTATION_CLUSTER_ID,
    ANNOTATION_MEMBERS,
    ANNOTATION_ANNOUNCED,
    ANNOTATION_BOOTSTRAP,
    ANNOTATION_VERSION,
    ANNOTATION_RECOVERED,
    ANNOTATION_SPENT,
    ANNOTATION_DIFFERED,
    ANNOTATION_TAKE_OVER,
    ANNOTATION_AWAY,
)


# Both addresses where the cluster has both, else the one that there is: clients may have either.
_BOTH_FAMILIES = "PreferDualStack"


def render_peer_service(spec: EtcdClusterSpec, naming: Naming) -> Json:
    """Render the headless Service: members must find each other before they are ready.

    It has the ports for metrics by name, for those who scrape by Services.
    """
    ports = {"peer": PEER_PORT, **name_metrics_ports(spec)}
    body = {
        "clusterIP": "None",
        "ipFamilyPolicy": _BOTH_FAMILIES,
        "publishNotReadyAddresses": True,
        "selector": naming.selector,
        "ports": [_port(name, number) for name, number in ports.items()],
    }
    return build_object(
        "v1", "Service", naming.peer_service, naming, {"spec": body}, component="peer"
    )


def render_client_service(spec: EtcdClusterSpec, naming: Naming) -> Json:
    """Render the Service for clients: it leads to Ready voters and never to a learner."""
    wanted = spec.service
    body = {
        **_render_access(wanted),
        "selector": {**naming.selector, LABEL_ROLE: ROLE_VOTER},
        "ports": [_render_port(wanted)],
    }
    return build_object(
        "v1",
        "Service",
        naming.client_service,
        naming,
        {"spec": body},
        component="client",
        annotations=dict(wanted.annotations or {}),
    )


def render_alias(spec: EtcdClusterSpec, naming: Naming, name: str) -> Json:
    """Render a Service that leads where the one for clients does, under another name."""
    wanted = spec.service
    body: Json = {
        **_render_families(wanted),
        "selector": {**naming.selector, LABEL_ROLE: ROLE_VOTER},
        "ports": [_render_own_port(wanted)],
    }
    return build_object("v1", "Service", name, naming, {"spec": body}, component=ALIAS)


def _render_own_port(wanted: ServiceTemplate) -> Json:
    """Render the port of the Service itself, without that of the nodes."""
    return {**_port("client", wanted.port), "targetPort": CLIENT_PORT}


def _render_port(wanted: ServiceTemplate) -> Json:
    port = _render_own_port(wanted)
    if wanted.node_port is not None and wanted.type in WITH_NODE_PORTS:
        port["nodePort"] = wanted.node_port
    return port


def render_member_service(wanted: ServiceTemplate, naming: Naming, ordinal: int) -> Json:
    """Render the Service of one member, for clients outside Kubernetes."""
    pod = {LABEL_POD_NAME: naming.member(ordinal)}
    body = {
        **_render_access(wanted),
        "selector": {**naming.selector, **pod},
        "ports": [_render_port(wanted)],
    }
    return build_object(
        "v1",
        "Service",
        naming.member(ordinal),
        naming,
        {"spec": body},
        component="member",
        annotations=dict(wanted.annotations or {}),
    )


def _render_families(wanted: ServiceTemplate) -> Json:
    families = {"ipFamilies": list(wanted.ip_families)} if wanted.ip_families else {}
    return {"ipFamilyPolicy": wanted.ip_family_policy, **families}


def _render_access(wanted: ServiceTemplate) -> Json:
    """Render how a Service is reached; what its type does not have is left out."""
    body: Json = {"type": wanted.type, **_render_families(wanted)}
    if wanted.type in WITH_NODE_PORTS:
        body["externalTrafficPolicy"] = wanted.external_traffic_policy
    if wanted.load_balancer_class is not None:
        body["loadBalancerClass"] = wanted.load_balancer_class
    return body


def _port(name: str, number: int) -> Json:
    return {"name": name, "port": number, "targetPort": number, "protocol": "TCP"}


def render_config_map(
    spec: EtcdClusterSpec,
    naming: Naming,
    layout: Layout,
    files: Mapping[str, str] | None = None,
    trust: str = "",
) -> Json:
    """Render the gate, with what must survive the loss of `status` in its annotations.

    `files` say whom members trust, and `trust` the same in short.
    """
    annotations: dict[str, str] = {}
    annotations |= _say_trust(spec, naming, files, trust)
    if layout.cluster_id is not None:
        annotations[ANNOTATION_CLUSTER_ID] = format_id(layout.cluster_id)
        annotations[ANNOTATION_MEMBERS] = ",".join(str(o) for o in layout.listed)
        if layout.announced > max(layout.listed, default=-1) + 1:
            annotations[ANNOTATION_ANNOUNCED] = str(layout.announced)
    records = {
        ANNOTATION_VERSION: layout.version,
        ANNOTATION_TAKE_OVER: layout.take_over.write() if layout.take_over else "",
        ANNOTATION_AWAY: layout.take_over.write_away() if layout.take_over else "",
        ANNOTATION_RECOVERY: layout.recovery.write() if layout.recovery else "",
        ANNOTATION_RECOVERED: layout.recovered,
        ANNOTATION_SPENT: " ".join(layout.spent),
        ANNOTATION_DIFFERED: layout.differed,
        ANNOTATION_BOOTSTRAP: "" if layout.bootstrap is None else str(layout.bootstrap),
        ANNOTATION_SERVED: "true" if layout.served else "",
    }
    annotations |= {name: text for name, text in records.items() if text}
    return build_object(
        "v1",
        "ConfigMap",
        naming.config_map,
        naming,
        {"data": {**render_configs(spec, naming, layout), **(files or {})}},
        annotations=annotations,
    )


def _say_trust(
    spec: EtcdClusterSpec, naming: Naming, files: Mapping[str, str] | None, trust: str
) -> dict[str, str]:
    """Annotations about what is encrypted and whom members trust; none where nothing ever was."""
    stages = {
        ANNOTATION_PEER_TLS: naming.peer_stage.text,
        ANNOTATION_ISSUER_STAGE: naming.issuer_stage.text,
    }
    changed = {name: stage for name, stage in stages.items() if stage}
    if not files:
        return changed
    return {ANNOTATION_TLS: describe_tls(spec, naming), ANNOTATION_TRUST: trust, **changed}


def render_kept_config_map(
    live: Json, spec: EtcdClusterSpec, naming: Naming, files: Mapping[str, str], trust: str
) -> Json:
    """Render the live gate as it is, with the settings of the spec and whom members trust now."""
    annotations = {
        name: text
        for name, text in (live["metadata"].get("annotations") or {}).items()
        if name in _KEPT_ANNOTATIONS
    }
    return build_object(
        "v1",
        "ConfigMap",
        naming.config_map,
        naming,
        {"data": {**render_kept_configs(spec, naming, live.get("data") or {}), **files}},
        annotations=annotations | _say_trust(spec, naming, files, trust),
    )


def render_disruption_budget(naming: Naming, voters_beside_late_learner: int = 0) -> Json:
    """Render the budget: one voter at a time, and none while another is down.

    Kubernetes reckons what may be unavailable from the replicas of the StatefulSet, which has a Pod
    for each learner too: one that cannot join would keep every voter from being drained. So beside
    such a one the budget counts voters; below three of them none can be missed anyway.
    """
    counted = voters_beside_late_learner
    spec: Json = {
        **({"minAvailable": counted - 1} if counted >= LEAST_VOTERS else {"maxUnavailable": 1}),
        "selector": {
            "matchLabels": naming.selector,
            # Who leaves the client Service serves, and votes, until its Pod ends.
            "matchExpressions": [
                {"key": LABEL_ROLE, "operator": "In", "values": [ROLE_LEAVING, ROLE_VOTER]}
            ],
        },
        # A voter that is not Ready may be drained only while all the others are.
        "unhealthyPodEvictionPolicy": "IfHealthyBudget",
    }
    return build_object(
        "policy/v1", "PodDisruptionBudget", naming.disruption_budget, naming, {"spec": spec}
    )

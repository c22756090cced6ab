"""The NetworkPolicy over a cluster's members: who may reach which port."""

from __future__ import annotations

from typing import Final

from etcd_operator.api.network import AddressBlock, LabelSelector, NetworkPeer, NetworkRules
from etcd_operator.core.model.naming import (
    ANNOTATION_BACKUP_FROM,
    CLIENT_PORT,
    LABEL_TASK,
    METRICS_PORT,
    METRICS_TLS_PORT,
    OPERATOR_LABELS,
    PEER_PORT,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.metadata import build_object
from etcd_operator.json_types import Json

# Kubernetes puts it on every namespace itself.
_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"


def render_network_policy(snapshot: Snapshot) -> Json | None:
    """Render the policy; None if the spec wants none.

    Every field is as the API server keeps it, so that the live spec can be compared as a whole: a
    port that somebody added would open what is to be closed.
    """
    wishes = snapshot.spec.network_rules
    if wishes is None:
        return None
    naming = snapshot.naming
    clients = [_members(snapshot), _operator(snapshot), *_backups(snapshot)]
    clients += _mirror(snapshot)
    clients += [_render_peer(peer) for peer in wishes.client_from]
    # The operator looks at the certificates that members show each other.
    peers = [
        _members(snapshot),
        *([_operator(snapshot)] if naming.peer_stage.has_certificates else []),
    ]
    spec = {
        "podSelector": {"matchLabels": dict(naming.selector)},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"ports": [_port(PEER_PORT)], "from": peers},
            {"ports": [_port(CLIENT_PORT)], "from": clients},
            *_render_metrics(snapshot, wishes),
        ],
    }
    name = naming.network_policy
    return build_object("networking.k8s.io/v1", "NetworkPolicy", name, naming, {"spec": spec})


def _render_metrics(snapshot: Snapshot, wishes: NetworkRules) -> list[Json]:
    """The ports for metrics, which name no keys: open to everybody unless the spec says to whom.

    The operator reads the plain one. So do the kubelet's probes, which policies never hold up:
    https://kubernetes.io/docs/concepts/services-networking/network-policies/
    With TLS for metrics the plain port is for these two alone.
    """
    scrapers: Json = {}
    if wishes.metrics_from is not None:
        scrapers["from"] = [_operator(snapshot), *map(_render_peer, wishes.metrics_from)]
    if not snapshot.spec.metrics_tls:
        return [{"ports": [_port(METRICS_PORT)], **scrapers}]
    return [
        {"ports": [_port(METRICS_PORT)], "from": [_operator(snapshot)]},
        {"ports": [_port(METRICS_TLS_PORT)], **scrapers},
    ]


def _port(number: int) -> Json:
    return {"port": number, "protocol": "TCP"}


def _members(snapshot: Snapshot) -> Json:
    return {"podSelector": {"matchLabels": dict(snapshot.naming.selector)}}


def _operator(snapshot: Snapshot) -> Json:
    return {
        "namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: snapshot.operator_namespace}},
        "podSelector": {"matchLabels": dict(OPERATOR_LABELS)},
    }


def _backups(snapshot: Snapshot) -> list[Json]:
    """The Jobs of EtcdBackups, here and where the cluster allows them."""
    jobs = {"podSelector": {"matchLabels": {LABEL_TASK: "backup"}}}
    allowed = snapshot.cluster.annotations.get(ANNOTATION_BACKUP_FROM, "").split(",")
    names = sorted({word.strip() for word in allowed} - {""})
    if "*" in names:
        return [{"namespaceSelector": {}, **jobs}]
    selector = {"key": _NAMESPACE_LABEL, "operator": "In", "values": names}
    others = [{"namespaceSelector": {"matchExpressions": [selector]}, **jobs}] if names else []
    return [jobs, *others]


def _mirror(snapshot: Snapshot) -> list[Json]:
    """The Job that copies the keys of another cluster into this one, while the spec asks for it."""
    bootstrap = snapshot.spec.bootstrap
    asks = bootstrap is not None and bootstrap.mirror is not None
    return [{"podSelector": {"matchLabels": {LABEL_TASK: "mirror"}}}] if asks else []


def _render_peer(peer: NetworkPeer) -> Json:
    made: Json = {}
    if peer.namespace_selector is not None:
        made["namespaceSelector"] = _render_selector(peer.namespace_selector)
    if peer.pod_selector is not None:
        made["podSelector"] = _render_selector(peer.pod_selector)
    if peer.ip_block is not None:
        made["ipBlock"] = _render_block(peer.ip_block)
    return made


def _render_selector(selector: LabelSelector) -> Json:
    made: Json = {}
    if selector.match_labels:
        made["matchLabels"] = dict(selector.match_labels)
    if selector.match_expressions:
        made["matchExpressions"] = [
            {
                "key": wish.key,
                "operator": wish.operator,
                **({"values": list(wish.values)} if wish.values else {}),
            }
            for wish in selector.match_expressions
        ]
    return made


def _render_block(block: AddressBlock) -> Json:
    return {"cidr": block.cidr, **({"except": list(block.exceptions)} if block.exceptions else {})}

"""The stage of TLS between members, as the live objects record it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.peer_tls import PeerTls
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import ANNOTATION_TLS, Naming
from etcd_operator.core.model.peer_stage import (
    ANNOTATION_PEER_TLS,
    PeerStage,
    read_stage,
    read_template_stage,
)

# Word of the gate's annotation about TLS: members listen for each other with TLS.
PEER: Final = "peer"


def find_recorded_stage(
    children: Mapping[tuple[str, str], Child], naming: Naming
) -> PeerStage | None:
    """Return the stage of the files that members start with: the gate's, else the template's."""
    gate = children.get(("ConfigMap", naming.config_map))
    if gate is not None and gate.owner_uid == naming.uid:
        stage = read_stage(gate.annotations.get(ANNOTATION_PEER_TLS, ""))
        words = gate.annotations.get(ANNOTATION_TLS, "").split(",")
        return stage or PeerStage.of(tls=PEER in words)
    live = children.get(("StatefulSet", naming.statefulset))
    if live is not None and live.owner_uid == naming.uid:
        return read_template_stage(live.body)
    return None


def list_restored_urls(cluster: EtcdCluster, naming: Naming, ordinal: int) -> tuple[str, ...]:
    """Return the peer URLs of a member in what is restored: it starts with the files of its stage.

    Those stay while a backup is restored in place, whatever the spec asks for next. In the middle
    of a change of TLS a member is listed at both URLs.
    """
    plain, secure = naming.peer_urls(ordinal)
    match cluster.status.peer_tls:
        case PeerTls.OFF:
            return (plain,)
        case PeerTls.ON:
            return (secure,)
        case PeerTls.CHANGING:
            return plain, secure
        case _:
            return (naming.peer_url(ordinal),)


def with_peer_stage(naming: Naming, children: Mapping[tuple[str, str], Child]) -> Naming:
    """Return the names of a cluster with its peer URLs as members have them, if any have."""
    stage = find_recorded_stage(children, naming)
    return naming if stage is None else replace(naming, peer_stage=stage)

"""The stage of a change of the issuer, as the live gate records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.certificates.settings import issuer_of
from etcd_operator.core.model.client_tls import CLIENT
from etcd_operator.core.model.issuer_stage import (
    ANNOTATION_ISSUER_STAGE,
    IssuerStage,
    read_issuer_stage,
)
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import ANNOTATION_TLS, Naming
from etcd_operator.core.model.peer_issuer_record import with_peer_issuer
from etcd_operator.core.model.peer_tls import with_peer_stage
from etcd_operator.core.model.template import read_server_secret

# Word of the gate's annotation about TLS: an issuer signs the certificate that clients see.
ISSUER: Final = "issuer"


def find_recorded_issuer_stage(
    children: Mapping[tuple[str, str], Child], naming: Naming
) -> IssuerStage | None:
    """Return the stage of the gate; None without a gate, or with one without TLS for clients."""
    notes = _read_gate(children, naming)
    words = notes.get(ANNOTATION_TLS, "").split(",")
    if CLIENT not in words:
        return None
    stage = read_issuer_stage(notes.get(ANNOTATION_ISSUER_STAGE, ""))
    return stage or IssuerStage.of(issued=ISSUER in words)


def find_present_issuer_stage(
    children: Mapping[tuple[str, str], Child], naming: Naming, spec: EtcdClusterSpec
) -> IssuerStage:
    """Return the stage of the gate; where that has no TLS for clients, the one that is wanted.

    The number goes on counting: Pods of before may still be there.
    """
    if recorded := find_recorded_issuer_stage(children, naming):
        return recorded
    last = read_issuer_stage(_read_gate(children, naming).get(ANNOTATION_ISSUER_STAGE, ""))
    wanted = IssuerStage.of(issued=issuer_of(spec) is not None)
    return IssuerStage(wanted.phase, last.change) if last else wanted


def _read_gate(children: Mapping[tuple[str, str], Child], naming: Naming) -> Mapping[str, str]:
    """The annotations of the cluster's own gate; none without one."""
    gate = children.get(("ConfigMap", naming.config_map))
    return gate.annotations if gate and gate.owner_uid == naming.uid else {}


def with_stages(
    naming: Naming, children: Mapping[tuple[str, str], Child], spec: EtcdClusterSpec
) -> Naming:
    """Return the names of a cluster with all stages of TLS as the live objects record them."""
    naming = with_mounted_server(with_peer_stage(naming, children), children)
    naming = with_issuer_stage(naming, children, spec)
    return with_peer_issuer(naming, children, spec)


def with_mounted_server(naming: Naming, children: Mapping[tuple[str, str], Child]) -> Naming:
    """Return the names of a cluster with the server certificate that its template mounts."""
    live = children.get(("StatefulSet", naming.statefulset))
    mounted = read_server_secret(live.body) if live and live.owner_uid == naming.uid else ""
    return naming if mounted == naming.mounted_server else replace(naming, mounted_server=mounted)


def with_issuer_stage(
    naming: Naming, children: Mapping[tuple[str, str], Child], spec: EtcdClusterSpec
) -> Naming:
    """Return the names of a cluster with the stage that its certificates for clients are at."""
    stage = find_present_issuer_stage(children, naming, spec)
    return naming if stage == naming.issuer_stage else replace(naming, issuer_stage=stage)

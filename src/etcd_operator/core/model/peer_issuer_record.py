"""The phase of an issuer for certificates between members, as the live gate records it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import ANNOTATION_TLS, Naming
from etcd_operator.core.model.peer_issuer import (
    PeerIssuer,
    read_peer_issuer,
    server_certificate_of_peers,
    wants_peer_issuer,
)
from etcd_operator.core.model.peer_tls import find_recorded_stage


def find_present_peer_issuer(
    children: Mapping[tuple[str, str], Child], naming: Naming, spec: EtcdClusterSpec
) -> PeerIssuer:
    """Return the phase of the gate; where members have no certificates yet, the spec's.

    A cluster that joins others begins with the CA that those trust. Where the gate was lost while
    cert-manager issues, both CAs are trusted.
    """
    stage = find_recorded_stage(children, naming)
    if stage is not None and stage.has_certificates:
        gate = children.get(("ConfigMap", naming.config_map))
        if gate is not None and gate.owner_uid == naming.uid:
            return read_peer_issuer(gate.annotations.get(ANNOTATION_TLS, "").split(","))
        issues = ("Certificate", server_certificate_of_peers(naming)) in children
        return PeerIssuer.SIGNS if issues else PeerIssuer.OWN
    return PeerIssuer.ALONE if wants_peer_issuer(spec) and not spec.joins else PeerIssuer.OWN


def with_peer_issuer(
    naming: Naming, children: Mapping[tuple[str, str], Child], spec: EtcdClusterSpec
) -> Naming:
    """Return the names of a cluster with the phase that its certificates between members are at."""
    phase = find_present_peer_issuer(children, naming, spec)
    return naming if phase is naming.peer_issuer else replace(naming, peer_issuer=phase)

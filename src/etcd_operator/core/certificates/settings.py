"""The part of a spec about certificates."""

from __future__ import annotations

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.security import IssuerReference, Tls


def tls_of(spec: EtcdClusterSpec) -> Tls:
    """The wishes about TLS, with every default where there are none."""
    return (spec.security.tls if spec.security else None) or Tls()


def issuer_of(spec: EtcdClusterSpec) -> IssuerReference | None:
    """Issuer of cert-manager for the client port; None if it is not cert-manager that issues."""
    return tls_of(spec).issuer_ref if spec.client_tls else None


def peer_issuer_of(spec: EtcdClusterSpec) -> IssuerReference | None:
    """Issuer of cert-manager for certificates between members; None if the cluster's CA issues."""
    return tls_of(spec).peer_issuer_ref if spec.peer_tls else None

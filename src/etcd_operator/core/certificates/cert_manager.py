"""Answers of cert-manager about the Certificates that it was asked for."""

from __future__ import annotations

from collections.abc import Mapping

from etcd_operator.api.security import IssuerReference
from etcd_operator.core.certificates.handed_over import find_source_problem
from etcd_operator.core.certificates.peer_trust import find_peer_secret_problem
from etcd_operator.core.certificates.settings import issuer_of, peer_issuer_of
from etcd_operator.core.certificates.state import Leaf
from etcd_operator.core.certificates.users_certificate import find_users_problem
from etcd_operator.core.certificates.wanted import issued_leaves, issued_peer_leaves
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.snapshot import Snapshot

NOT_INSTALLED = (
    "spec.security.tls.{} needs cert-manager, and Kubernetes knows no Certificates of "
    "cert-manager.io: install it."
)


def find_issuing_problem(snapshot: Snapshot) -> str | None:
    """Return why cert-manager has not issued something, in one sentence; None if it has."""
    spec, issuer = snapshot.spec, issuer_of(snapshot.spec)
    if issuer is None:
        return None
    if not snapshot.cert_manager:
        return NOT_INSTALLED.format("issuerRef")
    return _find_unissued(snapshot, issuer, issued_leaves(spec, snapshot.naming))


def find_peer_issuing_problem(snapshot: Snapshot) -> str | None:
    """Return why cert-manager has not issued something for members, in one sentence."""
    spec, issuer = snapshot.spec, peer_issuer_of(snapshot.spec)
    if issuer is None:
        return None
    if not snapshot.cert_manager:
        return NOT_INSTALLED.format("peerIssuerRef")
    leaves = issued_peer_leaves(spec, snapshot.naming)
    unissued = _find_unissued(snapshot, issuer, leaves)
    return unissued or find_peer_secret_problem(snapshot) or None


def _find_unissued(
    snapshot: Snapshot, issuer: IssuerReference, leaves: Mapping[str, Leaf]
) -> str | None:
    for name, leaf in leaves.items():
        live = snapshot.child("Certificate", name)
        said = _find_answer(live) if live else "it was not asked for yet."
        if live and said is None and leaf.secret == snapshot.naming.issuer_secret:
            said = _find_remains(live, leaf.secret)
        if said is not None:
            return (
                f"cert-manager has not issued Certificate {name} by {issuer.kind} {issuer.name}: "
                f"{said}"
            )
    return None


def _find_answer(live: Child) -> str | None:
    """None if it is ready, else what is said about it."""
    status = live.body.get("status") or {}
    ready = [c for c in status.get("conditions") or () if c.get("type") == "Ready"]
    if not ready:
        return "it has said nothing about it yet; does it run?"
    if ready[0].get("status") == "True":
        return None
    said = str(ready[0].get("message") or "it gives no reason").rstrip(".")
    return f"{said}. Its CertificateRequests say more."


def _find_remains(live: Child, secret: str) -> str | None:
    """None if its Secret was issued for this very Certificate, and tells the CA of now."""
    if (live.body.get("status") or {}).get("revision"):
        return None
    return f"Secret {secret} is left of an earlier one, and its CA may have changed: delete it."


def find_credential_problem(snapshot: Snapshot) -> str | None:
    """Return what is wrong with the certificates that others see to, in one sentence."""
    by_others = find_issuing_problem(snapshot) or find_users_problem(snapshot)
    return by_others or find_source_problem(snapshot)

"""Whom members trust for clients, and clients for members."""

from __future__ import annotations

from etcd_operator.core.certificates.peer_trust import peer_trust, say_trust
from etcd_operator.core.certificates.settings import issuer_of, tls_of
from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE, Trusted
from etcd_operator.core.certificates.users_certificate import find_users_problem
from etcd_operator.core.certificates.wanted import (
    find_others_trust,
    presented_secret,
    users_secrets,
)
from etcd_operator.core.model.issuer_stage import IssuerPhase
from etcd_operator.core.model.snapshot import Snapshot


def client_trust(snapshot: Snapshot) -> tuple[Trusted, ...]:
    """Authorities that members trust for clients, and clients for members."""
    own = snapshot.credentials.get(snapshot.naming.client_authority)
    before = snapshot.gate_trust.get(CLIENT_TRUST_FILE, ())
    theirs = _users_trust(snapshot)
    if own is None:
        return before
    if snapshot.naming.issuer_stage.changes or _is_exchanged(snapshot):
        # Members may show, or be shown, what any of these has signed.
        trusted = (*before, *(theirs or ()), *own.trusted)
        return tuple({one.key_id: one for one in trusted}.values())
    return (*own.trusted, *theirs) if theirs is not None else before or own.trusted


def _is_exchanged(snapshot: Snapshot) -> bool:
    """Whether a member has, or may come to have, another certificate than the user wants."""
    wanted = presented_secret(snapshot.cluster.spec, snapshot.naming)
    return bool(list_mounted(snapshot) - {"", wanted})


def list_mounted(snapshot: Snapshot) -> set[str]:
    """The Secrets with certificates for clients that members have, or are to have; "" is none."""
    return {snapshot.naming.mounted_server, *(pod.server_certificate for pod in snapshot.pods)}


def trust_of(snapshot: Snapshot, authority: str) -> tuple[Trusted, ...]:
    """Authorities that verify what an authority of the cluster signs."""
    peers = authority == snapshot.naming.peer_authority
    return peer_trust(snapshot) if peers else client_trust(snapshot)


def all_trust(snapshot: Snapshot) -> tuple[str, ...]:
    """The key IDs of every authority that a member started now would trust, as Pods say them."""
    return say_trust(snapshot, client_trust(snapshot) if snapshot.rendered_spec.client_tls else ())


def _users_trust(snapshot: Snapshot) -> tuple[Trusted, ...] | None:
    """The authorities of the user, or of cert-manager's issuer; None if no Secret tells them.

    A Secret tells nothing for as long as no member may show the certificate that the user wants in
    the place of another one: it would restart every member for nothing.
    """
    spec, naming = snapshot.spec, snapshot.naming
    if _is_exchanged(snapshot) and find_users_problem(snapshot):
        return None
    untrusted = naming.issuer_stage.phase is IssuerPhase.OWN
    if issuer_of(spec) and untrusted and not tls_of(spec).ca_secret:
        return ()  # not yet
    return find_others_trust(snapshot) if users_secrets(spec, naming) else ()

"""How members are to serve clients next, on the way from plain text to TLS and back.

Members restart one by one, so some serve as before while others serve as the spec has it. At no
time may one of them serve plain text alone and another one TLS alone: no client could use both.
"""

from __future__ import annotations

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.core.auth.login import find_login_obstacle
from etcd_operator.core.certificates.cert_manager import find_credential_problem
from etcd_operator.core.certificates.wanted import wanted_leaves
from etcd_operator.core.model.client_tls import find_gate_mode, serves_alone
from etcd_operator.core.model.snapshot import Snapshot


def find_next_mode(snapshot: Snapshot) -> ClientTls:
    """Return how members that start now are to serve clients: as the spec has it, or not yet.

    TLS does not begin without a quorum, which would have to stay while members restart, and does
    not end before members would know the operator without it, not even while none runs.
    """
    wanted = snapshot.cluster.spec.client_tls_mode
    told = find_gate_mode(snapshot.children, snapshot.naming)
    if wanted is ClientTls.STRICT and serves_alone(snapshot, ClientTls.OFF):
        wanted = ClientTls.PERMISSIVE
    if told is ClientTls.PERMISSIVE and not wanted.tls:
        keeps = snapshot.recorded_cluster_id is not None and find_login_obstacle(snapshot)
        return ClientTls.PERMISSIVE if keeps else wanted
    if not snapshot.pods or told in (None, wanted) or not wanted.tls:
        return wanted
    if not snapshot.quorum_confirmed:
        return told or wanted
    if told is ClientTls.OFF and find_missing_certificate(snapshot):
        return ClientTls.OFF
    return wanted


def find_missing_certificate(snapshot: Snapshot) -> str:
    """Return why no member could serve TLS if it started now, in a sentence; empty if it could."""
    naming = snapshot.naming
    for leaf in wanted_leaves(snapshot.cluster.spec, naming):
        live = snapshot.credentials.get(leaf.secret)
        if leaf.authority == naming.client_authority and not (live and live.certificate):
            return f"Secret {leaf.secret} has no certificate yet."
    return find_credential_problem(snapshot) or ""

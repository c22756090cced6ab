"""The certificate of the user in the place of what members show, when clients know its CA.

A Secret of another name is mounted by members that are made anew, one by one. Before the first of
them, what clients get has had the CA of that certificate in `ca.crt` for an overlap. Until then
members show what they show, and trust that CA already. The Secret that the live template mounts is
the record of it. See decision 26.
"""

from __future__ import annotations

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.certificates.settings import tls_of
from etcd_operator.core.certificates.signers import had_time, list_clients
from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE, key_ids
from etcd_operator.core.certificates.users_certificate import find_users_problem
from etcd_operator.core.certificates.wanted import find_others_trust
from etcd_operator.core.model.issuer_stage import IssuerPhase
from etcd_operator.core.model.snapshot import Snapshot


def hold_certificate(snapshot: Snapshot, spec: EtcdClusterSpec) -> EtcdClusterSpec:
    """Return the spec with what members show now, while its own certificate has to wait.

    The CA of that one is trusted meanwhile.
    """
    tls, naming = tls_of(spec), snapshot.naming
    shown = naming.mounted_server
    if not (spec.security and spec.client_tls and tls.certificate_secret and shown):
        return spec
    if shown == tls.certificate_secret or not _is_usable(snapshot, shown) or _is_known(snapshot):
        return spec
    wishes = {
        "certificate_secret": None if shown == naming.server_secret else shown,
        "ca_secret": tls.ca_secret or tls.certificate_secret,
    }
    held = tls.model_copy(update=wishes)
    return spec.model_copy(update={"security": spec.security.model_copy(update={"tls": held})})


def _is_usable(snapshot: Snapshot, secret: str) -> bool:
    """Whether members can go on with what they show: it is there, and has not expired."""
    live = snapshot.credentials.get(secret)
    certificate = live.certificate if live and not live.problem else None
    return certificate is not None and certificate.not_after > snapshot.now


def _is_known(snapshot: Snapshot) -> bool:
    """Whether members were told of the CA of the certificate, and clients had time to load it.

    What an issuer of cert-manager has signed goes before: see `issuer_machine`.
    """
    signers = {*key_ids(find_others_trust(snapshot) or ())}
    if not signers or find_users_problem(snapshot):
        return False
    told = {*key_ids(snapshot.gate_trust.get(CLIENT_TRUST_FILE, ()))}
    if snapshot.naming.issuer_stage.phase is not IssuerPhase.OWN or not signers <= told:
        return False
    return all(had_time(snapshot, one, signers) for one in list_clients(snapshot))


def find_waiting(snapshot: Snapshot) -> str:
    """Return the certificate of the user that members do not show yet; empty if none waits."""
    asked = tls_of(snapshot.cluster.spec).certificate_secret
    return asked if asked and asked != tls_of(snapshot.spec).certificate_secret else ""


def find_exchange(snapshot: Snapshot) -> str:
    """Return what the status says of a certificate that waits; empty if none does."""
    waiting = find_waiting(snapshot)
    if not waiting:
        return ""
    return (
        f"Every certificate is valid. Members will show the one in Secret {waiting} when clients "
        "had caOverlap to load its CA from their Secret."
    )

"""What is wrong with certificates that others see to: the user, or an issuer of cert-manager.

They are judged as the user's spec names them, also before members may show them.
"""

from __future__ import annotations

from etcd_operator.api.security import Tls
from etcd_operator.core.certificates.settings import tls_of
from etcd_operator.core.certificates.state import Certificate, Credential
from etcd_operator.core.certificates.wanted import dials_itself, find_others_trust, users_secrets
from etcd_operator.core.model.snapshot import Snapshot


def find_users_problem(snapshot: Snapshot) -> str | None:
    """Return what is wrong with the Secrets that others write, in one sentence."""
    asked = snapshot.cluster.spec
    tls, names = tls_of(asked), users_secrets(asked, snapshot.naming)
    for name in names:
        where = f"Secret {name}, {_say_whose(name, tls)},"
        live = snapshot.credentials.get(name)
        if live is None:
            others = name in (tls.certificate_secret, tls.ca_secret)
            remedy = ": create it in this namespace." if others else " yet."
            return f"{where} does not exist{remedy}"
        if live.problem:
            return f"{where} cannot be used: {live.problem}."
    changes = snapshot.naming.issuer_stage.changes
    if names and not changes and find_others_trust(snapshot) is None:
        return (
            f"Secret {names[-1]} has no ca.crt: put the certificate "
            "of the authority there, or name a Secret that has it in spec.security.tls.caSecret."
        )
    # A CA alone is of clients, whatever members show.
    shown = [name for name in names if name != tls.ca_secret or name == tls.certificate_secret]
    return _find_server_problem(snapshot, shown[0] if shown else None)


def _say_whose(name: str, tls: Tls) -> str:
    if name == tls.ca_secret:
        return "named by spec.security.tls.caSecret"
    if name == tls.certificate_secret:
        return "named by spec.security.tls.certificateSecret"
    return "which cert-manager is to write"


def _find_server_problem(snapshot: Snapshot, name: str | None) -> str | None:
    live = snapshot.credentials.get(name or "")
    if name is None or live is None or not snapshot.spec.client_tls:
        return None
    certificate = live.certificate
    if certificate is None:
        return f"Secret {name} has no tls.crt: put the certificate that clients are to see there."
    if certificate.not_after <= snapshot.now:
        return f"The certificate in Secret {name} has expired: put a new one there."
    if why := _find_signing_problem(snapshot, live):
        return why
    if not certificate.server:
        return f"The certificate in Secret {name} is not for servers: it needs that extended usage."
    if dials_itself(snapshot.spec) and (why := _why_no_gateway(snapshot, certificate)):
        return f"The certificate in Secret {name} {why}"
    naming = snapshot.naming
    for ordinal in range(snapshot.spec.size):
        if not covers(certificate, naming.host(ordinal)):
            return (
                f"The certificate in Secret {name} is not for {naming.host(ordinal)}: it needs "
                f"*.{naming.peer_service}.{naming.namespace}.svc.{naming.domain} among its names."
            )
    return None


def _find_signing_problem(snapshot: Snapshot, live: Credential) -> str:
    """Why clients with the ca.crt that they get would refuse the certificate."""
    own = snapshot.credentials.get(snapshot.naming.client_authority)
    theirs = find_others_trust(snapshot) or ()
    if live.is_verified_by((*theirs, *(own.trusted if own else ()))):
        return ""
    place = tls_of(snapshot.cluster.spec).ca_secret or live.name
    return (
        f"The certificate in Secret {live.name} was signed by no CA in ca.crt of Secret {place}, "
        "so clients would refuse it: put the CA there that signed it, and certificates between "
        f"them into tls.crt of Secret {live.name}."
    )


def _why_no_gateway(snapshot: Snapshot, certificate: Certificate) -> str:
    """Why etcd's JSON gateway cannot, or must not, show the certificate of the server."""
    field = "spec.etcdConfig.enableGRPCGateway"
    auth = snapshot.spec.auth
    if not certificate.client:
        return f"is not for clients, which {field} needs: it needs that extended usage as well."
    if auth and auth.enabled and certificate.common_name:
        return (
            f"has the common name {certificate.common_name}, and by {field} clients could act as "
            "that user: use one without a common name."
        )
    return ""


def covers(certificate: Certificate, host: str) -> bool:
    """Whether a certificate is for this DNS name (RFC 6125: a wildcard stands for one label)."""
    return host in certificate.names or f"*.{host.partition('.')[2]}" in certificate.names

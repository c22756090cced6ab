"""The second opinion about certificates; see `guards`."""

from __future__ import annotations

from etcd_operator.core.actions import (
    ApplyObject,
    CertificateAction,
    CopyCertificate,
    IssueAuthority,
    IssueCertificate,
    ShareTrust,
)
from etcd_operator.core.certificates.issuer_guard import (
    find_deaf,
    refuse_beside_issuer,
    refuse_disbelief,
)
from etcd_operator.core.certificates.peer_issuer_guard import refuse_copy, refuse_own_signer
from etcd_operator.core.certificates.state import Trusted
from etcd_operator.core.model.client_tls import CLIENT, PERMISSIVE
from etcd_operator.core.model.naming import ANNOTATION_TLS, PEER_PORT
from etcd_operator.core.model.peer_issuer import (
    client_secret_of_peers,
    read_peer_trust,
    server_secret_of_peers,
)
from etcd_operator.core.model.snapshot import Snapshot


def refuse_cut_off(action: ApplyObject, snapshot: Snapshot) -> str | None:
    """No file has members serve TLS alone beside one with plain text alone, nor the reverse."""
    annotations = (action.manifest.get("metadata") or {}).get("annotations") or {}
    record = annotations.get(ANNOTATION_TLS, "").split(",")
    for seat in snapshot.seats():
        if seat.pod is None:
            continue
        urls = seat.member.client_urls if seat.member else ()
        plain, secure = (any(u.startswith(s) for u in urls) for s in ("http:", "https:"))
        mode = seat.pod.client_tls
        if CLIENT in record and PERMISSIVE not in record and (not mode.tls or plain > secure):
            return f"{seat.pod.name} serves plain text alone, and others would serve TLS alone"
        if CLIENT not in record and (not mode.plain or secure > plain):
            return f"{seat.pod.name} serves TLS alone, and others would serve plain text alone"
    return None


def refuse_certificate(action: CertificateAction, snapshot: Snapshot) -> str | None:
    """Return why the action must not happen in this snapshot; None if it may."""
    name = action.leaf.secret if isinstance(action, IssueCertificate) else action.secret
    live = snapshot.credentials.get(name)
    if live is not None and live.owner_uid != snapshot.naming.uid:
        return "the Secret has another owner than the EtcdCluster"
    if (live.uid if live else "") != action.uid:
        return "the Secret is not the one that was read"
    match action:
        case IssueAuthority(keep=kept):
            changing = live and live.certificate and (live.previous or len(live.trusted) > 1)
            if changing:
                return "a CA rotation is under way, and the previous CA is still in use"
            return _refuse_distrust(name, kept, snapshot)
        case ShareTrust(trusted=kept):
            return _refuse_distrust(name, kept, snapshot)
        case CopyCertificate():
            return refuse_copy(action, snapshot)
        case IssueCertificate(signer=signer):
            return (
                _refuse_unknown_signer(action, signer, snapshot)
                or refuse_disbelief(action, snapshot)
                or refuse_beside_issuer(action, snapshot)
                or refuse_own_signer(action, snapshot)
            )


def _refuse_distrust(name: str, kept: tuple[Trusted, ...], snapshot: Snapshot) -> str | None:
    """Authorities in the Secret may be dropped only if no certificate in use is theirs.

    An issuer may sign for clients and between members: each has those of its own kind in use.
    """
    live = snapshot.credentials.get(name)
    dropped = {one.key_id for one in live.trusted} if live else set()
    dropped -= {one.key_id for one in kept}
    naming = snapshot.naming
    mounted_by_none = (server_secret_of_peers(naming), client_secret_of_peers(naming))
    peers = (naming.peer_secret, naming.peer_authority)
    of_peers = name in peers
    certificates = [
        one.certificate
        for one in snapshot.credentials.values()
        if one.certificate
        and one.owner_uid == naming.uid
        and one.certificate.not_after > snapshot.now
        and (one.name in peers) == of_peers
        and one.name not in mounted_by_none
    ]
    in_use = {c.issuer_key_id for c in certificates if c.issuer_key_id != c.key_id}
    shown = snapshot.presented.items()
    in_use |= {s for (_, port), s in shown if s and (port == PEER_PORT) == of_peers}
    return (
        "a certificate in use is signed by a CA that would not be trusted any more"
        if dropped & in_use
        else None
    )


def _refuse_unknown_signer(action: IssueCertificate, signer: str, snapshot: Snapshot) -> str | None:
    """Nobody signs whom a member that runs does not trust, unless it signed what is there now.

    A member that serves clients in plain text alone reads no certificate of theirs, nor its own;
    one without a certificate for other members knows nobody's of theirs.
    Also what has expired is not replaced by what would be refused: then its members could not even
    be restarted one by one.
    """
    live = snapshot.credentials.get(action.leaf.secret)
    if live and live.certificate and signer and live.certificate.issuer_key_id == signer:
        return None
    running = [pod for pod in snapshot.pods if pod.running]
    if running and not signer:
        return "the CA that would sign the certificate is not known"
    authority = snapshot.credentials.get(action.leaf.authority)
    oldest = (authority.previous or authority.certificate) if authority else None
    unsaid = (oldest.key_id,) if oldest else ()
    of_clients = action.leaf.authority == snapshot.naming.client_authority
    asked = [p for p in running if (p.client_tls.tls if of_clients else p.peer_tls)]
    trusted = {p.name: p.trust if of_clients else read_peer_trust(p.trust) for p in asked}
    deaf = [pod.name for pod in asked if signer not in (trusted[pod.name] or unsaid)]
    if running and not deaf and action.leaf.secret == snapshot.naming.server_secret and signer:
        clients = [snapshot.naming.client_secret, snapshot.naming.operator_secret]
        deaf = [f"Secret {one.name}" for one in find_deaf(snapshot, clients, {signer})]
    return f"{deaf[0]} does not trust the CA of the certificate yet" if deaf else None

"""Issue certificates, and let a new authority take the place of an old one.

A certificate is renewed without a restart (`renew`), an authority is replaced in the phases of
`machine`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.cluster import Phase
from etcd_operator.api.release import READS_ALLOWED_NAMES
from etcd_operator.core.actions import (
    CertificateAction,
    IssueAuthority,
    IssueCertificate,
    ShareTrust,
)
from etcd_operator.core.auth.login import find_foreign_secrets, find_login_obstacle
from etcd_operator.core.certificates.cert_manager import find_credential_problem
from etcd_operator.core.certificates.client_tls import find_missing_certificate
from etcd_operator.core.certificates.client_trust import trust_of
from etcd_operator.core.certificates.machine import MACHINE, Authority, find_phase
from etcd_operator.core.certificates.signers import choose_signer
from etcd_operator.core.certificates.state import Certificate, Credential, Leaf, Trusted, key_ids
from etcd_operator.core.certificates.wanted import (
    is_written_by_issuer,
    leaf_lifetime,
    own_credentials,
    wanted_authorities,
    wanted_leaves,
)
from etcd_operator.core.model.client_tls import read_gate_mode, serves_alone
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, Decision
from etcd_operator.core.model.naming import ANNOTATION_TLS
from etcd_operator.core.model.peer_issuer import PeerIssuer
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.wording import say_foreign, them


def refuse_tls_switch(snapshot: Snapshot) -> Decision | None:
    """Change nothing if members serve clients otherwise than the spec wants, and must go on so.

    Clients go from plain text to TLS and back by way of members that serve both.
    """
    gate, naming = snapshot.config_map, snapshot.naming
    if gate is None or gate.owner_uid != naming.uid:
        return None
    told = read_gate_mode(gate.annotations.get(ANNOTATION_TLS, ""))
    if refused := _refuse_version(snapshot):
        return refused
    return None if told is snapshot.spec.client_tls_mode else _refuse_at_once(snapshot, told)


def _refuse_version(snapshot: Snapshot) -> Decision | None:
    """Refuse a version that would let everybody in who has a certificate of the issuer."""
    issued = snapshot.naming.peer_issuer is not PeerIssuer.OWN
    if not issued or snapshot.spec.release >= READS_ALLOWED_NAMES:
        return None
    return _refuse(
        snapshot,
        attention.VERSION_REFUSED,
        f"spec.version {snapshot.spec.version} cannot be carried out while members trust an issuer "
        "of certificates between members: keep the version until the condition CertificatesValid "
        "has the reason AllValid.",
    )


def _refuse_at_once(snapshot: Snapshot, told: ClientTls) -> Decision | None:
    """Refuse TLS alone while members serve plain text alone, and plain text alone after TLS."""
    mode = snapshot.spec.client_tls_mode
    ends_too_early = mode is ClientTls.OFF and serves_alone(snapshot, ClientTls.STRICT)
    if mode is ClientTls.PERMISSIVE or (told is ClientTls.PERMISSIVE and not ends_too_early):
        return None
    return _refuse(
        snapshot,
        attention.TLS_NEEDS_PERMISSIVE,
        f"TLS for clients cannot go from {told} to {mode} at once, because clients could no "
        "longer connect: set spec.security.tls.clientTLSMode to Permissive, and make this change "
        "when status.clientTLS is Permissive.",
    )


def _refuse(snapshot: Snapshot, reason: Reason, message: str) -> Decision:
    return Decision(
        reason=reason,
        message=message,
        phase=_phase(snapshot, Phase.FAILED),
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def wait_for_client_certificates(snapshot: Snapshot) -> Decision | None:
    """Say why members do not serve TLS yet although the spec has it, or still although not."""
    rendered, wanted = snapshot.rendered_spec.client_tls, snapshot.spec.client_tls
    if rendered and not wanted:
        return Decision(
            reason=attention.LOGIN_NOT_READY,
            message=(
                "Members go on serving TLS for clients until they would let the operator in "
                f"without it: {find_login_obstacle(snapshot)}"
            ),
            phase=_phase(snapshot, Phase.RUNNING),
            requeue_after=OUTSIDE_CHANGE,
        )
    if rendered or not wanted:
        return None
    return Decision(
        reason=attention.CERTIFICATE_UNUSABLE,
        message=(
            "Members go on with plain text alone until they can serve TLS: "
            f"{find_missing_certificate(snapshot)}"
        ),
        phase=_phase(snapshot, Phase.RUNNING),
        requeue_after=OUTSIDE_CHANGE,
    )


def refuse_foreign_secrets(snapshot: Snapshot) -> Decision | None:
    """Never touch a Secret of our names that belongs to somebody else."""
    foreign = [
        one.name for one in own_credentials(snapshot) if one.owner_uid != snapshot.naming.uid
    ]
    foreign += find_foreign_secrets(snapshot)
    if not foreign:
        return None
    return Decision(
        reason=attention.SECRET_NAME_TAKEN,
        message=(
            f"{say_foreign(sorted(foreign), 'Secret')}: delete {them(len(foreign))} or choose "
            "another name for the cluster."
        ),
        phase=_phase(snapshot, Phase.FAILED),
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def refuse_unusable_certificate(snapshot: Snapshot) -> Decision | None:
    """Start no member with a certificate that cannot work; one that runs keeps what it has."""
    problem = find_credential_problem(snapshot)
    if problem is None or snapshot.recorded_cluster_id is not None:
        return None
    return Decision(
        reason=attention.CERTIFICATE_UNUSABLE,
        message=problem,
        phase=_phase(snapshot, Phase.FAILED),
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def manage_certificates(snapshot: Snapshot) -> Decision | None:
    """Issue what is missing or has changed; take the next step of a change of authority."""
    actions = tuple(_act_on_authorities(snapshot))
    if not any(isinstance(action, IssueAuthority) and action.uid for action in actions):
        # What a new authority is to sign is judged when the authority is known.
        actions += tuple(_act_on_leaves(snapshot))
    if not actions:
        return None
    names = [a.leaf.secret if isinstance(a, IssueCertificate) else a.secret for a in actions]
    return Decision(
        reason=routine.ISSUING_CERTIFICATES,
        message=f"Issuing certificates: Secret {', '.join(names)}.",
        phase=_phase(snapshot, Phase.CREATING),
        actions=actions,
        corrects_objects=False,
    )


def _phase(snapshot: Snapshot, otherwise: Phase) -> Phase:
    return snapshot.cluster.status.phase or otherwise


def _act_on_authorities(snapshot: Snapshot) -> Iterator[CertificateAction]:
    for name in wanted_authorities(snapshot):
        view = Authority(snapshot, name)
        if view.live and view.live.deleting:
            continue
        row = MACHINE.find_row(find_phase(view), view)
        if row:
            yield from row.do(view)


def _act_on_leaves(snapshot: Snapshot) -> Iterator[CertificateAction]:
    lifetime = leaf_lifetime(snapshot.spec)
    for leaf in wanted_leaves(snapshot.spec, snapshot.naming):
        live, authority = (snapshot.credentials.get(name) for name in (leaf.secret, leaf.authority))
        trusted = trust_of(snapshot, leaf.authority)
        if (live and live.deleting) or is_written_by_issuer(snapshot, leaf.secret):
            continue
        signer = choose_signer(snapshot, leaf)
        why = _why_issue(leaf, live, signer, lifetime) or _why_tell(leaf, live, authority, trusted)
        # Nobody who runs can know an authority that is made in this very pass.
        if why and (signer or not (authority or snapshot.pods)):
            uid, version = (live.uid, live.resource_version) if live else ("", "")
            by = signer.key_id if signer else ""
            yield IssueCertificate(leaf, uid, version, by, lifetime, trusted, why)
        elif not why and live and trusted and key_ids(live.trusted) != key_ids(trusted):
            why = "other certificate authorities are trusted now"
            yield ShareTrust(leaf.secret, live.uid, live.resource_version, trusted, why)


def _why_issue(
    leaf: Leaf, live: Credential | None, signer: Certificate | None, lifetime: timedelta
) -> str:
    """Why a certificate has to be issued; empty if the one that is there will do, or is renewed."""
    if live is None:
        return "the cluster needs it"
    certificate = live.certificate
    if certificate is None or live.problem:
        return "what it held could not be used"
    if signer is None:
        return ""
    if certificate.issuer_key_id != signer.key_id:
        return "another certificate authority signs now"
    if certificate.names != leaf.names:
        return "its names have changed"
    if certificate.client != leaf.client:
        return "spec.etcdConfig.enableGRPCGateway has changed"
    if certificate.common_name != leaf.common_name:
        return "its common name has changed"
    if certificate.lifetime != lifetime and certificate.not_after < signer.not_after:
        return "spec.security.tls.certificateLifetime has changed"
    return ""


def _why_tell(
    leaf: Leaf,
    live: Credential | None,
    authority: Credential | None,
    trusted: tuple[Trusted, ...],
) -> str:
    """Why a client's certificate has to be issued although it will do; empty if it has not.

    Its age says since when clients can have loaded the CAs of others that are beside it.
    """
    if leaf.server or live is None or authority is None:
        return ""
    known = {*key_ids(live.trusted), *key_ids(authority.trusted)}
    return "" if set(key_ids(trusted)) <= known else "clients are to trust another CA from now on"

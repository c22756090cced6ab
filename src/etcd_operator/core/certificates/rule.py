"""Issue certificates, and let a new authority take the place of an old one.

A certificate is renewed without a restart (`renew`), an authority is replaced in the phases of
`machine`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import (
    CertificateAction,
    IssueAuthority,
    IssueCertificate,
    ShareTrust,
)
from etcd_operator.core.certificates.cert_manager import find_credential_problem
from etcd_operator.core.certificates.machine import MACHINE, Authority, find_phase
from etcd_operator.core.certificates.signers import choose_signer
from etcd_operator.core.certificates.state import Certificate, Credential, Leaf, key_ids
from etcd_operator.core.certificates.wanted import (
    PLAIN,
    describe_tls,
    leaf_lifetime,
    own_credentials,
    trust_of,
    wanted_authorities,
    wanted_leaves,
)
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, Decision
from etcd_operator.core.model.naming import ANNOTATION_TLS
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine


def refuse_tls_switch(snapshot: Snapshot) -> Decision | None:
    """Change nothing if members that run speak otherwise than the spec wants.

    Members that were told would not understand those that were not yet, and no client both.
    """
    gate, naming = snapshot.config_map, snapshot.naming
    if gate is None or gate.owner_uid != naming.uid:
        return None
    spoken = gate.annotations.get(ANNOTATION_TLS, PLAIN)
    wanted = describe_tls(snapshot.spec)
    if spoken == wanted:
        return None
    return Decision(
        reason=attention.TLS_IMMUTABLE,
        message=(
            "spec.security.tls cannot be turned on or off on an existing cluster (current: "
            f"{spoken}, requested: {wanted}): set it back, or create another cluster and move the "
            "data."
        ),
        phase=_phase(snapshot, Phase.FAILED),
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def refuse_foreign_secrets(snapshot: Snapshot) -> Decision | None:
    """Never touch a Secret of our names that belongs to somebody else."""
    foreign = [
        one.name for one in own_credentials(snapshot) if one.owner_uid != snapshot.naming.uid
    ]
    if not foreign:
        return None
    return Decision(
        reason=attention.SECRET_NAME_TAKEN,
        message=(
            f"Secret {', '.join(sorted(foreign))} exists and does not belong to this EtcdCluster: "
            "delete it or choose another name for the cluster."
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
        if live and live.deleting:
            continue
        signer = choose_signer(snapshot, leaf)
        why = _why_issue(leaf, live, signer, lifetime)
        # Nobody who runs can know an authority that is made in this very pass.
        if why and (signer or not (authority or snapshot.pods)):
            uid, version = (live.uid, live.resource_version) if live else ("", "")
            by = signer.key_id if signer else ""
            yield IssueCertificate(leaf, uid, version, by, lifetime, trusted, why)
        elif live and trusted and key_ids(live.trusted) != key_ids(trusted):
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

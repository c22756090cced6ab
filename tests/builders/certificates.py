"""Clusters with TLS to decide about; a certificate here is its facts, without any cryptography."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from etcd_operator.core.actions import (
    CertificateAction,
    CopyCertificate,
    IssueAuthority,
    IssueCertificate,
    ShareTrust,
)
from etcd_operator.core.certificates.client_trust import all_trust
from etcd_operator.core.certificates.settings import tls_of
from etcd_operator.core.certificates.signers import signers_of
from etcd_operator.core.certificates.state import (
    AUTHORITY_LIFETIME,
    CLOCK_SKEW,
    Certificate,
    Credential,
    Leaf,
    Trusted,
)
from etcd_operator.core.certificates.wanted import presented_secret
from etcd_operator.core.model.issuer_record import with_issuer_stage, with_mounted_server
from etcd_operator.core.model.peer_issuer_record import with_peer_issuer
from etcd_operator.core.model.peer_stage import PeerStage
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from tests.builders.snapshots import NAMING, NOW, UID, formed, new, settled, with_members, with_spec

SECURE = replace(NAMING, client_tls=True, peer_stage=PeerStage.of(tls=True))
LIFE = timedelta(hours=2160)


def with_tls(snapshot: Snapshot, **tls: Any) -> Snapshot:
    """The same cluster with these wishes for TLS, nothing issued yet."""
    wanted = with_spec(snapshot, security={"tls": tls})
    spec = wanted.cluster.spec
    stage = PeerStage.of(tls=spec.peer_tls)
    naming = replace(NAMING, client_tls=spec.client_tls, peer_stage=stage)
    naming = with_mounted_server(naming, wanted.children)
    naming = with_issuer_stage(naming, wanted.children, spec)
    return replace(wanted, naming=with_peer_issuer(naming, wanted.children, spec))


def to_secure(size: int = 3, **tls: Any) -> Snapshot:
    """A new cluster with TLS: nothing exists."""
    return with_tls(new(size), **tls)


def secured(size: int = 3, *others: Credential, **tls: Any) -> Snapshot:
    """A healthy cluster with TLS at rest, its certificates issued at NOW, and Secrets of others."""
    bare = with_secret(replace(with_tls(formed(size), **tls), children={}), *others)
    naming, mode = bare.naming, bare.cluster.spec.client_tls_mode
    members = (
        replace(m, peer_urls=(naming.peer_url(o),), client_urls=naming.advertised_urls(o, mode))
        for o, m in enumerate(bare.members)
    )
    snapshot = issue_all(with_members(bare, *members))
    trust = all_trust(snapshot)
    peers = snapshot.cluster.spec.peer_tls
    shown = presented_secret(snapshot.cluster.spec, naming) if mode.tls else ""
    pods = tuple(
        replace(pod, trust=trust, client_tls=mode, server_certificate=shown, peer_tls=peers)
        for pod in snapshot.pods
    )
    return settled(replace(snapshot, pods=pods))


def issue_all(snapshot: Snapshot) -> Snapshot:
    """Let everything be issued that is missing or due now."""
    for _ in range(5):
        made = plan(snapshot)
        if made.rule != "manage_certificates":
            return snapshot
        for action in made.actions:
            assert isinstance(action, CertificateAction)
            snapshot = after_certificate(snapshot, action)
    raise AssertionError("issuing never ends")


def authority_id(snapshot: Snapshot, secret: str) -> str:
    """The key ID of an authority."""
    certificate = snapshot.credentials[secret].certificate
    assert certificate is not None
    return certificate.key_id


def after_certificate(snapshot: Snapshot, action: CertificateAction) -> Snapshot:
    """What a Secret looks like after an action took effect."""
    match action:
        case IssueAuthority(secret=name, keep=keep, generation=generation):
            number = 1 + max((int(one.key_id[-1]) for one in keep), default=0)
            made = make_authority(f"{name.removeprefix('db-')}{number}", name, snapshot, generation)
            before = snapshot.credentials.get(name)
            previous = before.certificate if before else None
            one = replace(made, trusted=(*keep, *made.trusted), previous=previous)
        case IssueCertificate(leaf=leaf, lifetime=lifetime, trusted=trusted):
            issuer = snapshot.credentials[leaf.authority]
            assert issuer.certificate
            signer = action.signer or issuer.certificate.key_id
            known_ids = [one.key_id for one in signers_of(issuer)]
            assert signer in known_ids, "looked at another authority"
            made = make_leaf(leaf, signer, snapshot.now, lifetime)
            known = {t.key_id: t for t in (*trusted, *issuer.trusted)}
            one = replace(made, trusted=tuple(known.values()))
        case CopyCertificate(secret=name, sources=sources, trusted=trusted):
            server, client = (snapshot.credentials[source] for source in sources)
            one = replace(server, name=name, trusted=trusted, client=client.certificate)
        case ShareTrust(secret=name, trusted=trusted):
            one = replace(snapshot.credentials[name], trusted=trusted, previous=None)
    before = snapshot.credentials.get(one.name)
    assert (before.uid if before else "") == action.uid
    version = int(before.resource_version) + 1 if before else 1
    one = replace(one, uid=f"Secret-{one.name}", resource_version=str(version))
    return replace(snapshot, credentials={**snapshot.credentials, one.name: one})


def make_authority(key_id: str, name: str, snapshot: Snapshot, generation: int) -> Credential:
    """A Secret with an authority that is made now."""
    certificate = _certificate(key_id, key_id, snapshot.now, AUTHORITY_LIFETIME)
    trusted = (Trusted(key_id, f"pem of {key_id}", certificate.not_after),)
    return Credential(name, "", UID, "", certificate, trusted, generation)


def make_leaf(leaf: Leaf, issuer: str, now: datetime, lifetime: timedelta = LIFE) -> Credential:
    """A Secret with a certificate that is issued now."""
    certificate = _certificate(f"{leaf.secret}-key", issuer, now, lifetime)
    certificate = replace(
        certificate,
        common_name=leaf.common_name,
        names=leaf.names,
        server=leaf.server,
        client=leaf.client,
    )
    return Credential(leaf.secret, "", UID, "", certificate)


def _certificate(key_id: str, issuer: str, now: datetime, lifetime: timedelta) -> Certificate:
    return Certificate(key_id, issuer, now - CLOCK_SKEW, now + lifetime)


def users_secret(name: str, *names: str, flaw: str = "", **changes: Any) -> Credential:
    """A Secret of the user's own, with a certificate for these names if any are given."""
    certificate = replace(_certificate("mine", "company", NOW, LIFE), names=names, server=True)
    trusted = (Trusted("company", "pem of company", NOW + LIFE),)
    one = Credential(name, "u", "", "1", certificate if names else None, trusted, problem=flaw)
    return replace(one, **changes)


def with_secret(snapshot: Snapshot, *secrets: Credential) -> Snapshot:
    """These Secrets exist as well, or instead."""
    return replace(
        snapshot, credentials={**snapshot.credentials, **{one.name: one for one in secrets}}
    )


def without_secret(snapshot: Snapshot, *names: str) -> Snapshot:
    """Somebody deleted these Secrets."""
    kept = {name: one for name, one in snapshot.credentials.items() if name not in names}
    return replace(snapshot, credentials=kept)


def later(snapshot: Snapshot, hours: float) -> Snapshot:
    """The same, so many hours later."""
    return replace(snapshot, now=snapshot.now + timedelta(hours=hours))


def overlap_of(snapshot: Snapshot) -> timedelta:
    """The overlap that the spec asks for."""
    return tls_of(snapshot.cluster.spec).ca_overlap.length

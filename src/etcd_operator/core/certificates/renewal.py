"""Renew certificates in time, whatever the rules are about or wait for.

This is no rule of the table: what is due goes along with every plan. A spec that cannot be carried
out, a roll that waits or a learner that finds no node must never end in a certificate that has run
out. So a renewal needs nothing of the spec: the same names again, and the same holder.
"""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.core.actions import IssueCertificate
from etcd_operator.core.certificates.client_trust import trust_of
from etcd_operator.core.certificates.signers import _lifetime, choose_signer, prolongs
from etcd_operator.core.certificates.state import Certificate, Credential, Leaf
from etcd_operator.core.certificates.wanted import is_written_by_issuer, wanted_leaves
from etcd_operator.core.model.requests import find_renewal_time
from etcd_operator.core.model.snapshot import Snapshot


def renew(snapshot: Snapshot) -> tuple[IssueCertificate, ...]:
    """Issue anew what is due or has expired, by an authority that every member trusts."""
    if snapshot.spec.paused:
        return ()
    leaves = wanted_leaves(snapshot.spec, snapshot.naming)
    renewals = (_renew(snapshot, leaf) for leaf in leaves)
    return tuple(filter(None, renewals))


def _renew(snapshot: Snapshot, leaf: Leaf) -> IssueCertificate | None:
    live = snapshot.credentials.get(leaf.secret)
    if is_written_by_issuer(snapshot, leaf.secret):
        return None
    if live is None or live.deleting or live.problem or live.owner_uid != snapshot.naming.uid:
        return None
    certificate = live.certificate
    if certificate is None or not (certificate.is_due(snapshot.now) or _is_asked(snapshot, live)):
        return None
    signer = choose_signer(snapshot, leaf)
    if signer is None or not prolongs(snapshot, certificate, signer):
        return None
    same = replace(
        leaf,
        common_name=certificate.common_name,
        names=certificate.names,
        dials_itself=leaf.server and certificate.client,
    )
    return IssueCertificate(
        same,
        live.uid,
        live.resource_version,
        signer.key_id,
        _lifetime(snapshot, certificate),
        trust_of(snapshot, leaf.authority),
        _why(snapshot, certificate),
    )


def _is_asked(snapshot: Snapshot, live: Credential) -> bool:
    """Whether somebody has asked for a renewal since this certificate was issued."""
    asked = find_renewal_time(snapshot.cluster.annotations, snapshot.now)
    return bool(asked and live.certificate and live.certificate.made < asked)


def _why(snapshot: Snapshot, certificate: Certificate) -> str:
    if certificate.not_after <= snapshot.now:
        return "it has expired"
    return "it is due" if certificate.is_due(snapshot.now) else "that was asked for"

"""Signers of certificates: authorities that every running member trusts, with their key kept.

etcd reads whom it trusts only when it starts. So while an authority is replaced, and members have
yet to restart, the one of before goes on signing: whatever the restarts wait for, no certificate
runs out meanwhile. Its key is kept beside the new one's until nothing needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from etcd_operator.core.certificates.settings import tls_of
from etcd_operator.core.certificates.state import (
    CLIENT_TRUST_FILE,
    PEER_TRUST_FILE,
    Certificate,
    Credential,
    Leaf,
    key_ids,
)
from etcd_operator.core.certificates.wanted import leaf_lifetime, wanted_leaves
from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.peer_issuer import read_peer_trust
from etcd_operator.core.model.snapshot import Snapshot


def ca_overlap(snapshot: Snapshot) -> timedelta:
    """How long clients have to load a new authority before it is used.

    Half of the life of a certificate is enough: a client has to load its Secret anew as often. And
    each renewal begins the time anew, which would never be over.
    """
    return min(tls_of(snapshot.spec).ca_overlap.length, leaf_lifetime(snapshot.spec) / 2)


def list_clients(snapshot: Snapshot) -> Iterator[Credential | None]:
    """The Secrets of clients, and the operator's, of which the cluster's own CA is the signer."""
    spec, naming = snapshot.spec, snapshot.naming
    for leaf in wanted_leaves(spec, naming):
        if leaf.authority == naming.client_authority and not leaf.server:
            yield snapshot.credentials.get(leaf.secret)


def had_time(snapshot: Snapshot, live: Credential | None, trusted: set[str]) -> bool:
    """Whether a Secret has these in its ca.crt, and was issued with them an overlap ago."""
    if live is None or live.certificate is None or not trusted <= set(key_ids(live.trusted)):
        return False
    return snapshot.now >= live.certificate.made + ca_overlap(snapshot)


def choose_signer(snapshot: Snapshot, leaf: Leaf) -> Certificate | None:
    """The authority that is to sign this certificate now; None if no key is of use.

    The newest as soon as clients had time to load it and every member trusts it, else the one
    before; never back from the newest. If no key is known to be trusted by all, whoever signed what
    is in use goes on: that is no worse than it was.
    """
    authority = snapshot.credentials.get(leaf.authority)
    usable = [one for one in signers_of(authority) if one.not_after > snapshot.now]
    if authority is None or not usable:
        return None
    live = snapshot.credentials.get(leaf.secret)
    signed_by = live.certificate.issuer_key_id if live and live.certificate else ""
    if signed_by == usable[0].key_id:
        return usable[0]
    by_preference = usable
    if snapshot.now < usable[0].made + ca_overlap(snapshot):
        by_preference = [*usable[1:], usable[0]]
    for one in by_preference:
        if not find_distrusting(snapshot, authority, one.key_id):
            return one
    return next((one for one in usable if one.key_id == signed_by), None)


def signers_of(authority: Credential | None) -> tuple[Certificate, ...]:
    """The authorities whose keys a Secret holds, the newest first."""
    if authority is None:
        return ()
    return tuple(one for one in (authority.certificate, authority.previous) if one)


def find_distrusting(snapshot: Snapshot, authority: Credential, key_id: str) -> tuple[Pod, ...]:
    """The Pods that would not accept what this authority signs.

    One that serves clients, or other members, in plain text alone accepts nobody's there, and needs
    no authority for them.
    A process that does not run now reads the gate when it starts. A Pod that does not say whom it
    trusts is taken to know the oldest authority alone.
    """
    naming = snapshot.naming
    file = PEER_TRUST_FILE if authority.name == naming.peer_authority else CLIENT_TRUST_FILE
    told = key_ids(snapshot.gate_trust.get(file, ()))
    of_peers = authority.name == naming.peer_authority
    oldest = tuple(one.key_id for one in signers_of(authority)[-1:])
    return tuple(
        pod
        for pod in snapshot.pods
        if (pod.peer_tls if of_peers else pod.client_tls.tls)
        if key_id not in _list_trusted(pod, oldest if pod.running else told, of_peers=of_peers)
    )


def _list_trusted(pod: Pod, otherwise: tuple[str, ...], *, of_peers: bool) -> tuple[str, ...]:
    """Whom a Pod trusts: as it says, if it runs; with whom the gate has, if it does not."""
    said = read_peer_trust(pod.trust) if of_peers else pod.trust
    return (said or otherwise) if pod.running else (*otherwise, *said)


def prolongs(snapshot: Snapshot, certificate: Certificate, signer: Certificate) -> bool:
    """Whether a renewal would last longer: no certificate outlives who signs it."""
    return min(snapshot.now + _lifetime(snapshot, certificate), signer.not_after) > (
        certificate.not_after
    )


def _lifetime(snapshot: Snapshot, certificate: Certificate) -> timedelta:
    """As the spec has it, but never less than before: the end of its signer may have cut it off."""
    return max(certificate.lifetime, leaf_lifetime(snapshot.spec))

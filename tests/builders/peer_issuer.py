"""Clusters on the way from their own CA between members to an issuer, and back."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Final

from etcd_operator.core.certificates.state import (
    PEER_TRUST_FILE,
    Credential,
    Trusted,
    join_bundle,
    key_ids,
)
from etcd_operator.core.certificates.wanted import issued_peer_leaves
from etcd_operator.core.model.naming import ANNOTATION_TRUST, PEER_PORT
from etcd_operator.core.model.peer_issuer import PeerIssuer
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.certificates import LIFE, make_leaf, secured, with_secret, with_tls
from tests.builders.issuer import answered
from tests.builders.snapshots import NOW, UID, change_child, change_pod

PEER_ISSUER: Final[dict[str, Any]] = {"peerIssuerRef": {"name": "company", "kind": "Issuer"}}
COMPANY, OWN = "company", "peer-ca1"
SERVER, CLIENT = "db-peer-issued-tls", "db-peer-dial-tls"
_TLS: Final[dict[str, Any]] = {"clientTLSEnabled": False}


def changing(phase: PeerIssuer, *, wanted: bool, **tls: Any) -> Snapshot:
    """A healthy cluster at this phase, all as it becomes there: who signs, and whom Pods trust.

    cert-manager has issued what it was asked for.
    """
    scene = secured(3, **_TLS, **tls)
    own = scene.credentials["db-peer-ca"].trusted
    scene = with_tls(scene, **_TLS, **tls, **(PEER_ISSUER if wanted else {}))
    scene = replace(scene, naming=replace(scene.naming, peer_issuer=phase), cert_manager=True)
    if wanted or phase is not PeerIssuer.OWN:
        scene = issued(scene)
    trusted = () if phase is PeerIssuer.ALONE else own
    if phase is not PeerIssuer.OWN:
        trusted = (*trusted, ca_of(COMPANY))
    if phase.signs:
        scene = copied(scene)
    return told(answered(scene), *trusted)


def ca_of(name: str) -> Trusted:
    """The CA of an issuer."""
    return Trusted(name, f"pem of {name}", NOW + LIFE)


def issued(snapshot: Snapshot, by: str = COMPANY, *secrets: str) -> Snapshot:
    """cert-manager has written both Secrets, or these of them."""
    asked = with_tls(snapshot, **_TLS, **PEER_ISSUER)
    leaves = issued_peer_leaves(asked.cluster.spec, snapshot.naming).values()
    made = (
        replace(make_leaf(leaf, by, NOW), trusted=(ca_of(by),), owner_uid=UID, uid=leaf.secret)
        for leaf in leaves
        if leaf.secret in (secrets or (SERVER, CLIENT))
    )
    named = (_name(one, by) for one in made)
    return with_secret(snapshot, *named)


def _name(one: Credential, by: str) -> Credential:
    assert one.certificate
    return replace(one, certificate=replace(one.certificate, key_id=f"{one.name} by {by}"))


def copied(snapshot: Snapshot) -> Snapshot:
    """Members mount what cert-manager has issued."""
    server, client = snapshot.credentials[SERVER], snapshot.credentials[CLIENT]
    live = snapshot.credentials["db-peer-tls"]
    return with_secret(
        snapshot,
        replace(live, certificate=server.certificate, client=client.certificate),
    )


def told(snapshot: Snapshot, *trusted: Trusted) -> Snapshot:
    """The gate has members trust these, and every Pod was made so."""
    snapshot = replace(snapshot, gate_trust={PEER_TRUST_FILE: trusted})
    marked = tuple(f"peer:{key_id}" for key_id in key_ids(trusted))
    said = key_ids(trusted) if snapshot.naming.peer_issuer is PeerIssuer.OWN else marked
    gate = copy.deepcopy(snapshot.children["ConfigMap", "db-config"].body)
    word = snapshot.naming.peer_issuer.value
    notes = {
        "etcd.etcd.io/tls": f"peer,{word}" if word else "peer",
        ANNOTATION_TRUST: ",".join(said),
    }
    gate["metadata"]["annotations"] |= notes
    gate["data"][PEER_TRUST_FILE] = join_bundle(trusted)
    snapshot = change_child(snapshot, "ConfigMap", "db-config", body=gate)
    pods = copy.deepcopy(snapshot.children["StatefulSet", "db"].body)
    pods["spec"]["template"]["metadata"]["annotations"][ANNOTATION_TRUST] = ",".join(said)
    snapshot = change_child(snapshot, "StatefulSet", "db", body=pods)
    return replace(snapshot, pods=tuple(replace(pod, trust=said) for pod in snapshot.pods))


def shown(snapshot: Snapshot, *signers: str) -> Snapshot:
    """Members show each other what these have signed: one of all, or one of each."""
    each = signers if len(signers) > 1 else signers * len(snapshot.pods)
    seen = {(ordinal, PEER_PORT): signer for ordinal, signer in enumerate(each)}
    return replace(snapshot, presented=seen)


def outdated(snapshot: Snapshot) -> Snapshot:
    """One Pod was made from an earlier template."""
    return change_pod(snapshot, 2, revision="db-old")

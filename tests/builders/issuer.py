"""Clusters on the way from their own CA to an issuer, and back."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, Final

from etcd_operator.core.certificates.cert_manager_objects import render_certificates
from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE, Credential, Trusted
from etcd_operator.core.model.issuer_stage import (
    ANNOTATION_ISSUER_STAGE,
    IssuerPhase,
    IssuerStage,
)
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.core.model.parse import observe_child
from etcd_operator.core.model.snapshot import Snapshot
from tests.builders.certificates import later, secured, users_secret, with_secret, with_tls
from tests.builders.snapshots import UID, change_child

ISSUER: Final[dict[str, Any]] = {"issuerRef": {"name": "company", "kind": "ClusterIssuer"}}
HOSTS: Final = ("*.db-peer.team.svc.cluster.local",)
COMPANY, OWN = "company", "client-ca1"
# A certificate of the user's own, and another one that another CA has signed.
MINE: Final = users_secret("mine", *HOSTS)
OTHER: Final = (Trusted("other", "pem of other", MINE.trusted[0].not_after),)
THEIRS: Final = users_secret("theirs", *HOSTS, trusted=OTHER)
READY: Final = {"conditions": [{"type": "Ready", "status": "True"}], "revision": 1}
PLAIN_PEERS: Final[dict[str, Any]] = {"peerTLSEnabled": False, "caOverlap": "1h"}


def changing(phase: IssuerPhase, *, wanted: bool, **tls: Any) -> Snapshot:
    """A healthy cluster at this phase, an overlap after its certificates were issued.

    Everything is as it becomes at this phase: who signed what is in Secrets and shown, and whom
    clients and members trust. cert-manager has issued what it was asked for.
    """
    stage = IssuerStage(phase, 0)
    scene = with_tls(
        secured(3, **PLAIN_PEERS, **tls), **PLAIN_PEERS, **tls, **(ISSUER if wanted else {})
    )
    body = copy.deepcopy(scene.children["ConfigMap", "db-config"].body)
    notes = body["metadata"]["annotations"]
    notes["etcd.etcd.io/tls"] = "client,issuer" if stage.signs_server else "client"
    notes |= {ANNOTATION_ISSUER_STAGE: stage.text} if stage.text else {}
    scene = change_child(scene, "ConfigMap", "db-config", body=body)
    scene = replace(scene, naming=replace(scene.naming, issuer_stage=stage), cert_manager=True)
    if phase is not IssuerPhase.OWN:
        scene = _trusting(scene)
    if stage.signs_server:
        scene = issued(scene, "db-server-tls")
    if stage.signs_clients:
        scene = issued(scene, "db-client-tls")
    if wanted and not stage.signs_server:
        scene = issued(scene, "db-issuer-tls")
    return later(shown_by(answered(scene), COMPANY if stage.signs_server else OWN), 2)


def issued(snapshot: Snapshot, secret: str) -> Snapshot:
    """cert-manager has written this Secret."""
    return with_secret(snapshot, users_secret(secret, *HOSTS, owner_uid=UID))


def answered(snapshot: Snapshot, status: dict[str, Any] = READY) -> Snapshot:
    """Its Certificates exist, and cert-manager says this of each."""
    children = dict(snapshot.children)
    for manifest in render_certificates(snapshot):
        live = copy.deepcopy(manifest)
        live["metadata"].update(uid=f"u-{live['metadata']['name']}", resourceVersion="1")
        live["status"] = status
        children["Certificate", live["metadata"]["name"]] = observe_child("Certificate", live)
    return replace(snapshot, children=children)


def shown_by(snapshot: Snapshot, *signers: str) -> Snapshot:
    """Members show what these have signed: one of all, or one of each."""
    each = signers if len(signers) > 1 else signers * len(snapshot.pods)
    shown = {(ordinal, CLIENT_PORT): signer for ordinal, signer in enumerate(each)}
    return replace(snapshot, presented=shown)


def _trusting(snapshot: Snapshot) -> Snapshot:
    """Members and clients trust both CAs."""
    own = snapshot.credentials["db-client-ca"].trusted
    both = (*own, Trusted(COMPANY, f"pem of {COMPANY}", own[0].not_after))
    clients = {
        name: _trusts(one, both)
        for name, one in snapshot.credentials.items()
        if name in ("db-client-tls", "db-operator-tls")
    }
    return replace(
        snapshot,
        credentials={**snapshot.credentials, **clients},
        gate_trust={CLIENT_TRUST_FILE: both},
        pods=tuple(replace(pod, trust=(OWN, COMPANY)) for pod in snapshot.pods),
    )


def _trusts(one: Credential, trusted: tuple[Trusted, ...]) -> Credential:
    return replace(one, trusted=trusted)

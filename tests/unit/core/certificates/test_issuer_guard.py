"""The guard of a change of the issuer: what cert-manager may write, and what may be forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core.actions import ApplyObject, DeleteObject, IssueCertificate
from etcd_operator.core.certificates.cert_manager_objects import render_certificates
from etcd_operator.core.certificates.state import Leaf
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.issuer_stage import IssuerPhase, IssuerStage
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.planner import choose_layout
from tests.builders.certificates import LIFE
from tests.builders.issuer import COMPANY, OWN, changing, issued, shown_by
from tests.builders.snapshots import change_pod, without_child

P = IssuerPhase
# At the stage on record, before cert-manager was asked for what comes next.
TRUSTED = changing(P.TRUSTED, wanted=True)
SERVED = changing(P.SERVER, wanted=True)
BACK = changing(P.TRUSTED, wanted=False)


def write(snapshot: Snapshot, secret: str) -> ApplyObject:
    """Have cert-manager write this Secret."""
    all_of_it = replace(snapshot.naming, issuer_stage=IssuerStage(P.ALL))
    manifests = render_certificates(replace(snapshot, naming=all_of_it))
    (manifest,) = (m for m in manifests if m["spec"]["secretName"] == secret)
    name = manifest["metadata"]["name"]
    live = snapshot.child("Certificate", name)
    return ApplyObject("Certificate", name, live.uid if live else "", "", "", manifest)


def trust_own_alone(snapshot: Snapshot) -> ApplyObject:
    """Write a gate with the cluster's own CA alone."""
    own = replace(snapshot.naming, issuer_stage=IssuerStage(P.OWN))
    bare = without_child(snapshot, "ConfigMap", "db-config")
    at = replace(bare, naming=own, gate_trust={})
    found = correct_objects(at, choose_layout(at))
    (gate,) = (a for a in found if isinstance(a, ApplyObject) and a.kind == "ConfigMap")
    live = snapshot.children["ConfigMap", "db-config"]
    return replace(gate, uid=live.uid, resource_version=live.resource_version)


def sign(snapshot: Snapshot, secret: str, **changes: Any) -> IssueCertificate:
    """Have the cluster's own CA sign what is in this Secret."""
    live = snapshot.credentials[secret]
    leaf = Leaf(secret, "db-client-ca", "client", server=secret == "db-server-tls")
    trusted = snapshot.credentials["db-client-ca"].trusted
    made = IssueCertificate(leaf, live.uid, live.resource_version, OWN, LIFE, trusted, "")
    return replace(made, **changes)


def without_trust(snapshot: Snapshot, secret: str) -> Snapshot:
    """The same, with the own CA alone in a Secret."""
    own = snapshot.credentials["db-client-ca"].trusted
    one = replace(snapshot.credentials[secret], trusted=own)
    return replace(snapshot, credentials={**snapshot.credentials, secret: one})


def test_members_may_show_whom_everybody_trusts() -> None:
    assert refuse(write(TRUSTED, "db-server-tls"), TRUSTED) is None


@pytest.mark.parametrize(
    ("scene", "who"),
    [
        (change_pod(TRUSTED, 1, trust=(OWN,)), "db-1"),
        (change_pod(TRUSTED, 2, revision="before"), "db-2"),
        (without_trust(TRUSTED, "db-client-tls"), "Secret db-client-tls"),
        (without_trust(TRUSTED, "db-operator-tls"), "Secret db-operator-tls"),
    ],
)
def test_members_show_nobody_whom_somebody_does_not_trust(scene: Snapshot, who: str) -> None:
    refused = refuse(write(scene, "db-server-tls"), scene)
    assert refused == f"{who} does not trust the CA of the issuer yet"


def test_without_a_ca_in_the_gate_nothing_is_written() -> None:
    scene = replace(TRUSTED, gate_trust={})
    refused = refuse(write(scene, "db-server-tls"), scene)
    assert refused == "members were told of no CA of an issuer"


def test_clients_trust_an_issuer_alone_when_every_member_shows_it() -> None:
    action = write(SERVED, "db-client-tls")
    assert refuse(action, SERVED) is None
    for shown in ((COMPANY, OWN, COMPANY), (COMPANY, "", COMPANY)):
        said = "db-1 may show a certificate of the cluster's own CA"
        assert refuse(action, shown_by(SERVED, *shown)) == said
    back = replace(
        SERVED,
        credentials={
            **SERVED.credentials,
            "db-server-tls": TRUSTED.credentials["db-server-tls"],
        },
    )
    assert refuse(action, back) == "members are to show a certificate of the cluster's own CA"


def test_what_an_issuer_has_written_it_may_write_again() -> None:
    scene = changing(P.ALL, wanted=True)
    for secret in ("db-server-tls", "db-client-tls"):
        assert refuse(write(scene, secret), replace(scene, presented={})) is None


def test_the_gate_forgets_nobody_whose_certificate_is_in_use() -> None:
    said = "a certificate in use is signed by a CA that would be left out"
    action = trust_own_alone(BACK)
    assert refuse(action, BACK) is None
    assert refuse(action, shown_by(BACK, OWN, COMPANY, OWN)) == said
    for secret in ("db-server-tls", "db-client-tls"):
        assert refuse(action, issued(BACK, secret)) == said


def test_the_gate_forgets_nobody_who_may_still_issue() -> None:
    scene = changing(P.SERVER, wanted=True)
    own = {"db-server-tls": TRUSTED.credentials["db-server-tls"]}
    scene = shown_by(replace(scene, credentials={**scene.credentials, **own}), OWN)
    said = "cert-manager may write what would not be trusted"
    assert refuse(trust_own_alone(scene), scene) == said
    gone = without_child(scene, "Certificate", "db-server")
    assert refuse(trust_own_alone(gone), gone) is None


def test_clients_believe_what_members_show() -> None:
    scene = without_child(changing(P.SERVER, wanted=False), "Certificate", "db-server")
    both = scene.gate_trust["client-ca.crt"]
    assert refuse(sign(scene, "db-client-tls", trusted=both), scene) is None
    said = "a client would not trust what members show"
    assert refuse(sign(scene, "db-client-tls"), scene) == said


def test_nothing_is_signed_beside_an_issuer() -> None:
    scene = changing(P.ALL, wanted=True)
    both = scene.gate_trust["client-ca.crt"]
    said = "cert-manager writes this Secret"
    assert refuse(sign(scene, "db-client-tls", trusted=both), scene) == said
    server = without_child(scene, "Certificate", "db-server")
    client = replace(TRUSTED.credentials["db-client-tls"])
    server = replace(server, credentials={**server.credentials, client.name: client})
    said = "clients get a certificate that trusts the CA of an issuer alone"
    assert refuse(sign(server, "db-server-tls"), server) == said


def test_members_show_only_what_clients_trust() -> None:
    scene = without_child(changing(P.ALL, wanted=False), "Certificate", "db-client")
    scene = without_child(scene, "Certificate", "db-server")
    said = "Secret db-client-tls does not trust the CA of the certificate yet"
    assert refuse(sign(scene, "db-server-tls"), scene) == said


def test_a_certificate_goes_where_the_clusters_own_ca_signs_for_now() -> None:
    said = "spec.security.tls.issuerRef asks for this Certificate"
    scene = changing(P.ALL, wanted=True)
    client = DeleteObject("Certificate", "db-client", "u-db-client", "")
    server = DeleteObject("Certificate", "db-server", "u-db-server", "")
    assert [refuse(action, scene) for action in (client, server)] == [said, said]
    both = {**SERVED.children, **scene.children}
    back = replace(SERVED, children=both)
    assert [refuse(action, back) for action in (client, server)] == [None, said]

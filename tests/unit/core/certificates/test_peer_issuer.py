"""An issuer of certificates between members: what is asked for, copied, trusted and refused."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import ApplyObject, CopyCertificate, DeleteObject
from etcd_operator.core.certificates.cert_manager_objects import render_certificates
from etcd_operator.core.certificates.cert_manager_rule import (
    request_from_cert_manager,
    wait_for_issuer,
)
from etcd_operator.core.certificates.client_trust import all_trust
from etcd_operator.core.certificates.health import find_expiring
from etcd_operator.core.certificates.peer_issuer_machine import (
    find_copy,
    find_next_peer_issuer,
    find_peer_change,
)
from etcd_operator.core.certificates.peer_trust import (
    find_issued_peers,
    find_peer_secret_problem,
    must_see_peers,
    peer_trust,
)
from etcd_operator.core.certificates.rule import refuse_tls_switch
from etcd_operator.core.certificates.state import Credential, key_ids
from etcd_operator.core.certificates.wanted import wanted_authorities, wanted_leaves
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.peer_issuer import (
    PeerIssuer,
    allowed_common_names,
    issued_common_name,
    read_peer_issuer,
    read_peer_trust,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention
from etcd_operator.core.status.conditions import judge
from tests.builders.actions import brief
from tests.builders.certificates import later, to_secure, with_secret, without_secret
from tests.builders.issuer import answered
from tests.builders.peer_issuer import (
    CLIENT,
    COMPANY,
    OWN,
    PEER_ISSUER,
    SERVER,
    ca_of,
    changing,
    copied,
    issued,
    outdated,
    shown,
    told,
)
from tests.builders.schema import find_faults
from tests.builders.snapshots import NAMING, change_pod, with_spec
from tests.cert_manager.schema import read_definition

P = PeerIssuer
WANTED = changing(P.OWN, wanted=True)
TRUSTED = changing(P.TRUSTED, wanted=True)
SIGNS = changing(P.SIGNS, wanted=True)
ALONE = changing(P.ALONE, wanted=True)
BACK = changing(P.SIGNS, wanted=False)
LEAVING = changing(P.TRUSTED, wanted=False)
# The CA of the issuer has changed, and members mount what the new one has signed.
FOLLOWED = told(copied(issued(ALONE, "other")), ca_of(COMPANY), ca_of("other"))


def created(**more: Any) -> Snapshot:
    """A new cluster that wants an issuer between members."""
    return replace(to_secure(3, **PEER_ISSUER, **more), cert_manager=True)


def spoilt(snapshot: Snapshot, secret: str, **changes: Any) -> Snapshot:
    """The same with another certificate in a Secret."""
    live = snapshot.credentials[secret]
    assert live.certificate
    return with_secret(snapshot, replace(live, certificate=replace(live.certificate, **changes)))


@pytest.mark.parametrize(
    ("scene", "following"),
    [
        pytest.param(WANTED, P.TRUSTED, id="what was issued is to be trusted"),
        pytest.param(without_secret(WANTED, CLIENT), P.OWN, id="not all was issued"),
        pytest.param(outdated(WANTED), P.OWN, id="a roll is under way"),
        pytest.param(
            with_spec(WANTED, version="3.5.14", security=WANTED.cluster.spec.security),
            P.TRUSTED,
            id="the version of the template counts",
        ),
        pytest.param(TRUSTED, P.SIGNS, id="every member trusts it"),
        pytest.param(outdated(TRUSTED), P.TRUSTED, id="a Pod was not made for it"),
        pytest.param(change_pod(TRUSTED, 1, trust=(OWN, COMPANY)), P.TRUSTED, id="for clients"),
        pytest.param(SIGNS, P.SIGNS, id="nobody was seen to show it"),
        pytest.param(shown(SIGNS, COMPANY), P.ALONE, id="every member shows it"),
        pytest.param(shown(SIGNS, COMPANY, OWN, COMPANY), P.SIGNS, id="one shows the own"),
        pytest.param(ALONE, P.ALONE, id="all is as wanted"),
        pytest.param(changing(P.ALONE, wanted=False), P.SIGNS, id="it is wanted no more"),
        pytest.param(BACK, P.TRUSTED, id="every member trusts the own CA"),
        pytest.param(told(BACK, ca_of(COMPANY)), P.SIGNS, id="no member trusts the own CA"),
        pytest.param(shown(LEAVING, OWN), P.OWN, id="every member shows the own again"),
        pytest.param(shown(LEAVING, OWN, COMPANY, OWN), P.TRUSTED, id="one shows the issuer's"),
        pytest.param(changing(P.OWN, wanted=False), P.OWN, id="no issuer"),
        pytest.param(created(), P.ALONE, id="a cluster that is created with it"),
    ],
)
def test_the_phase_that_follows(scene: Snapshot, following: PeerIssuer) -> None:
    assert find_next_peer_issuer(scene) is following


def test_an_old_etcd_does_not_read_whom_to_let_in() -> None:
    scene = changing(P.OWN, wanted=True)
    live = scene.children["StatefulSet", "db"]
    text = str(live.body).replace("3.5.21", "3.5.14")
    old = replace(live, body=ast.literal_eval(text))
    at = replace(scene, children={**scene.children, ("StatefulSet", "db"): old})
    assert find_next_peer_issuer(at) is P.OWN


def test_nobody_downgrades_while_an_issuer_is_trusted() -> None:
    at = with_spec(LEAVING, version="3.5.14", security=None)
    refused = refuse_tls_switch(replace(at, naming=LEAVING.naming))
    assert refused
    assert refused.reason is attention.VERSION_REFUSED
    assert "keep the version until" in refused.message
    assert refuse_tls_switch(with_spec(LEAVING, version="3.5.15", security=None)) is None


@pytest.mark.parametrize(
    ("scene", "trusted"),
    [
        (WANTED, [OWN]),
        (TRUSTED, [COMPANY, OWN]),
        (SIGNS, [COMPANY, OWN]),
        (ALONE, [COMPANY]),
        (issued(ALONE, "other"), [COMPANY, "other"]),
        (outdated(issued(ALONE, "other")), [COMPANY]),
        (shown(FOLLOWED, "other"), ["other"]),
        (without_secret(ALONE, SERVER), [COMPANY]),
    ],
)
def test_whom_members_trust(scene: Snapshot, trusted: list[str]) -> None:
    assert list(key_ids(peer_trust(scene))) == trusted


def test_pods_say_for_what_they_trust_an_issuer() -> None:
    """A CA that comes to be trusted for the ones would else restart nobody that it is known to."""
    assert all_trust(WANTED) == (OWN,)
    assert all_trust(ALONE) == (f"peer:{COMPANY}",)
    assert read_peer_trust((OWN, COMPANY)) == (OWN, COMPANY)
    assert read_peer_trust((COMPANY, f"peer:{OWN}")) == (OWN,)


def test_cert_manager_is_asked_for_both_certificates() -> None:
    server, client = render_certificates(created(clientTLSEnabled=False))
    assert server["metadata"]["name"] == "db-peer-issued"
    assert server["spec"]["secretName"] == SERVER
    assert server["spec"]["commonName"] == "db-peer.team.svc"
    assert "*.db-peer.team.svc.cluster.local" in server["spec"]["dnsNames"]
    assert server["spec"]["usages"] == ["digital signature", "server auth"]
    assert client["metadata"]["name"] == "db-peer-dial"
    assert client["spec"]["secretName"] == CLIENT
    assert client["spec"]["commonName"] == "db-peer.team.svc"
    assert "dnsNames" not in client["spec"]
    assert client["spec"]["usages"] == ["digital signature", "client auth"]
    assert server["spec"]["issuerRef"] == {
        "name": "company",
        "kind": "Issuer",
        "group": "cert-manager.io",
    }
    for manifest in (server, client):
        assert find_faults(manifest, read_definition()) == []


def test_a_cluster_waits_for_its_issuer_and_begins_with_it_alone() -> None:
    scene = created(clientTLSEnabled=False)
    request = request_from_cert_manager(scene)
    assert request
    assert [brief(action) for action in request.actions] == [
        "apply Certificate db-peer-issued",
        "apply Certificate db-peer-dial",
    ]
    waiting = wait_for_issuer(scene)
    assert waiting
    assert (waiting.reason, waiting.phase) == (attention.WAITING_FOR_ISSUER, Phase.CREATING)
    missing = wait_for_issuer(replace(scene, cert_manager=False))
    assert missing
    assert "spec.security.tls.peerIssuerRef needs cert-manager" in missing.message
    ready = issued(answered(scene))
    assert wait_for_issuer(ready) is None
    assert wanted_authorities(ready) == ()
    made = plan(ready)
    copy, *others = made.actions
    assert isinstance(copy, CopyCertificate)
    (gate,) = (a for a in others if isinstance(a, ApplyObject) and a.kind == "ConfigMap")
    assert gate.manifest["metadata"]["annotations"]["etcd.etcd.io/tls"] == "peer,peer-issuer"
    assert gate.manifest["data"]["peer-ca.crt"] == f"pem of {COMPANY}\n"
    assert '"allowed-cn": ["db-peer.team.svc"]' in gate.manifest["data"]["db-0.yaml"]


def test_a_cluster_that_joins_others_begins_with_the_ca_that_they_trust() -> None:
    joined = {"source": {"endpoints": ["https://old:2379"], "clientCertificateSecret": "s"}}
    joins = with_spec(created(), bootstrap={"joinExisting": joined}, security={"tls": PEER_ISSUER})
    assert joins.cluster.spec.joins
    assert find_next_peer_issuer(joins) is P.OWN


@pytest.mark.parametrize(
    ("scene", "why"),
    [
        pytest.param(TRUSTED, "", id="the own CA signs"),
        pytest.param(SIGNS, "", id="it is there"),
        pytest.param(issued(SIGNS, "other"), "", id="another CA, that no member trusts"),
        pytest.param(
            issued(changing(P.SIGNS, wanted=True), "other", SERVER), "", id="of different CAs"
        ),
        pytest.param(
            replace(with_spec(issued(ALONE), paused=True), naming=ALONE.naming), "", id="paused"
        ),
    ],
)
def test_nothing_is_copied(scene: Snapshot, why: str) -> None:
    assert find_copy(scene) is None, why


def renewed(snapshot: Snapshot) -> Snapshot:
    """cert-manager has issued both certificates anew, of the same CA."""
    for secret in (SERVER, CLIENT):
        snapshot = spoilt(snapshot, secret, key_id=f"new {secret}")
    return snapshot


@pytest.mark.parametrize(
    "scene",
    [
        pytest.param(renewed(ALONE), id="renewed"),
        pytest.param(renewed(outdated(ALONE)), id="renewed while a roll waits"),
        pytest.param(told(issued(ALONE, "other"), ca_of(COMPANY), ca_of("other")), id="another CA"),
        pytest.param(without_secret(ALONE, "db-peer-tls"), id="the Secret is gone"),
    ],
)
def test_what_is_issued_is_copied(scene: Snapshot) -> None:
    action = find_copy(scene)
    assert action
    assert action.sources == (SERVER, CLIENT)
    assert refuse(action, scene) is None
    assert action in plan(scene).actions


@pytest.mark.parametrize(
    ("secret", "changes", "said"),
    [
        (SERVER, {"common_name": "etcd"}, "without the common name db-peer.team.svc"),
        (SERVER, {"server": False}, "is not for servers"),
        (CLIENT, {"client": False}, "is not for clients"),
        (SERVER, {"names": ()}, "is not for *.db-peer.team.svc.cluster.local"),
        (CLIENT, {"names": ("db",)}, "with names, which etcd would look up"),
        (SERVER, {"not_after": WANTED.now}, "has expired"),
    ],
)
def test_what_members_cannot_use(secret: str, changes: dict[str, Any], said: str) -> None:
    assert said in find_peer_secret_problem(spoilt(WANTED, secret, **changes))


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (Credential(SERVER, "u", "", "1", problem="no key"), "cannot be used: no key."),
        (Credential(SERVER, "u", "", "1"), "has no tls.crt or no ca.crt"),
    ],
)
def test_secrets_that_members_cannot_use(secret: Credential, said: str) -> None:
    assert said in find_peer_secret_problem(with_secret(WANTED, secret))
    assert find_issued_peers(without_secret(WANTED, SERVER)) is None
    for name in (SERVER, CLIENT):
        unsigned = replace(WANTED.credentials[name], verified_by=("stranger",))
        said_of = find_peer_secret_problem(with_secret(WANTED, unsigned))
        assert f"Secret {name}, which cert-manager is to write, has a cert" in said_of
        assert "no CA in its ca.crt has signed" in said_of
        signed = replace(unsigned, verified_by=("stranger", COMPANY))
        assert not find_peer_secret_problem(with_secret(WANTED, signed))
    assert "different CAs" in find_peer_secret_problem(issued(WANTED, "other", SERVER))


def test_the_status_says_how_far_it_is() -> None:
    assert not find_peer_change(ALONE)
    assert "replaced by an issuer's" in find_peer_change(TRUSTED)
    assert "those of another CA of the issuer" in find_peer_change(issued(ALONE, "other"))
    assert "those of another CA of the issuer" in find_peer_change(FOLLOWED)
    assert not find_peer_change(without_secret(ALONE, SERVER))
    assert "those of the cluster's own CA" in find_peer_change(BACK)
    (valid,) = (v for v in judge(SIGNS, plan(SIGNS).decision) if v.type == "CertificatesValid")
    assert (valid.status, valid.reason.name) == ("True", "CAChanging")
    failing = without_secret(ALONE, SERVER)
    (valid,) = (v for v in judge(failing, plan(failing).decision) if v.type == "CertificatesValid")
    assert (valid.status, valid.reason.name) == ("False", "NotIssued")


def test_who_is_asked_about_a_certificate_that_expires() -> None:
    said = [text for text in find_expiring(later(ALONE, 2100)) if text.startswith("db-peer-tls")]
    assert "kubectl describe certificate db-peer-issued" in said[0]


def test_certificates_go_when_the_own_ca_signs_again() -> None:
    gone = changing(P.OWN, wanted=False)
    live = {key: one for key, one in ALONE.children.items() if key[0] == "Certificate"}
    at = replace(gone, children={**gone.children, **live})
    request = request_from_cert_manager(at)
    assert request
    assert {brief(action) for action in request.actions} == {
        "delete Certificate db-peer-issued",
        "delete Certificate db-peer-dial",
    }
    (delete, _) = request.actions
    assert isinstance(delete, DeleteObject)
    assert refuse(delete, at) is None
    assert "peerIssuerRef asks for" in str(refuse(delete, ALONE))
    assert refuse(delete, BACK) is not None


def test_when_members_have_to_be_seen() -> None:
    assert [must_see_peers(s) for s in (WANTED, TRUSTED, SIGNS, ALONE)] == [
        False,
        False,
        True,
        False,
    ]
    assert must_see_peers(LEAVING)
    assert not must_see_peers(BACK)
    assert must_see_peers(issued(ALONE, "other"))


def test_who_issues_what() -> None:
    assert [leaf.secret for leaf in wanted_leaves(TRUSTED.spec, TRUSTED.naming)] == ["db-peer-tls"]
    assert not wanted_leaves(ALONE.spec, ALONE.naming)
    assert wanted_authorities(BACK) == ("db-peer-ca",)


def test_names_and_records() -> None:
    assert allowed_common_names(WANTED.naming) == ()
    assert allowed_common_names(TRUSTED.naming) == ("etcd", "db-peer.team.svc")
    assert allowed_common_names(ALONE.naming) == ("db-peer.team.svc",)
    long = replace(NAMING, namespace="n" * 63)
    assert issued_common_name(long) == f"etcd-peer-{NAMING.uid}"
    assert [read_peer_issuer(("peer", phase.value)) for phase in P] == list(P)

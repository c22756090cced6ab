"""Certificates of cert-manager: what is asked for, by its real schema, and what is waited for."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.certificates.cert_manager_objects import render_certificates
from etcd_operator.core.certificates.cert_manager_rule import (
    request_from_cert_manager,
    wait_for_issuer,
)
from etcd_operator.core.certificates.client_trust import client_trust
from etcd_operator.core.certificates.rule import refuse_unusable_certificate
from etcd_operator.core.certificates.state import key_ids
from etcd_operator.core.certificates.wanted import port_of, wanted_leaves
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.decision import OUTSIDE_CHANGE
from etcd_operator.core.model.issuer_stage import IssuerStage
from etcd_operator.core.model.parse import observe_child
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine, verdicts
from etcd_operator.core.status.conditions import judge
from tests.builders.actions import SAID, Fires, Passes, briefs, flags
from tests.builders.certificates import (
    LIFE,
    issue_all,
    later,
    secured,
    to_secure,
    users_secret,
    with_secret,
    without_secret,
)
from tests.builders.schema import find_faults
from tests.builders.snapshots import NAMING, change_child, with_spec, without_child
from tests.cert_manager.schema import read_definition

ISSUER: dict[str, Any] = {"issuerRef": {"name": "company", "kind": "ClusterIssuer"}}
HOSTS = ("*.db-peer.team.svc.cluster.local",)
READY = {"type": "Ready", "status": "True"}
BOTH = ("Certificate", "db-server"), ("Certificate", "db-client")


def to_issue(**tls: Any) -> Snapshot:
    """A new cluster that wants an issuer's certificates; cert-manager is installed."""
    return replace(to_secure(3, **{**ISSUER, **tls}), cert_manager=True)


def asked(snapshot: Snapshot, condition: dict[str, Any] | None = None) -> Snapshot:
    """Its Certificates exist; cert-manager has said this of each, or nothing yet."""
    children = dict(snapshot.children)
    for manifest in render_certificates(snapshot):
        live = copy.deepcopy(manifest)
        live["metadata"].update(uid=f"u-{live['metadata']['name']}", resourceVersion="1")
        live["status"] = {"conditions": [condition]} if condition else {}
        children["Certificate", live["metadata"]["name"]] = observe_child("Certificate", live)
    return replace(snapshot, children=children)


def filled(snapshot: Snapshot) -> Snapshot:
    """cert-manager has written both Secrets."""
    server = users_secret("db-server-tls", *HOSTS)
    return with_secret(snapshot, server, users_secret("db-client-tls", "client"))


def issued() -> Snapshot:
    """A healthy cluster at rest whose client port has certificates of an issuer."""
    own = secured()
    wanting = with_spec(own, security={"tls": ISSUER})
    gate = own.children["ConfigMap", "db-config"]
    body = copy.deepcopy(gate.body)
    body["metadata"]["annotations"]["etcd.etcd.io/tls"] = "client,peer,issuer"
    told = change_child(wanting, "ConfigMap", "db-config", body=body)
    told = replace(told, naming=replace(told.naming, issuer_stage=IssuerStage.of(issued=True)))
    return asked(filled(replace(told, cert_manager=True)), READY)


def unready(message: str) -> dict[str, Any]:
    """What cert-manager says of a Certificate that it cannot issue."""
    return {"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": message}


UNISSUED = "cert-manager has not issued Certificate db-server by ClusterIssuer company: "
MISSING = (
    "spec.security.tls.issuerRef needs cert-manager, and Kubernetes knows no Certificates of "
    "cert-manager.io: install it."
)

FIRES = (
    Fires(
        "cert-manager is asked for what the client port needs",
        request_from_cert_manager,
        to_issue(),
        routine.REQUESTING_CERTIFICATES,
        "Requesting certificates from cert-manager: db-server, db-client.",
        Phase.CREATING,
        ("apply Certificate db-server", "apply Certificate db-client"),
        flags("no corrections"),
    ),
    Fires(
        "one that was deleted comes back",
        request_from_cert_manager,
        without_child(issued(), "Certificate", "db-client"),
        routine.REQUESTING_CERTIFICATES,
        "Requesting certificates from cert-manager: db-client.",
        Phase.RUNNING,
        ("apply Certificate db-client",),
        flags("no corrections"),
    ),
    Fires(
        "a spec that was corrected before it was carried out wants none",
        request_from_cert_manager,
        with_spec(asked(to_issue()), security={"tls": {}}),
        routine.REQUESTING_CERTIFICATES,
        SAID,
        Phase.CREATING,
        ("delete Certificate db-server", "delete Certificate db-client"),
        flags("no corrections"),
    ),
    Fires(
        "cert-manager is not installed",
        wait_for_issuer,
        to_secure(3, **ISSUER),
        attention.CERT_MANAGER_MISSING,
        MISSING,
        Phase.FAILED,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "cert-manager is not there to answer",
        wait_for_issuer,
        asked(to_issue()),
        attention.WAITING_FOR_ISSUER,
        f"{UNISSUED}it has said nothing about it yet; does it run?",
        Phase.CREATING,
        (),
        flags("no corrections"),
    ),
    Fires(
        "the issuer does not exist",
        wait_for_issuer,
        asked(to_issue(), unready('Referenced "ClusterIssuer" not found')),
        attention.WAITING_FOR_ISSUER,
        f'{UNISSUED}Referenced "ClusterIssuer" not found. Its CertificateRequests say more.',
        Phase.CREATING,
        (),
        flags("no corrections"),
    ),
    Fires(
        "it has issued, and the Secret is not there",
        refuse_unusable_certificate,
        asked(to_issue(), READY),
        attention.CERTIFICATE_UNUSABLE,
        "Secret db-server-tls, which cert-manager is to write, does not exist yet.",
        Phase.FAILED,
        (),
        flags("no corrections", "blocked"),
    ),
)
PASSES = (
    Passes("everything is asked for", request_from_cert_manager, issued()),
    Passes(
        "nobody wants an issuer", request_from_cert_manager, replace(secured(), cert_manager=True)
    ),
    Passes("cert-manager is not installed", request_from_cert_manager, to_secure(3, **ISSUER)),
    Passes("everything is issued", wait_for_issuer, asked(to_issue(), READY)),
    Passes("the operator issues", wait_for_issuer, to_secure()),
    Passes(
        "one that runs does not wait",
        wait_for_issuer,
        asked(issued(), unready("the issuer is gone")),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize("tls", [{}, {"serverNames": ["etcd.example.com", "192.0.2.7"]}])
def test_cert_managers_own_schema_takes_what_is_asked_for(tls: dict[str, Any]) -> None:
    manifests = render_certificates(to_issue(**tls))
    assert len(manifests) == 2
    assert [find_faults(manifest, read_definition()) for manifest in manifests] == [[], []]


def test_the_checker_finds_faults() -> None:
    (manifest, _) = render_certificates(to_issue())
    spec = {**manifest["spec"], "usages": ["reading"], "more": 1, "duration": 5}
    del spec["secretName"]
    assert find_faults({**manifest, "spec": spec}, read_definition()) == [
        ".spec.secretName is missing",
        ".spec.usages.[0] reading is none of "
        + str(
            read_definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
                "spec"
            ]["properties"]["usages"]["items"]["enum"]
        ),
        ".spec.duration. is no string",
        ".spec.more is unknown",
    ]


def test_what_is_asked_for_is_what_members_need() -> None:
    server, client = render_certificates(to_issue(serverNames=["192.0.2.7"]))
    assert server["spec"]["secretName"] == "db-server-tls"
    assert set(HOSTS) | {"db-client.team.svc", "localhost"} <= set(server["spec"]["dnsNames"])
    assert set(server["spec"]["ipAddresses"]) == {"127.0.0.1", "::1", "192.0.2.7"}
    assert server["spec"]["usages"] == ["digital signature", "server auth"]
    assert client["spec"]["usages"] == ["digital signature", "client auth"]
    assert client["spec"]["commonName"] == "client"
    assert "dnsNames" not in client["spec"]
    for manifest in (server, client):
        assert manifest["spec"]["issuerRef"] == {**ISSUER["issuerRef"], "group": "cert-manager.io"}
        assert manifest["spec"]["duration"] == "2160h"
        assert manifest["metadata"]["ownerReferences"][0]["uid"] == NAMING.uid


def test_the_operator_issues_only_what_no_issuer_may() -> None:
    scene = filled(asked(to_issue(), READY))
    assert {leaf.secret for leaf in wanted_leaves(scene.cluster.spec, scene.naming)} == {
        "db-operator-tls",
        "db-peer-tls",
    }
    whole = issue_all(scene)
    assert key_ids(client_trust(whole)) == ("client-ca1", "company")
    assert port_of(whole, "db-client-ca") is None
    assert plan(whole).rule == "bootstrap"


def test_an_edit_is_undone() -> None:
    scene = issued()
    body = copy.deepcopy(scene.children[BOTH[0]].body)
    body["spec"]["dnsNames"] = ["elsewhere"]
    edited = change_child(scene, *BOTH[0], body=body)
    assert briefs(edited) == ("apply Certificate db-server",)


def test_a_cluster_that_runs_says_what_keeps_it_from_renewal() -> None:
    stuck = asked(issued(), unready("the issuer is gone"))
    (told,) = (v for v in judge(stuck, plan(stuck).decision) if v.type == "CertificatesValid")
    assert (told.status, told.reason) == ("False", verdicts.NOT_ISSUED)
    assert told.message == f"{UNISSUED}the issuer is gone. Its CertificateRequests say more."
    gone = replace(issued(), cert_manager=False, children=secured().children)
    (told,) = (v for v in judge(gone, plan(gone).decision) if v.type == "CertificatesValid")
    assert (told.reason, told.message) == (verdicts.NOT_ISSUED, MISSING)


def test_a_cluster_that_waits_says_so_before_it_has_any_secret() -> None:
    scene = asked(to_issue(), unready("no such issuer"))
    assert not scene.credentials
    (told,) = (v for v in judge(scene, plan(scene).decision) if v.type == "CertificatesValid")
    assert told.reason == verdicts.NOT_ISSUED
    assert plan(scene).decision.requeue_after == OUTSIDE_CHANGE


def test_another_authority_of_the_issuer_is_trusted() -> None:
    scene = issued()
    other = users_secret("db-server-tls", *HOSTS)
    trusted = tuple(replace(one, key_id="other", pem="other") for one in other.trusted)
    turned = with_secret(scene, replace(other, trusted=trusted))
    assert "other" in key_ids(client_trust(turned))
    told = {"client-ca.crt": client_trust(scene)}
    lost = without_secret(replace(scene, gate_trust=told), "db-server-tls", "db-client-tls")
    assert client_trust(lost) == client_trust(scene), "what members were told stays"


def test_one_that_expires_is_told() -> None:
    old = later(issued(), LIFE.total_seconds() / 3600 + 1)
    (told,) = (v for v in judge(old, plan(old).decision) if v.type == "CertificatesValid")
    assert told.message.startswith("The certificate in Secret db-server-tls has expired")


def test_the_guard_lets_only_unwanted_ones_go() -> None:
    wanted = asked(to_issue())
    action = DeleteObject(*BOTH[0], "u-db-server", "why")
    assert refuse(action, wanted) == "spec.security.tls.issuerRef asks for this Certificate"
    assert refuse(action, with_spec(wanted, security={"tls": {}})) is None
    theirs = change_child(wanted, *BOTH[0], owner_uid="somebody")
    assert plan(theirs).rule == "refuse_foreign_objects"
    assert refuse(action, theirs) == "the object has another owner than the EtcdCluster"


def test_for_the_gateway_the_servers_is_a_clients_too_and_nobodys() -> None:
    plain, _ = render_certificates(to_issue())
    assert plain["spec"]["commonName"] == "etcd"
    assert plain["spec"]["usages"] == ["digital signature", "server auth"]
    asked = with_spec(to_issue(), etcdConfig={"enableGRPCGateway": True})
    both, client = render_certificates(asked)
    assert "commonName" not in both["spec"]
    assert both["spec"]["usages"] == ["digital signature", "server auth", "client auth"]
    assert client["spec"]["usages"] == ["digital signature", "client auth"]


def test_what_takes_the_place_of_an_own_certificate_has_another_key() -> None:
    """cert-manager would take that one for issued; what it has asked for once, stays."""
    sizes = {m["spec"]["privateKey"]["size"] for m in render_certificates(issued())}
    assert sizes == {256}
    own = secured().credentials["db-client-tls"]
    scene = without_child(with_secret(issued(), own), *BOTH[1])
    _, client = render_certificates(scene)
    assert client["spec"]["privateKey"]["size"] == 384
    live = change_child(issued(), *BOTH[1], body=client)
    assert render_certificates(live)[1] == client

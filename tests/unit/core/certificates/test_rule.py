"""Certificates: what is issued, when, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject, IssueAuthority, IssueCertificate, ShareTrust
from etcd_operator.core.certificates.rule import (
    manage_certificates,
    refuse_foreign_secrets,
    refuse_tls_switch,
    refuse_unusable_certificate,
    wait_for_client_certificates,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine, verdicts
from etcd_operator.core.status.conditions import judge
from etcd_operator.core.status.report import report
from tests.builders.actions import SAID, Fires, Passes, flags
from tests.builders.certificates import (
    LIFE,
    authority_id,
    issue_all,
    later,
    secured,
    to_secure,
    users_secret,
    with_secret,
    with_tls,
    without_secret,
)
from tests.builders.snapshots import NAMING, formed, silent, with_cluster, with_spec

OWN = {"certificateSecret": "mine", "caSecret": "company"}
PLAIN_PEERS: Any = {"peerTLSEnabled": False}
HOSTS = ("*.db-peer.team.svc.cluster.local",)
TWO_THIRDS = 2160 * 2 / 3
GATEWAY = {"etcdConfig": {"enableGRPCGateway": True}}

FIRES = (
    Fires(
        "everything is issued before a member can want it",
        manage_certificates,
        to_secure(3),
        routine.ISSUING_CERTIFICATES,
        "Issuing certificates: Secret db-client-ca, db-peer-ca, db-server-tls, db-operator-tls, "
        "db-client-tls, db-peer-tls.",
        Phase.CREATING,
        (
            "authority db-client-ca",
            "authority db-peer-ca",
            "issue db-server-tls",
            "issue db-operator-tls",
            "issue db-client-tls",
            "issue db-peer-tls",
        ),
        flags("no corrections"),
    ),
    Fires(
        "between members only",
        manage_certificates,
        to_secure(3, clientTLSEnabled=False),
        routine.ISSUING_CERTIFICATES,
        "Issuing certificates: Secret db-peer-ca, db-peer-tls.",
        Phase.CREATING,
        ("authority db-peer-ca", "issue db-peer-tls"),
        flags("no corrections"),
    ),
    Fires(
        "one that was deleted comes back",
        manage_certificates,
        without_secret(secured(), "db-peer-tls"),
        routine.ISSUING_CERTIFICATES,
        "Issuing certificates: Secret db-peer-tls.",
        Phase.RUNNING,
        ("issue db-peer-tls",),
        flags("no corrections"),
    ),
    Fires(
        "another name for clients",
        manage_certificates,
        with_tls(secured(), serverNames=["etcd.example.com"]),
        routine.ISSUING_CERTIFICATES,
        "Issuing certificates: Secret db-server-tls.",
        Phase.RUNNING,
        ("issue db-server-tls",),
        flags("no corrections"),
    ),
    Fires(
        "new authorities are wanted: nothing but they are made",
        manage_certificates,
        with_tls(secured(), caGeneration=1),
        routine.ISSUING_CERTIFICATES,
        "Issuing certificates: Secret db-client-ca, db-peer-ca.",
        Phase.RUNNING,
        ("authority db-client-ca", "authority db-peer-ca"),
        flags("no corrections"),
    ),
    Fires(
        "clients cannot lose plain text at once, whatever members are to do with each other",
        refuse_tls_switch,
        with_tls(formed(3)),
        attention.TLS_NEEDS_PERMISSIVE,
        "TLS for clients cannot go from Off to Strict at once, because clients could no longer "
        "connect: set spec.security.tls.clientTLSMode to Permissive, and make this change when "
        "status.clientTLS is Permissive.",
        Phase.RUNNING,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "members serve plain text until there is a certificate to show",
        wait_for_client_certificates,
        issue_all(with_tls(formed(3), clientTLSMode="Permissive", **PLAIN_PEERS, **OWN)),
        attention.CERTIFICATE_UNUSABLE,
        "Members go on with plain text alone until they can serve TLS: Secret mine, named by "
        "spec.security.tls.certificateSecret, does not exist: create it in this namespace.",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "TLS for clients cannot be turned on at once",
        refuse_tls_switch,
        with_tls(formed(3), **PLAIN_PEERS),
        attention.TLS_NEEDS_PERMISSIVE,
        "TLS for clients cannot go from Off to Strict at once, because clients could no longer "
        "connect: set spec.security.tls.clientTLSMode to Permissive, and make this change when "
        "status.clientTLS is Permissive.",
        Phase.RUNNING,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "a Secret of our name is somebody else's",
        refuse_foreign_secrets,
        with_secret(to_secure(1), replace(users_secret("db-peer-ca"), owner_uid="other")),
        attention.SECRET_NAME_TAKEN,
        "Secret db-peer-ca exists and does not belong to this EtcdCluster: delete it or choose "
        "another name for the cluster.",
        Phase.FAILED,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "etcd's JSON gateway shows the server's certificate as a client's",
        manage_certificates,
        with_spec(secured(), **GATEWAY),
        routine.ISSUING_CERTIFICATES,
        SAID,
        Phase.RUNNING,
        ("issue db-server-tls",),
        flags("no corrections"),
    ),
    Fires(
        "and it is a server's alone where that is not wanted any more",
        manage_certificates,
        with_spec(issue_all(with_spec(secured(), **GATEWAY)), etcdConfig={}),
        routine.ISSUING_CERTIFICATES,
        SAID,
        Phase.RUNNING,
        ("issue db-server-tls",),
        flags("no corrections"),
    ),
    Fires(
        "the user's Secret is not there",
        refuse_unusable_certificate,
        to_secure(1, **OWN),
        attention.CERTIFICATE_UNUSABLE,
        "Secret mine, named by spec.security.tls.certificateSecret, does not exist: create it in "
        "this namespace.",
        Phase.FAILED,
        (),
        flags("no corrections", "blocked"),
    ),
)

PASSES = (
    Passes(
        "the gateway needs none in plain text", manage_certificates, with_spec(formed(3), **GATEWAY)
    ),
    Passes("plain text needs none", manage_certificates, formed(3)),
    Passes("all is issued", manage_certificates, secured()),
    Passes(
        "a renewal goes along with every plan", manage_certificates, later(secured(), TWO_THIRDS)
    ),
    Passes("TLS is as it was formed", refuse_tls_switch, secured()),
    Passes("members serve TLS", wait_for_client_certificates, secured()),
    Passes("our Secrets are ours", refuse_foreign_secrets, secured()),
    Passes("no Secret of the user's is named", refuse_unusable_certificate, secured()),
    Passes(
        "a cluster that runs goes on without the user's Secret",
        refuse_unusable_certificate,
        with_tls(secured(), **OWN),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


UNUSABLE = {
    "no usable key": (
        (users_secret("mine", *HOSTS, problem="its tls.key does not belong to its tls.crt"),),
        (
            "Secret mine, named by spec.security.tls.certificateSecret, cannot be used: "
            "its tls.key does not belong to its tls.crt."
        ),
    ),
    "no authority": (
        (users_secret("mine", *HOSTS), users_secret("company", trusted=())),
        (
            "Secret company has no ca.crt: put the certificate of the authority there, or name a "
            "Secret that has it in spec.security.tls.caSecret."
        ),
    ),
    "no certificate": (
        (users_secret("mine"), users_secret("company")),
        "Secret mine has no tls.crt: put the certificate that clients are to see there.",
    ),
    "another name": (
        (users_secret("mine", "elsewhere"), users_secret("company")),
        (
            "The certificate in Secret mine is not for db-0.db-peer.team.svc.cluster.local: "
            "it needs *.db-peer.team.svc.cluster.local among its names."
        ),
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_the_users_certificate_is_judged_before_a_member_starts(case: str) -> None:
    secrets, sentence = UNUSABLE[case]
    assert plan(with_secret(to_secure(1, **OWN), *secrets)).decision.message == sentence


def test_the_users_certificate_has_to_be_a_clients_for_the_gateway() -> None:
    asked = with_spec(to_secure(1, **OWN), **GATEWAY)
    mine, company = users_secret("mine", *HOSTS), users_secret("company")
    assert plan(with_secret(asked, mine, company)).decision.message == (
        "The certificate in Secret mine is not for clients, which "
        "spec.etcdConfig.enableGRPCGateway needs: it needs that extended usage as well."
    )
    assert mine.certificate
    both = replace(mine, certificate=replace(mine.certificate, client=True, common_name="etcd"))
    assert plan(with_secret(asked, both, company)).rule == "manage_certificates"
    security = {"tls": OWN, "auth": {"users": [], "roles": []}}
    with_users = with_secret(with_spec(asked, security=security), both, company)
    assert plan(with_users).decision.message == (
        "The certificate in Secret mine has the common name etcd, and by "
        "spec.etcdConfig.enableGRPCGateway clients could act as that user: use one without a "
        "common name."
    )
    nobody = replace(both, certificate=replace(mine.certificate, client=True))
    assert plan(with_secret(with_users, nobody)).rule == "manage_certificates"


def test_the_users_certificate_is_mounted_and_their_authority_trusted() -> None:
    scene = with_secret(to_secure(1, **OWN), users_secret("mine", *HOSTS), users_secret("company"))
    issued = issue_all(scene)
    assert set(issued.credentials) == {
        "mine",
        "company",
        "db-client-ca",
        "db-peer-ca",
        "db-operator-tls",
        "db-client-tls",
        "db-peer-tls",
    }
    gate = next(a for a in plan(issued).actions if getattr(a, "kind", "") == "ConfigMap")
    trusted = gate.manifest["data"]["client-ca.crt"]  # type: ignore[union-attr]  # an ApplyObject
    assert trusted == "pem of client-ca1\npem of company\n"


def test_expiry_is_shown_and_a_late_renewal_is_told() -> None:
    scene = secured()
    decision = plan(scene).decision
    shown = report(scene, decision).certificates
    assert [one.secret for one in shown][:2] == ["db-client-ca", "db-client-tls"]
    found = {v.type: v for v in judge(scene, decision)}
    assert found["CertificatesValid"].status == "True"
    late = later(scene, 2160 * 5 / 6 + 1)
    verdict = {v.type: v for v in judge(late, decision)}["CertificatesValid"]
    assert (verdict.status, verdict.reason) == ("False", verdicts.EXPIRING_SOON)
    verdict = {v.type: v for v in judge(later(scene, 2161), decision)}["CertificatesValid"]
    assert (verdict.status, verdict.reason) == ("False", verdicts.EXPIRED)
    assert "CertificatesValid" not in {v.type for v in judge(formed(3), decision)}


def rotating() -> Snapshot:
    """The authorities of before are still trusted and in use, the new ones are made."""
    return issue_all(with_tls(secured(), caGeneration=1))


def test_a_lost_authority_is_replaced_with_the_old_one_trusted() -> None:
    lost = without_secret(secured(), "db-peer-ca")
    (action,) = plan(lost).actions
    assert isinstance(action, IssueAuthority)
    assert [one.key_id for one in action.keep] == ["peer-ca1"]


def test_nothing_is_signed_by_whom_a_member_does_not_trust() -> None:
    scene = later(rotating(), 2)
    leaf = next(
        a.leaf
        for a in plan(to_secure(3)).actions
        if isinstance(a, IssueCertificate) and a.leaf.secret == "db-peer-tls"
    )
    live = scene.credentials["db-peer-tls"]
    signer = authority_id(scene, "db-peer-ca")
    action = IssueCertificate(leaf, live.uid, live.resource_version, signer, LIFE, (), "")
    assert guards.refuse(action, scene) == "db-0 does not trust the CA of the certificate yet"
    assert plan(scene).rule != "manage_certificates", "the members restart first"


def test_nobody_is_distrusted_who_signed_what_is_in_use() -> None:
    scene = rotating()
    live = scene.credentials["db-peer-ca"]
    fresh = tuple(one for one in live.trusted if one.key_id == authority_id(scene, "db-peer-ca"))
    action = ShareTrust("db-peer-ca", live.uid, live.resource_version, fresh, "")
    assert guards.refuse(action, scene) == (
        "a certificate in use is signed by a CA that would not be trusted any more"
    )


def test_a_secret_that_was_replaced_is_not_written() -> None:
    scene = secured()
    action = ShareTrust("db-peer-ca", "another", "1", (), "")
    assert guards.refuse(action, scene) == "the Secret is not the one that was read"


def test_a_pause_renews_nothing() -> None:
    scene = later(secured(), TWO_THIRDS)
    paused = scene.cluster.spec.model_copy(update={"paused": True})
    assert plan(with_cluster(scene, spec=paused)).actions == ()


def test_the_urls_say_whether_they_are_encrypted() -> None:
    scene = secured()
    assert scene.naming.peer_url(0).startswith("https://")
    assert NAMING.peer_url(0).startswith("http://")


def test_members_that_start_after_everything_was_deleted_trust_each_other() -> None:
    """All Secrets are gone: stopped and started, the members come up with new authorities."""
    scene = secured()
    gate = {
        f"{who}-ca.crt": scene.credentials[f"db-{who}-ca"].trusted for who in ("client", "peer")
    }
    lost = replace(scene, credentials={}, gate_trust=gate)
    stopped = with_spec(silent(lost, 0, 1, 2), size=0)
    stopped = issue_all(stopped)
    assert set(stopped.credentials) == {"db-client-ca", "db-peer-ca"}, "who runs would refuse more"
    stopped = issue_all(replace(stopped, pods=(), probes={}, membership=None))
    (change,) = (a for a in plan(stopped).actions if getattr(a, "kind", "") == "ConfigMap")
    assert isinstance(change, ApplyObject)
    assert change.manifest["data"]["peer-ca.crt"] == "pem of peer-ca1\npem of peer-ca2\n"
    before = scene.children["ConfigMap", "db-config"].body["data"]
    assert change.manifest["data"]["db-0.yaml"] == before["db-0.yaml"], "the gate is as it was"
    assert guards.refuse(change, stopped) is None


def test_without_a_quorum_a_gate_that_is_right_is_left_alone() -> None:
    assert plan(silent(secured(), 0, 1, 2)).actions == ()


@pytest.mark.parametrize("secret", ["db-server-tls", "db-peer-tls", "db-client-tls"])
def test_a_certificate_for_another_use_is_issued_again(secret: str) -> None:
    scene = secured(3)
    live = scene.credentials[secret]
    assert live.certificate is not None
    other = replace(live.certificate, client=not live.certificate.client)
    changed = with_secret(scene, replace(live, certificate=other))
    issued = [a.leaf.secret for a in plan(changed).actions if isinstance(a, IssueCertificate)]
    assert issued == [secret]

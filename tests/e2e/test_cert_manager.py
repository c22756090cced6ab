"""Issuers of cert-manager for clients and between members, with cert-manager's controllers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.target import Target
from etcd_operator.core.model.issuer_stage import ANNOTATION_ISSUER_STAGE
from etcd_operator.core.model.naming import ANNOTATION_TLS
from etcd_operator.core.model.peer_issuer import PeerIssuer, read_peer_issuer
from etcd_operator.runtime.pki.x509 import KeyPair, issue_certificate, make_authority
from local.places import read_places
from tests.cert_manager.schema import define, undefine
from tests.chaos.endpoint import Door
from tests.chaos.load import Load
from tests.e2e import histories
from tests.e2e.cert_manager import CERTIFICATES, add_issuer, issuing, renew, revisions
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.secured import TRUST, SecuredCluster, put_secret, read_secret, sign_server
from tests.e2e.wire import SERVES, Papers, ask, shown_certificate, take_papers

# One waits for the other.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(480)]

CLIENTS = 2379
PEERS = 2380
# By which members know each other.
MEMBER = "c-peer.{}.svc"
# Clients of the load read their Secret every two seconds, and keep a connection for some.
OVERLAP = "15s"
# An election, which may take several seconds on a busy machine.
LONGEST_GAP = 6.0
# For the operator, and the issuer: for clients, and between members.
TRUSTED = 3


@pytest.fixture
def undefined(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Kubernetes without cert-manager's definitions, which are taken away again at the end.

    It is one test's at a time, also of those in other processes.
    """
    if not target.is_local:
        pytest.skip("who has Certificates there would lose them with their definition")
    with (tmp_path_factory.getbasetemp().parent / "cert-manager.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        undefine(target)
        yield target
        undefine(target)


def test_an_issuer_of_cert_manager(undefined: Target, cluster: Cluster, tmp_path: Path) -> None:
    """Missing, silent, issuing, renewing, another, and failing: each is told or followed."""
    secured = SecuredCluster(cluster.target, cluster.namespace, spec=_issued_by("company"))
    secured.create(size=1)
    assert "needs cert-manager" in secured.wait_reason("Ready", "CertManagerMissing")
    wait_until("an Event says so", lambda: bool(secured.events("NotIssued")), 30)
    define(undefined)
    said = secured.wait_reason("Ready", "WaitingForIssuer")
    assert "Certificate c-server by Issuer company: it has said nothing about it yet" in said
    with issuing(secured, read_places(os.environ), tmp_path):
        wait_until("it answers", lambda: _told(secured, "does not exist"), 30)
        company = add_issuer(secured, "company")
        secured.wait_running(1)
        _assert_closed_to_others(secured, company)
        _assert_members_alone(secured, company)
        _follow_renewal(secured)
        other = add_issuer(secured, "other")
        secured.patch(**_issued_by("other"))
        wait_until("the other one is trusted", lambda: _serves_by(secured, other), 60)
        _assert_closed_to_others(secured, other)
        _assert_members_alone(secured, other)
        assert SERVES not in ask(secured, 0, CLIENTS, _sign(company, other.certificate))
        secured.patch(**_issued_by("nowhere"))
        wait_until(
            "it is told", lambda: secured.condition("CertificatesValid")["status"] == "False"
        )
        assert "by Issuer nowhere" in secured.condition("CertificatesValid")["message"]
        _assert_closed_to_others(secured, other)


@pytest.mark.timeout(600)
def test_an_issuer_comes_and_goes_under_load(
    undefined: Target, cluster: Cluster, tmp_path: Path
) -> None:
    """For clients, from a certificate of the user's own and back; between members likewise.

    No client is refused, and none is in vain; the members keep their quorum.
    """
    define(undefined)
    own = {"caOverlap": OVERLAP}
    secured = SecuredCluster(cluster.target, cluster.namespace, spec={"security": {"tls": own}})
    users = make_authority("users", datetime.now(UTC))
    put_secret(secured, "mine", {**sign_server(secured, users), "ca.crt": users.certificate})
    secured.create(size=3, security={"tls": {**own, "certificateSecret": "mine"}})
    secured.wait_running(3)
    before, peers = take_papers(secured, "c-client-tls"), read_secret(secured, "c-peer-tls")
    door = Door(secured)
    load = Load(door, seed=23)
    with issuing(secured, read_places(os.environ), tmp_path):
        company = add_issuer(secured, "company")
        load.start()
        try:
            by_issuer = {"issuerRef": {"name": "company"}, "peerIssuerRef": {"name": "company"}}
            secured.patch(**_shown_by(**by_issuer))
            _wait_for_stage(secured, "All-1", PeerIssuer.ALONE, company.certificate)
            assert SERVES in ask(secured, 2, CLIENTS, _sign(company, company.certificate))
            _assert_members_alone(secured, company)
            secured.patch(**_shown_by(certificateSecret="mine"))
            _wait_for_stage(secured, "Own-1", PeerIssuer.OWN, before.roots)
            assert SERVES not in ask(secured, 2, CLIENTS, _sign(company, before.roots))
            assert SERVES in ask(secured, 2, CLIENTS, _sign(users, users.certificate))
            member = _sign(company, peers["ca.crt"], MEMBER.format(secured.namespace))
            assert SERVES not in ask(secured, 2, PEERS, member)
        finally:
            door.leave()
            history = load.finish()
    assert read_secret(secured, "c-peer-tls")["ca.crt"] == peers["ca.crt"]
    assert not secured.objects(CERTIFICATES)
    histories.assert_served(secured.namespace, history, longest_gap=LONGEST_GAP)
    secured.start_client()
    secured.assert_agreement(3)


def _shown_by(**whose: object) -> dict[str, object]:
    tls = {"issuerRef": None, "peerIssuerRef": None, "certificateSecret": None, **whose}
    return {"security": {"tls": tls}}


def _wait_for_stage(cluster: SecuredCluster, stage: str, peers: PeerIssuer, roots: str) -> None:
    """Wait until the gate has these stages, clients trust these alone, and nothing is rolled."""

    def is_there() -> bool:
        # The kubelet looks at mounted Secrets when a Pod changes, else within about a minute.
        cluster.nudge()
        gate = cluster.read("get", "configmap", "c-config")["metadata"]["annotations"]
        papers = take_papers(cluster, "c-client-tls")
        there = gate.get(ANNOTATION_ISSUER_STAGE) == stage and papers.roots == roots
        there = there and read_peer_issuer(gate[ANNOTATION_TLS].split(",")) is peers
        trusts = {pod["metadata"]["annotations"][TRUST] for pod in cluster.objects("pods")}
        return there and trusts == {gate[TRUST]} and cluster.is_running(3)

    wait_until(f"stage {stage}", is_there, 240)
    for ordinal in range(3):
        assert SERVES in ask(cluster, ordinal, CLIENTS, take_papers(cluster, "c-client-tls"))
        assert SERVES in ask(cluster, ordinal, CLIENTS, take_papers(cluster, "c-operator-tls"))


def _issued_by(issuer: str) -> dict[str, object]:
    tls = {"issuerRef": {"name": issuer}, "peerIssuerRef": {"name": issuer}}
    return {"security": {"tls": tls}}


def _told(cluster: Cluster, words: str) -> bool:
    return words in cluster.condition("Ready")["message"]


def _follow_renewal(cluster: SecuredCluster) -> None:
    """Members show what was renewed without a restart; a Certificate that was deleted is back."""
    pods, before = cluster.uids("pods"), shown_certificate(cluster, 0, CLIENTS)
    was = cluster.uids(CERTIFICATES)["c-client"]
    cluster.kubectl("delete", CERTIFICATES, "c-client")
    wait_until(
        "it is asked for", lambda: cluster.uids(CERTIFICATES).get("c-client", was) != was, 30
    )
    renew(cluster, "c-server")
    wait_until("it is renewed", lambda: revisions(cluster)["c-server"] == 2, 30)

    def renewed() -> bool:
        # The kubelet looks at mounted Secrets when a Pod changes, else within about a minute.
        cluster.nudge()
        return shown_certificate(cluster, 0, CLIENTS) != before

    wait_until("the renewed one is shown", renewed, 90)
    assert cluster.uids("pods") == pods
    wait_until("all is valid", lambda: cluster.condition("CertificatesValid")["status"] == "True")


def _serves_by(cluster: SecuredCluster, authority: KeyPair) -> bool:
    """Whether who has the Secret for clients is served by it, and nothing is rolled any more.

    While only one of both Secrets is new, members trust both issuers beside the cluster's own.
    """
    client, trust = take_papers(cluster, "c-client-tls"), _trusted(cluster)
    if client.roots != authority.certificate or len(trust) != TRUSTED or not cluster.is_running(1):
        return False
    return SERVES in ask(cluster, 0, CLIENTS, client)


def _trusted(cluster: Cluster) -> set[str]:
    """The key identifiers of the authorities that the member's Pod was started with."""
    return set(cluster.pod("c-0")["metadata"]["annotations"][TRUST].split(","))


def _assert_closed_to_others(cluster: SecuredCluster, authority: KeyPair) -> None:
    """Who has a certificate of the issuer, or of the cluster's own authority, is served."""
    client = take_papers(cluster, "c-client-tls")
    assert client.roots == authority.certificate
    assert SERVES in ask(cluster, 0, CLIENTS, client)
    operator = take_papers(cluster, "c-operator-tls")
    assert SERVES in ask(cluster, 0, CLIENTS, operator)
    assert SERVES not in ask(cluster, 0, CLIENTS, None)
    assert SERVES not in ask(cluster, 0, CLIENTS, Papers(client.roots))
    stranger = make_authority("stranger", datetime.now(UTC))
    assert SERVES not in ask(cluster, 0, CLIENTS, _sign(stranger, client.roots))


def _assert_members_alone(cluster: SecuredCluster, authority: KeyPair) -> None:
    """Members let in who has a certificate of this authority with their common name, only."""
    member = MEMBER.format(cluster.namespace)
    assert SERVES in ask(cluster, 0, PEERS, _sign(authority, authority.certificate, member))
    assert SERVES not in ask(cluster, 0, PEERS, _sign(authority, authority.certificate))
    assert SERVES not in ask(cluster, 0, PEERS, take_papers(cluster, "c-client-tls"))


def _sign(authority: KeyPair, roots: str, common_name: str = "client") -> Papers:
    """What somebody shows that another authority vouches for."""
    pair = issue_certificate(
        authority, common_name, datetime.now(UTC), timedelta(hours=1), server=False
    )
    return Papers(roots, pair.certificate, pair.key)

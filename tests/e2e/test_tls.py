"""Mutual TLS everywhere, proven on the wire; renewal and change of authority on a live cluster."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.target import TargetError
from etcd_operator.runtime.pki.x509 import issue_certificate, make_authority
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_created, as_foreseen, as_patched, as_previewed, loses_disk
from tests.e2e.secured import SecuredCluster, put_secret, read_secret, sign_server
from tests.e2e.wire import SERVES, Papers, ask, shown_certificate, take_papers

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

TLS: dict[str, Any] = {"security": {"tls": {}}}
CLIENTS, PEERS, METRICS_TLS = 2379, 2380, 2382
PAUSE_SECONDS = 0.3


@pytest.fixture
def secured(cluster: Cluster) -> SecuredCluster:
    """A cluster with TLS that does not exist yet."""
    return SecuredCluster(cluster.target, cluster.namespace, spec=TLS)


def forge(papers: Papers) -> Papers:
    """The same authorities to believe, and a certificate of an authority that nobody knows."""
    now = datetime.now(UTC)
    pair = issue_certificate(
        make_authority("stranger", now), "root", now, timedelta(hours=1), server=False
    )
    return Papers(papers.roots, pair.certificate, pair.key)


def assert_closed_to_strangers(cluster: Cluster, ordinal: int) -> None:
    """Only who was issued a certificate for a port gets a word out of it."""
    client, peer = take_papers(cluster, "c-client-tls"), read_secret(cluster, "c-peer-tls")
    member = Papers(peer["ca.crt"], peer["client.crt"], peer["client.key"])
    assert SERVES in ask(cluster, ordinal, CLIENTS, client), "clients are served"
    assert SERVES in ask(cluster, ordinal, PEERS, member), "members are served"
    refused = {
        "plain text": (CLIENTS, None),
        "no certificate": (CLIENTS, Papers(client.roots)),
        "a stranger's certificate": (CLIENTS, forge(client)),
        "a member's certificate": (CLIENTS, Papers(client.roots, member.certificate, member.key)),
        "a wrong authority": (CLIENTS, Papers(member.roots, client.certificate, client.key)),
        "peer port, plain text": (PEERS, None),
        "peer port, no certificate": (PEERS, Papers(member.roots)),
        "peer port, a stranger's certificate": (PEERS, forge(member)),
        "peer port, a client": (PEERS, Papers(member.roots, client.certificate, client.key)),
    }
    for who, (port, papers) in refused.items():
        assert SERVES not in ask(cluster, ordinal, port, papers), who


@pytest.mark.timeout(500)
def test_everything_is_encrypted_through_a_whole_life(secured: SecuredCluster) -> None:
    """Created, upgraded, grown, shrunk, stopped and started, a member replaced: always with TLS."""
    with as_created(secured, size=3, version="v3.5.35"):
        secured.wait_running(3)
    secured.start_client()
    secured.put("key", "value")
    assert_closed_to_strangers(secured, 0)
    metrics = {"tls": {"metricsTLSEnabled": True}}
    with as_patched(secured, version="v3.6.16", security=metrics):
        wait_until("all run 3.6", lambda: _versions(secured) == {"3.6.16"}, 120)
        secured.wait_running(3)
    assert_closed_to_strangers(secured, 2)
    client = take_papers(secured, "c-client-tls")
    assert "etcd_server_has_leader 1" in ask(secured, 1, METRICS_TLS, client, "/metrics")
    assert not ask(secured, 1, METRICS_TLS, Papers(client.roots), "/metrics")
    for size in (5, 3):
        with as_previewed(secured, f"size={size}"):
            secured.scale(size)
            secured.wait_running(size)
        secured.assert_agreement(size)
    removed = len(secured.events("MemberRemoved"))
    with as_foreseen(secured, loses_disk("c-2"), rejoining=("c-2",)):
        secured.kubectl("delete", "pvc", "data-c-2", "--wait=false")
        secured.kubectl("delete", "pod", "c-2", "--wait=false")
        wait_until("a new disk", lambda: len(secured.events("MemberRemoved")) > removed, 60)
        secured.wait_running(3)
    with as_previewed(secured, "size=0"):
        secured.scale(0)
        secured.wait_phase("Stopped")
    # Who is trusted changes once more when the overlap of an hour is over: nobody waits for that.
    secured.kubectl("delete", "secrets", "--selector=etcd.etcd.io/cluster=c")
    wait_until("new ones", lambda: "c-peer-tls" in secured.uids("secrets"), 30)
    secured.scale(3)
    secured.wait_running(3)
    secured.nudge()
    wait_until("the client has them too", lambda: secured.read_key("key") == "value", 120)
    secured.assert_agreement(3)
    assert secured.condition("CertificatesValid")["status"] == "True"
    assert all(m["clientURL"].startswith("https://") for m in secured.status()["members"])


def _versions(cluster: Cluster) -> set[str]:
    return {m["version"] for m in cluster.status()["members"]}


def test_one_side_alone(cluster: Cluster, secured: SecuredCluster) -> None:
    """Encrypted between members only, and towards clients only, which is not changed at once."""
    secured.name = "clients"
    with (
        as_created(secured, size=1, security={"tls": {"peerTLSEnabled": False}}),
        as_created(cluster, size=3, security={"tls": {"clientTLSEnabled": False}}),
    ):
        cluster.wait_running(3)
        secured.wait_running(1)
    cluster.put("key", "value")
    peer = read_secret(cluster, "c-peer-tls")
    member = Papers(peer["ca.crt"], peer["client.crt"], peer["client.key"])
    assert SERVES in ask(cluster, 0, CLIENTS, None)
    assert SERVES in ask(cluster, 0, PEERS, member)
    assert SERVES not in ask(cluster, 0, PEERS, None)
    assert SERVES in ask(secured, 0, CLIENTS, take_papers(secured, "clients-client-tls"))
    assert SERVES not in ask(secured, 0, CLIENTS, None)
    assert SERVES in ask(secured, 0, PEERS, None)
    with pytest.raises(TargetError, match="TLS for clients cannot be turned on or off"):
        cluster.patch(security={"tls": {"clientTLSEnabled": True}})


def test_a_certificate_of_the_users_own(secured: SecuredCluster) -> None:
    """It is waited for, shown to clients, judged, and loaded anew without a restart."""
    now = datetime.now(UTC)
    authority = make_authority("company", now)
    tls = {"certificateSecret": "mine", "caSecret": "company"}
    with as_created(secured, size=1, security={"tls": tls}):
        said = secured.wait_reason("Ready", "CertificateUnusable")
    assert "Secret mine" in said
    assert "does not exist" in said
    put_secret(secured, "company", {"ca.crt": authority.certificate})
    put_secret(secured, "mine", sign_server(secured, authority, "elsewhere"))
    wait_until(
        "the wrong name is named",
        lambda: "is not for c-0.c-peer" in secured.condition("Ready")["message"],
        30,
    )
    with as_foreseen(secured, lambda seen: not seen.starts_nothing):
        put_secret(secured, "mine", sign_server(secured, authority))
        secured.wait_running(1)
    mine = issue_certificate(authority, "me", now, timedelta(hours=1), server=False)
    me = Papers(authority.certificate, mine.certificate, mine.key)
    assert SERVES in ask(secured, 0, CLIENTS, me), "who the company knows is served"
    assert SERVES not in ask(secured, 0, CLIENTS, Papers(authority.certificate))
    assert SERVES in ask(secured, 0, CLIENTS, take_papers(secured, "c-client-tls"))
    pods, before = secured.uids("pods"), shown_certificate(secured, 0, CLIENTS).serial_number
    put_secret(secured, "mine", sign_server(secured, authority))
    secured.nudge()
    wait_until(
        "the new certificate is shown",
        lambda: shown_certificate(secured, 0, CLIENTS).serial_number != before,
        120,
    )
    assert secured.uids("pods") == pods


class Writer(threading.Thread):
    """Writes through the client Service all the time, each key once, with etcdctl's own retries."""

    def __init__(self, cluster: SecuredCluster) -> None:
        super().__init__()
        self._cluster = cluster
        self._ending = threading.Event()
        self.written: list[str] = []
        self.failed = 0

    def run(self) -> None:
        """Write until told to end; a failed write is tried once more."""
        number = 0
        # Each write is two processes, which others beside this test would miss.
        while not self._ending.wait(PAUSE_SECONDS):
            number += 1
            key = f"load-{number}"
            for _ in range(2):
                try:
                    self._cluster.put(key, key)
                    self.written.append(key)
                    break
                except TargetError:
                    self.failed += 1

    def end(self) -> None:
        """Stop writing."""
        self._ending.set()
        self.join()


@pytest.mark.timeout(500)
def test_certificates_and_authorities_change_under_load(secured: SecuredCluster) -> None:
    """Leaves are renewed without a restart, authorities in three phases; no write is lost."""
    tls = {"caOverlap": "5s"}
    secured.create(size=3, version="v3.6.16", security={"tls": tls})
    secured.wait_running(3)
    secured.start_client()
    writer = Writer(secured)
    writer.start()
    try:
        _renew_leaves(secured, tls)
        _replace_authorities(secured, {**tls, "certificateLifetime": "720h"})
    finally:
        writer.end()
    assert len(writer.written) > 20
    assert writer.failed <= 2, f"{writer.failed} of {len(writer.written)} writes had to be repeated"
    kept = secured.etcdctl("get", "load-", "--prefix", "--keys-only").split()
    assert set(writer.written) <= set(kept), "an acknowledged write is lost"
    assert_closed_to_strangers(secured, 0)


def _renew_leaves(cluster: SecuredCluster, tls: dict[str, Any]) -> None:
    pods = cluster.uids("pods")
    before = {port: shown_certificate(cluster, 1, port) for port in (CLIENTS, PEERS)}
    with as_previewed(cluster, "security.tls.certificateLifetime=720h"):
        cluster.patch(security={"tls": {**tls, "certificateLifetime": "720h"}})
        wait_until("four are issued", lambda: len(cluster.events("CertificateIssued")) >= 8, 30)
    cluster.nudge()
    for port, certificate in before.items():
        wait_until(
            f"a new certificate at {port}",
            lambda p=port, c=certificate: shown_certificate(cluster, 1, p) != c,  # type: ignore[misc]  # bound now
            120,
        )
    assert cluster.uids("pods") == pods, "without a restart"


def _replace_authorities(cluster: SecuredCluster, tls: dict[str, Any]) -> None:
    before = cluster.read_authorities()
    old_client = take_papers(cluster, "c-client-tls")
    with as_previewed(cluster, "security.tls.caGeneration=1") as told:
        cluster.patch(security={"tls": {**tls, "caGeneration": 1}})

        def finished() -> bool:
            cluster.nudge()
            time.sleep(1)
            return cluster.trusts_others_than(before)

        told.follow("only the new authorities are trusted", finished, 240)
        cluster.wait_running(3)
    for name in ("c-client-ca", "c-peer-ca"):
        assert set(cluster.read("get", "secret", name)["data"]) == {"ca.crt", "tls.crt", "tls.key"}
    cluster.wait_running(3)
    assert SERVES not in ask(cluster, 0, CLIENTS, old_client), "the old one opens no door"
    assert json.loads(cluster.etcdctl("endpoint", "health", "--cluster", "--write-out=json"))

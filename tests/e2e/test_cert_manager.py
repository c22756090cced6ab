"""An issuer of cert-manager for the client port, with the real definition of Certificates.

The test plays cert-manager: it fills the Secrets from an authority of its own and says so.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from deploy.target import Target, TargetError
from etcd_operator.json_types import Json
from etcd_operator.runtime.pki.x509 import issue_certificate, make_authority
from tests.cert_manager.schema import DEFINITION, read_definition
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.secured import SecuredCluster
from tests.e2e.wire import SERVES, Papers, ask, shown_certificate, take_papers

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

CLIENTS = 2379
NAME = read_definition()["metadata"]["name"]


class Issuer(threading.Thread):
    """Issues what Certificates of a namespace ask for, and again when told to."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._ending = threading.Event()
        self.authority = make_authority("company", datetime.now(UTC))
        self.revision = 1

    def run(self) -> None:
        """Look at the Certificates until told to end."""
        while not self._ending.wait(0.3):
            try:
                items = self._cluster.read("get", NAME)["items"]
            except TargetError:
                continue  # not defined yet, or any more
            for item in items:
                if (item.get("status") or {}).get("revision") != self.revision:
                    self._issue(item)

    def _issue(self, item: Json) -> None:
        spec, names = item["spec"], item["spec"].get("dnsNames", [])
        pair = issue_certificate(
            self.authority,
            spec["commonName"],
            datetime.now(UTC),
            timedelta(hours=float(spec["duration"].removesuffix("h"))),
            names=[*names, *spec.get("ipAddresses", [])],
            server="server auth" in spec["usages"],
        )
        files = {"tls.crt": pair.certificate, "tls.key": pair.key}
        files["ca.crt"] = self.authority.certificate
        metadata = {"name": spec["secretName"], "namespace": self._cluster.namespace}
        data = {key: base64.b64encode(text.encode()).decode() for key, text in files.items()}
        self._cluster.target.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        )
        ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": "issued"}
        said = {"status": {"conditions": [ready], "revision": self.revision}}
        words = ("--subresource=status", "--type=merge", f"--patch={json.dumps(said)}")
        self._cluster.kubectl("patch", NAME, item["metadata"]["name"], *words)

    def end(self) -> None:
        """Stop issuing."""
        self._ending.set()
        self.join()


@pytest.fixture
def cert_manager(target: Target) -> Iterator[Target]:
    """Kubernetes without the definition, which is taken away again at the end."""
    target.run("delete", "crd", NAME, "--ignore-not-found")
    yield target
    target.run("delete", "crd", NAME, "--ignore-not-found")


def test_an_issuer_of_cert_manager(cert_manager: Target, cluster: Cluster) -> None:
    """Missing, silent, issuing, and renewing: each is told or followed, on the wire too."""
    tls = {"issuerRef": {"name": "company"}}
    secured = SecuredCluster(cluster.target, cluster.namespace, spec={"security": {"tls": tls}})
    secured.create(size=1)
    assert "needs cert-manager" in secured.wait_reason("Ready", "CertManagerMissing")
    wait_until("an Event says so", lambda: bool(secured.events("NotIssued")), 30)
    cert_manager.run("apply", f"--filename={DEFINITION}")
    said = secured.wait_reason("Ready", "WaitingForIssuer")
    assert "Certificate c-server by Issuer company" in said
    issuer = Issuer(secured)
    issuer.start()
    try:
        secured.wait_running(1)
        assert_closed_to_others(secured, issuer)
        pods, before = secured.uids("pods"), shown_certificate(secured, 0, CLIENTS)
        secured.kubectl("delete", NAME, "c-client")
        wait_until("it is asked for again", lambda: "c-client" in secured.uids(NAME), 30)
        issuer.revision = 2
        wait_until("both are renewed", lambda: revisions(secured) == {2}, 30)

        def renewed() -> bool:
            # The kubelet looks at mounted Secrets when a Pod changes, else within about a minute.
            secured.kubectl("annotate", "pods", "--all", "--overwrite", "nudged=now")
            secured.kubectl("annotate", "pods", "--all", "nudged-")
            return shown_certificate(secured, 0, CLIENTS) != before

        wait_until("the renewed one is shown", renewed, 90)
        assert secured.uids("pods") == pods
        wait_until(
            "all is valid", lambda: secured.condition("CertificatesValid")["status"] == "True", 10
        )
    finally:
        issuer.end()


def assert_closed_to_others(cluster: SecuredCluster, issuer: Issuer) -> None:
    """Who has a certificate of the issuer, or of the cluster's own authority, is served."""
    client = take_papers(cluster, "c-client-tls")
    assert client.roots == issuer.authority.certificate
    assert SERVES in ask(cluster, 0, CLIENTS, client)
    operator = take_papers(cluster, "c-operator-tls")
    assert SERVES in ask(cluster, 0, CLIENTS, operator)
    assert SERVES not in ask(cluster, 0, CLIENTS, None)
    assert SERVES not in ask(cluster, 0, CLIENTS, Papers(client.roots))
    stranger = make_authority("stranger", datetime.now(UTC))
    forged = issue_certificate(
        stranger, "client", datetime.now(UTC), timedelta(hours=1), server=False
    )
    papers = Papers(client.roots, forged.certificate, forged.key)
    assert SERVES not in ask(cluster, 0, CLIENTS, papers)


def revisions(cluster: Cluster) -> set[int]:
    """The editions that were issued last."""
    return {item["status"].get("revision", 0) for item in cluster.objects(NAME)}

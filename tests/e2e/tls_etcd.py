"""An etcd cluster with TLS that nobody operates: one company's CA for clients, servers and peers.

As charts have it: what a person hands over are the CA, and a certificate of a client.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from etcd_operator.json_types import Json
from etcd_operator.runtime.pki.x509 import KeyPair, issue_certificate, make_authority
from tests.chaos.rpc import Connection
from tests.e2e.foreign_etcd import ForeignEtcd, SharedDoor
from tests.e2e.harness import Cluster
from tests.e2e.secured import SecuredCluster
from tests.e2e.wire import take_papers

CLIENT: Final = "old-client"
_PLACE: Final = "/certs"
_LIFE: Final = timedelta(days=30)
# What an EtcdCluster says beside `bootstrap` to take it over.
SPEC: Final[Json] = {
    "security": {"tls": {"certificateSecret": "new-server", "caSecret": "company"}}
}


@dataclass
class TlsEtcd(ForeignEtcd):
    """The StatefulSet `old` with TLS, and the Secrets that the how-to page describes."""

    authority: KeyPair = field(default_factory=lambda: make_authority("old", datetime.now(UTC)))

    @property
    def source(self) -> Json:
        """With what was handed over."""
        handed = {"clientCertificateSecret": CLIENT, "peerCASecret": "old-ca"}
        return {**super().source, **handed}

    def create(self) -> None:
        """Create it and its Secrets."""
        where = f"{self.namespace}.svc"
        shared = ("clients", f"clients.{where}", "localhost")
        self._add("old-ca", self.authority)
        self._add("company", None)
        self._add(CLIENT, self._issue("root", server=False))
        self._add("old-tls", self._issue("old", f"*.old.{where}.cluster.local", *shared))
        self._add("old-peer-client", self._issue("old", server=False))
        inside = (f"*.c-peer.{where}.cluster.local", f"*.c-peer.{where}", f"c-client.{where}")
        self._add("new-server", self._issue("new", *inside, *shared))
        super().create()

    def _issue(self, name: str, *names: str, server: bool = True) -> KeyPair:
        now = datetime.now(UTC)
        return issue_certificate(self.authority, name, now, _LIFE, names=names, server=server)

    def _add(self, name: str, pair: KeyPair | None) -> None:
        texts = {"tls.crt": pair.certificate, "tls.key": pair.key} if pair else {}
        texts["ca.crt"] = self.authority.certificate
        data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        about = {"name": name, "namespace": self.namespace}
        self.target.apply({"apiVersion": "v1", "kind": "Secret", "metadata": about, "data": data})

    def _render(self) -> Json:
        rendered = super()._render()
        names = ("old-tls", "old-peer-client")
        rendered["template"]["spec"]["volumes"] = [
            {"name": name, "secret": {"secretName": name, "defaultMode": 0o440}} for name in names
        ]
        return rendered

    def _render_container(self) -> Json:
        container = super()._render_container()
        options = {
            name: value.replace("http://", "https://")
            for name, value in (word.removeprefix("--").split("=", 1) for word in container["args"])
        }
        own, client = (f"{_PLACE}/{name}" for name in ("old-tls", "old-peer-client"))
        for side in ("", "peer-"):
            options |= {
                f"{side}cert-file": f"{own}/tls.crt",
                f"{side}key-file": f"{own}/tls.key",
                f"{side}trusted-ca-file": f"{own}/ca.crt",
                f"{side}client-cert-auth": "true",
            }
        # etcd looks up the names in what a peer shows as a client, and this one has none.
        options |= {
            "peer-client-cert-file": f"{client}/tls.crt",
            "peer-client-key-file": f"{client}/tls.key",
            "listen-metrics-urls": "http://0.0.0.0:2381",
        }
        container["args"] = [f"--{name}={value}" for name, value in options.items()]
        container["readinessProbe"]["httpGet"]["port"] = 2381
        for name in ("old-tls", "old-peer-client"):
            container["volumeMounts"].append({"name": name, "mountPath": f"{_PLACE}/{name}"})
        return container

    def etcdctl(self, *words: str, pod: int = 0) -> str:
        """Run etcdctl in one of its Pods, as a client with a certificate."""
        client, own = f"{_PLACE}/old-peer-client", f"{_PLACE}/old-tls"
        return self.kubectl(
            "exec",
            f"{self.name}-{pod}",
            "--",
            "etcdctl",
            "--endpoints=https://localhost:2379",
            f"--cacert={own}/ca.crt",
            f"--cert={client}/tls.crt",
            f"--key={client}/tls.key",
            *words,
        )


@dataclass
class TlsCluster(SecuredCluster):
    """An EtcdCluster whose clients have certificates of the company."""

    mounted: str = CLIENT


class TlsDoor(SharedDoor):
    """The Service over the members of both clusters, for a client of the company."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        self._papers = take_papers(cluster, CLIENT)
        self._name = f"clients.{cluster.namespace}.svc"

    def open(self) -> Connection:
        """A new connection."""
        return Connection(self._shared, self._name, self._papers)

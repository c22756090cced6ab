"""An EtcdCluster with TLS, and a client Pod that mounts the Secret for clients, as users do."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from etcd_operator.json_types import Json
from etcd_operator.runtime.pki.x509 import KeyPair, issue_certificate
from tests.e2e.harness import SMALL, Cluster, wait_until

CLIENT = "client"
MOUNT = "/tls"
DIRECT = "http://127.0.0.1:2379"
TRUST = "etcd.etcd.io/trust"


@dataclass
class SecuredCluster(Cluster):
    """etcdctl runs in the client Pod and shows the mounted certificate."""

    mounted: str = ""

    @property
    def is_open(self) -> bool:
        """Clients show a certificate."""
        return False

    def start_client(self, version: str = "v3.5.35") -> None:
        """Start the client Pod, once its Secret is there."""
        secret = self.mounted or f"{self.name}-client-tls"
        wait_until("the Secret for clients", lambda: bool(self.read("get", "secret", secret)), 30)
        self.target.apply(_client_pod(self.namespace, secret, version))
        self.kubectl("wait", f"pod/{CLIENT}", "--for=condition=Ready", "--timeout=60s")

    def read_authorities(self) -> dict[str, str]:
        """The certificates of those who are trusted, by the Secret that holds them."""
        names = (f"{self.name}-client-tls", f"{self.name}-peer-tls")
        return {name: read_secret(self, name)["ca.crt"] for name in names}

    def trusts_others_than(self, before: dict[str, str]) -> bool:
        """Whether every member trusts one new authority per side, and none of these any more."""
        now = self.read_authorities()
        alone = [text.count("BEGIN") == 1 and text != before[name] for name, text in now.items()]
        gate = self.read("get", "configmap", f"{self.name}-config")
        trust = gate["metadata"]["annotations"][TRUST].split(",")
        pods = [pod["metadata"]["annotations"][TRUST] for pod in self.objects("pods")]
        return all(alone) and len(trust) == 2 and all(p.split(",") == trust for p in pods)

    def nudge(self) -> None:
        """Make the kubelet look at mounted Secrets now; by itself it would within a minute."""
        self.kubectl("annotate", "pods", "--all", "--overwrite", f"nudged={time.monotonic()}")

    @property
    def service(self) -> str:
        """The client Service as clients in the cluster reach it."""
        return super().service.replace("http://", "https://")

    def etcdctl(self, *words: str, pod: int = 0, endpoint: str = DIRECT) -> str:
        """Run etcdctl in the client Pod against one member, or another endpoint."""
        if endpoint == DIRECT:
            endpoint = f"https://{self.name}-{pod}.{self.name}-peer.{self.namespace}.svc:2379"
        papers = ("--cacert=ca.crt", "--cert=tls.crt", "--key=tls.key")
        flags = [flag.replace("=", f"={MOUNT}/") for flag in papers]
        return self.kubectl(
            "exec", CLIENT, "--", "etcdctl", f"--endpoints={endpoint}", *flags, *words
        )


def read_secret(cluster: Cluster, name: str) -> dict[str, str]:
    """The decoded data of a Secret."""
    data = cluster.read("get", "secret", name)["data"]
    return {key: base64.b64decode(text).decode() for key, text in data.items()}


def put_secret(cluster: Cluster, name: str, data: dict[str, str]) -> None:
    """Write a Secret as a user would."""
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    metadata = {"name": name, "namespace": cluster.namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded}
    cluster.target.apply(secret)


def sign_server(cluster: Cluster, authority: KeyPair, *names: str) -> dict[str, str]:
    """The data of a Secret with a certificate for these names, or for all that clients use."""
    name, where = cluster.name, f"{cluster.namespace}.svc"
    every = f"*.{name}-peer.{where}"
    wanted = names or (every, f"{every}.cluster.local", f"{name}-client.{where}")
    now, hour = datetime.now(UTC), timedelta(hours=1)
    pair = issue_certificate(authority, "c", now, hour, names=wanted, server=True)
    return {"tls.crt": pair.certificate, "tls.key": pair.key}


def _client_pod(namespace: str, secret: str, version: str) -> Json:
    """A Pod with etcdctl in it; the etcd that it runs is for itself, and only keeps it alive."""
    container: dict[str, Any] = {
        "name": "etcdctl",
        "image": f"quay.io/coreos/etcd:{version}",
        "command": ["/usr/local/bin/etcd", "--data-dir=/data", "--log-level=error"],
        "resources": SMALL,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "tls", "mountPath": MOUNT, "readOnly": True},
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": CLIENT, "namespace": namespace},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [
                {"name": "data", "emptyDir": {}},
                {"name": "tls", "secret": {"secretName": secret}},
            ],
        },
    }

"""An etcd cluster in the usual shape of Bitnami's chart: plain text, a password of root, JWT.

The chart's settings by environment, its data directory, and its key for tokens; the image is
etcd's own, so what the chart's scripts do at the first start is done here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import httpx2
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from etcd_operator.json_types import Json
from tests.chaos.rpc import Connection
from tests.e2e.foreign_etcd import ForeignEtcd, SharedDoor
from tests.e2e.harness import Cluster

PASSWORD: Final = "not-a-secret"
AS_ROOT: Final = f"--user=root:{PASSWORD}"
_KEY_PLACE: Final = "/opt/bitnami/etcd/certs/token"
_TOKENS: Final = f"jwt,priv-key={_KEY_PLACE}/jwt-token.pem,sign-method=RS256,ttl=10m"
_KEY_MOUNT: Final[Json] = {"name": "token", "mountPath": _KEY_PLACE, "readOnly": True}
_KEY_VOLUME: Final[Json] = {
    "name": "token",
    "secret": {"secretName": "old-jwt-token", "defaultMode": 0o440},
}
# What an EtcdCluster says beside `bootstrap` to take it over.
SPEC: Final[Json] = {
    "security": {
        "auth": {
            "mode": "Unmanaged",
            "rootPasswordSecret": "old-root",
            "jwt": {"keySecret": "old-jwt-token", "keyFile": "jwt-token.pem"},
        }
    },
}


@dataclass
class BitnamiEtcd(ForeignEtcd):
    """The StatefulSet `old` as the chart has it, and the Secret that the how-to page describes."""

    def create(self) -> None:
        """Create it, and let it ask for users."""
        pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        )
        self._add_secret("old-jwt-token", "Opaque", {"jwt-token.pem": pem.decode()})
        words = {"username": "root", "password": PASSWORD}
        self._add_secret("old-root", "kubernetes.io/basic-auth", words)
        super().create()
        for words_of_script in (
            ("user", "add", f"root:{PASSWORD}"),
            ("user", "grant-role", "root", "root"),
            ("auth", "enable"),
        ):
            super().etcdctl(*words_of_script)

    def _add_secret(self, name: str, kind: str, texts: dict[str, str]) -> None:
        about = {"name": name, "namespace": self.namespace}
        self.target.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": about,
                "type": kind,
                "stringData": texts,
            }
        )

    def _render(self) -> Json:
        rendered = super()._render()
        rendered["template"]["spec"]["volumes"] = [_KEY_VOLUME]
        return rendered

    def _render_container(self) -> Json:
        container = super()._render_container()
        options = dict(word.removeprefix("--").split("=", 1) for word in container.pop("args"))
        options |= {"data-dir": "/bitnami/etcd/data", "auth-token": _TOKENS}
        container["env"] += [
            {"name": f"ETCD_{name.upper().replace('-', '_')}", "value": value}
            for name, value in options.items()
        ]
        container["volumeMounts"] = [{"name": "data", "mountPath": "/bitnami/etcd"}, _KEY_MOUNT]
        return container

    def etcdctl(self, *words: str, pod: int = 0) -> str:
        """Run etcdctl as root in one of its Pods."""
        return super().etcdctl(AS_ROOT, *words, pod=pod)


class PasswordCluster(Cluster):
    """An EtcdCluster whose users have passwords."""

    @property
    def is_open(self) -> bool:
        """Clients log in."""
        return False

    def etcdctl(self, *words: str, pod: int = 0, endpoint: str = "http://127.0.0.1:2379") -> str:
        """Run etcdctl as root."""
        return super().etcdctl(AS_ROOT, *words, pod=pod, endpoint=endpoint)


class PasswordDoor(SharedDoor):
    """The Service over the members of both clusters, for a client that has logged in at an old one.

    Its token counts at every member, as long as all have the same key.
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__(cluster)
        body = json.dumps({"name": "root", "password": PASSWORD})
        said = httpx2.post(
            f"http://{self._shared}/v3/auth/authenticate", content=body, timeout=10, trust_env=False
        )
        self._token = str(said.raise_for_status().json()["token"])

    def open(self) -> Connection:
        """A new connection."""
        return Connection(self._shared, "clients", None, self._token)

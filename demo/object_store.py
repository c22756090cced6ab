"""An S3 service with TLS in the cluster: what a backup is stored to in demonstrations and tests."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.manifests import NAME as OPERATOR
from deploy.manifests import NAMESPACE as OPERATOR_NAMESPACE
from deploy.target import Target, TargetError
from local.images import object_store_image

Json = dict[str, Any]

NAME: Final = "s3"
BUCKET: Final = "backups"
PORT: Final = 7070
CREDENTIALS: Final = "s3-credentials"
AUTHORITY: Final = "s3-ca"
ACCESS_KEY: Final = "backup-demo"
SECRET_KEY: Final = "only-for-this-cluster"  # noqa: S105 (made for a service that goes away)
_MAKE_BUCKET: Final = (
    f"import os; [os.makedirs(p, exist_ok=True) for p in ('/data/buckets/{BUCKET}', '/data/meta')]"
)
_KEYS: Final = "s3-keys"
SECRETS: Final = (CREDENTIALS, AUTHORITY, _KEYS)
_NEW_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The service in a namespace; `authority` is the certificate that signed its own."""

    namespace: str
    authority: str

    @property
    def endpoint(self) -> str:
        """Where Pods reach it."""
        return f"https://{NAME}.{self.namespace}.svc:{PORT}"

    def destination(self, **more: Any) -> Json:
        """`spec.s3` of an EtcdBackup whose namespace has the Secrets."""
        access = {
            "endpoint": self.endpoint,
            "credentialsSecret": CREDENTIALS,
            "caSecret": AUTHORITY,
        }
        return {"bucket": BUCKET, **access, **more}

    def secrets(self, namespace: str) -> list[Json]:
        """The Secrets that a backup or a restore in a namespace needs."""
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        return [
            _secret(namespace, CREDENTIALS, keys),
            _secret(namespace, AUTHORITY, {"ca.crt": self.authority}),
        ]


def start(target: Target, namespace: str) -> ObjectStore:
    """Start the service in a namespace and wait until it serves."""
    keys = issue(f"{NAME}.{namespace}.svc")
    store = ObjectStore(namespace, keys.pop("ca.crt"))
    place = f"--namespace={OPERATOR_NAMESPACE}"
    deployment = target.read("get", "deployment", OPERATOR, place)
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    target.apply(
        _secret(namespace, _KEYS, keys),
        *store.secrets(namespace),
        _deployment(namespace, image),
        _service(namespace),
    )
    target.run(
        "rollout", "status", f"deployment/{NAME}", f"--namespace={namespace}", "--timeout=60s"
    )
    return store


def _secret(namespace: str, name: str, content: dict[str, str]) -> Json:
    data = {key: base64.b64encode(text.encode()).decode() for key, text in content.items()}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def _service(namespace: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {"selector": {"app": NAME}, "ports": [{"port": PORT, "targetPort": PORT}]},
    }


def _deployment(namespace: str, operator_image: str) -> Json:
    data = {"name": "data", "mountPath": "/data"}
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # A bucket is a directory; the image of the service has no program that makes one.
        "initContainers": [
            {
                "name": "bucket",
                "image": operator_image,
                "command": [
                    "/opt/operator/bin/python",
                    "-c",
                    _MAKE_BUCKET,
                ],
                "volumeMounts": [data],
                "securityContext": _confined(),
            }
        ],
        "containers": [_container(data)],
        "volumes": [
            {"name": "data", "emptyDir": {}},
            {"name": "keys", "secret": {"secretName": _KEYS}},
        ],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": NAME}},
            "template": {"metadata": {"labels": {"app": NAME}}, "spec": pod},
        },
    }


def _container(data: Json) -> Json:
    command = ["versitygw", f"--port=:{PORT}", "--cert=/keys/tls.crt", "--key=/keys/tls.key"]
    return {
        "name": NAME,
        "image": object_store_image(),
        "command": [*command, "posix", "--sidecar=/data/meta", "/data/buckets"],
        "env": [
            {"name": "ROOT_ACCESS_KEY", "value": ACCESS_KEY},
            {"name": "ROOT_SECRET_KEY", "value": SECRET_KEY},
        ],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "volumeMounts": [data, {"name": "keys", "mountPath": "/keys"}],
        "securityContext": _confined(),
    }


def _confined() -> Json:
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def issue(host: str, address: str = "127.0.0.1") -> dict[str, str]:
    """Make an authority and a certificate for the service, for this host and this address."""
    with tempfile.TemporaryDirectory() as work:
        names = f"subjectAltName=DNS:{host},DNS:localhost,IP:{address}"
        _openssl(work, "ca", "/CN=s3-demo-authority", "basicConstraints=critical,CA:TRUE")
        _openssl(work, "tls", f"/CN={NAME}", "basicConstraints=critical,CA:FALSE", names)
        found = ("ca.crt", "tls.crt", "tls.key")
        return {name: (Path(work) / name).read_text() for name in found}


def _openssl(work: str, name: str, subject: str, *extensions: str) -> None:
    command = ["openssl", "req", "-x509", *_NEW_KEY, "-subj", subject]
    command += ["-keyout", f"{name}.key", "-out", f"{name}.crt"]
    for extension in extensions:
        command += ["-addext", extension]
    if name != "ca":
        command += ["-CA", "ca.crt", "-CAkey", "ca.key"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TargetError(f"openssl could not make the keys of {name}: {done.stderr.strip()}")

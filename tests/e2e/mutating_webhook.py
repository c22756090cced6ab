"""A mutating webhook in a namespace: what meshes, policies and clouds do to its objects.

It runs in the test's own process, where only an API server on the same machine reaches it: at the
address by which this machine reaches the nodes.
"""

from __future__ import annotations

import base64
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from demo.object_store import issue
from deploy.manifests import NAME as OPERATOR
from deploy.manifests import NAMESPACE as OPERATOR_NAMESPACE
from deploy.target import Target
from etcd_operator.json_types import Json
from tests.e2e.wire import own_address

CONFINED: Final = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


# Changes an object that is about to be stored.
Change = Callable[[Json], None]


@contextmanager
def running(target: Target, namespace: str, resource: str, change: Change) -> Iterator[None]:
    """Change every object of a resource, such as statefulsets.apps, whenever it is written.

    Only what is in its spec may be changed.
    """
    address = own_address(target)
    keys = issue("localhost", address)
    server = http.server.ThreadingHTTPServer((address, 0), _handler(change))
    with TemporaryDirectory() as work:
        for name in ("tls.crt", "tls.key"):
            (Path(work) / name).write_text(keys[name])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(work) / "tls.crt", Path(work) / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://{address}:{server.server_address[1]}/"
    made = _configuration(namespace, resource, url, keys["ca.crt"])
    try:
        target.apply(made)
        yield
    finally:
        target.run("delete", made["kind"], made["metadata"]["name"], "--ignore-not-found")
        server.shutdown()
        server.server_close()


def add_to_mesh(target: Target) -> Change:
    """What a mesh adds to a StatefulSet: a label, a sidecar, and variables."""
    sidecar = _sidecar(target)

    def change(statefulset: Json) -> None:
        template = statefulset["spec"]["template"]
        template.setdefault("metadata", {}).setdefault("labels", {})["mesh"] = "on"
        containers = template["spec"]["containers"]
        if not any(container["name"] == sidecar["name"] for container in containers):
            containers.append(sidecar)
        for container in containers:
            known = container.setdefault("env", [])
            for name in ("MESH_SERVICE", "ETCD_QUOTA_BACKEND_BYTES"):
                if not any(variable["name"] == name for variable in known):
                    known.append({"name": name, "value": "1"})

    return change


def _handler(change: Change) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            content = json.dumps(_review(json.loads(self.rfile.read(length)), change)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _review(review: Json, change: Change) -> Json:
    """Answer with a patch that replaces the spec."""
    found = review["request"]["object"]
    change(found)
    patch = [{"op": "replace", "path": "/spec", "value": found["spec"]}]
    response = {
        "uid": review["request"]["uid"],
        "allowed": True,
        "patchType": "JSONPatch",
        "patch": base64.b64encode(json.dumps(patch).encode()).decode(),
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}


def _sidecar(target: Target) -> Json:
    """A container that does nothing, of the operator's image: every node has that."""
    place = f"--namespace={OPERATOR_NAMESPACE}"
    deployment = target.read("get", "deployment", OPERATOR, place)
    return {
        "name": "proxy",
        "image": deployment["spec"]["template"]["spec"]["containers"][0]["image"],
        "command": [
            "/opt/operator/bin/python",
            "-c",
            "import signal; signal.sigwait([signal.SIGTERM])",
        ],
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": CONFINED,
    }


def _configuration(namespace: str, resource: str, url: str, authority: str) -> Json:
    plural, _, group = resource.partition(".")
    rule = {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [plural],
    }
    webhook = {
        "name": f"{plural}.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 5,
        "clientConfig": {
            "url": url,
            "caBundle": base64.b64encode(authority.encode()).decode(),
        },
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "rules": [rule],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": f"{plural}-{namespace}"},
        "webhooks": [webhook],
    }

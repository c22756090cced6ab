"""A mutating webhook in a namespace: what meshes and policies do to its StatefulSets."""

from __future__ import annotations

import base64
import json
from typing import Any, Final

from demo.object_store import issue
from deploy.manifests import NAME as OPERATOR
from deploy.manifests import NAMESPACE as OPERATOR_NAMESPACE
from deploy.target import Target

Json = dict[str, Any]

NAME: Final = "hook"
PORT: Final = 8443
CONFINED: Final = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
# Answers each review with a JSON patch that it makes by `change` of the Pod template.
_SERVER: Final = """
import base64, http.server, json, os, ssl

def change(template):
    sidecar = json.loads(os.environ["SIDECAR"])
    template.setdefault("metadata", {}).setdefault("labels", {})["mesh"] = "on"
    containers = template["spec"]["containers"]
    if not any(c["name"] == sidecar["name"] for c in containers):
        containers.append(sidecar)
    for container in containers:
        known = container.setdefault("env", [])
        for name in ("HTTPS_PROXY", "ETCD_QUOTA_BACKEND_BYTES"):
            if not any(e["name"] == name for e in known):
                known.append({"name": name, "value": "1"})

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        body = review["object"]
        change(body["spec"]["template"])
        place = {"op": "replace", "path": "/spec/template"}
        patch = json.dumps([{**place, "value": body["spec"]["template"]}])
        answer = {"uid": review["uid"], "allowed": True, "patchType": "JSONPatch",
                  "patch": base64.b64encode(patch.encode()).decode()}
        said = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}
        content = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

server = http.server.ThreadingHTTPServer(("", 8443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/keys/tls.crt", "/keys/tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def find_operator_image(target: Target) -> str:
    """The image of the operator, which has a Python."""
    place = f"--namespace={OPERATOR_NAMESPACE}"
    deployment = target.read("get", "deployment", OPERATOR, place)
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def start(target: Target, namespace: str) -> None:
    """Let every StatefulSet of this namespace be changed when it is written."""
    keys = issue(f"{NAME}.{namespace}.svc")
    image = find_operator_image(target)
    metadata = {"name": NAME, "namespace": namespace}
    data = {key: base64.b64encode(text.encode()).decode() for key, text in keys.items()}
    target.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {"selector": {"app": NAME}, "ports": [{"port": 443, "targetPort": PORT}]},
        },
        _deployment(namespace, image),
    )
    target.run(
        "rollout", "status", f"deployment/{NAME}", f"--namespace={namespace}", "--timeout=60s"
    )
    target.apply(_configuration(namespace, data["ca.crt"]))


def stop(target: Target, namespace: str) -> None:
    """Take the webhook away."""
    target.run(
        "delete", "mutatingwebhookconfiguration", f"{NAME}-{namespace}", "--ignore-not-found"
    )


def _deployment(namespace: str, image: str) -> Json:
    python = "/opt/operator/bin/python"
    sidecar = {
        "name": "proxy",
        "image": image,
        "command": [python, "-c", "import signal; signal.sigwait([signal.SIGTERM])"],
        "resources": {"requests": {"cpu": "1m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "securityContext": CONFINED,
    }

    server = {
        "name": NAME,
        "image": image,
        "command": [python, "-c", _SERVER],
        "env": [{"name": "SIDECAR", "value": json.dumps(sidecar)}],
        "resources": {"requests": {"cpu": "1m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        "volumeMounts": [{"name": "keys", "mountPath": "/keys"}],
        "securityContext": CONFINED,
    }
    pod = {
        "automountServiceAccountToken": False,
        "containers": [server],
        "volumes": [{"name": "keys", "secret": {"secretName": NAME}}],
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


def _configuration(namespace: str, authority: str) -> Json:
    rule = {
        "apiGroups": ["apps"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["statefulsets"],
    }
    webhook = {
        "name": "mesh.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "timeoutSeconds": 5,
        "clientConfig": {
            "service": {"name": NAME, "namespace": namespace, "path": "/"},
            "caBundle": authority,
        },
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "rules": [rule],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": f"{NAME}-{namespace}"},
        "webhooks": [webhook],
    }

"""A program beside Prometheus: it finds what is to be scraped, and receives what is delivered.

Debian's Prometheus is built without discovery by Kubernetes. Over HTTP it gets the same targets
with the same labels here, so that the shipped `relabel_configs` choose among them as they are.
Only the standard library is used: this text is run as it is, in a Pod.
Source of the labels: kubernetes_sd_config in the documentation of Prometheus' configuration.
"""

from __future__ import annotations

import json
import re
import ssl
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = 9095
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
META = "__meta_kubernetes_"
received: list[dict[str, Any]] = []
hidden: set[str] = set()


def read_list(path: str) -> list[dict[str, Any]]:
    """Return the objects that the API server lists at a path."""
    token = (ACCOUNT / "token").read_text()
    request = urllib.request.Request(
        f"https://kubernetes.default.svc/api/v1/{path}",
        headers={"Authorization": f"Bearer {token}"},
    )
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, context=trust, timeout=10) as answer:  # noqa: S310 (https)
        found: list[dict[str, Any]] = json.load(answer)["items"]
    return found


def find_pods(pods: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return a target for each declared port of each container of each Pod with an address."""
    for pod in pods:
        address = pod["status"].get("podIP")
        if not address or pod["status"].get("phase") in ("Succeeded", "Failed"):
            continue
        if pod["metadata"]["namespace"] in hidden:
            continue
        labels = {
            f"{META}namespace": pod["metadata"]["namespace"],
            f"{META}pod_name": pod["metadata"]["name"],
            f"{META}pod_node_name": pod["spec"].get("nodeName", ""),
        }
        for name, value in (pod["metadata"].get("labels") or {}).items():
            labels[f"{META}pod_label_{re.sub('[^A-Za-z0-9_]', '_', name)}"] = value
        for container in pod["spec"]["containers"]:
            for port in container.get("ports") or ():
                number = str(port["containerPort"])
                more = {
                    f"{META}pod_container_name": container["name"],
                    f"{META}pod_container_port_name": port.get("name", ""),
                    f"{META}pod_container_port_number": number,
                }
                yield {"targets": [f"{address}:{number}"], "labels": labels | more}


def find_nodes(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return the kubelet of each node."""
    for node in nodes:
        addresses = {each["type"]: each["address"] for each in node["status"]["addresses"]}
        port = node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"]
        labels = {f"{META}node_name": node["metadata"]["name"]}
        yield {"targets": [f"{addresses['InternalIP']}:{port}"], "labels": labels}


class Handler(BaseHTTPRequestHandler):
    """GET /pods, /nodes: targets. POST: what Alertmanager delivers. GET /: all of that.

    GET /hide/NAMESPACE: its Pods are no targets from now on; GET /hide/: all are again.
    """

    def do_GET(self) -> None:
        """Answer with JSON."""
        if self.path == "/pods":
            said: list[dict[str, Any]] = list(find_pods(read_list("pods")))
        elif self.path == "/nodes":
            said = list(find_nodes(read_list("nodes")))
        elif self.path.startswith("/hide/"):
            hidden.clear()
            hidden.add(self.path.removeprefix("/hide/"))
            said = []
        else:
            said = received
        content = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        """Keep each alert with the time of its arrival."""
        posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        received.extend({"received": time.time(), **alert} for alert in posted["alerts"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("", PORT), Handler).serve_forever()

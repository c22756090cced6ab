"""Pods that try to connect to members, as any program in a cluster could."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.manifests import NAME, NAMESPACE
from deploy.target import Target
from etcd_operator.json_types import Json
from tests.e2e.harness import POLL, Cluster, wait_until

PYTHON: Final = "/opt/operator/bin/python"
PORT: Final = 8000
# The limit is for plugins that drop what they do not let through.
_CONNECT: Final = """
import json, socket, sys
def opens(address, port):
    try:
        socket.create_connection((address, port), timeout=3).close()
    except OSError:
        return False
    return True
def tell(addresses):
    ports = (2379, 2380, 2381)
    return json.dumps({a: " ".join(str(p) for p in ports if opens(a, p)) for a in addresses})
"""
CONNECT: Final = _CONNECT + "print(tell(sys.argv[1:]))"
# To start a program in a Pod for each question would cost more than all else here.
SERVE: Final = f"""{_CONNECT}
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(tell(self.path.strip("/").split("/")).encode())
ThreadingHTTPServer(("", {PORT}), Handler).serve_forever()
"""
ASK: Final = """
import sys, urllib.request
with urllib.request.urlopen(f"http://{sys.argv[1]}:2379/health", timeout=5) as answer:
    print(answer.read().decode())
"""


@dataclass(frozen=True)
class Caller:
    """Somebody in a Pod; `workload` is what `kubectl exec` is told.

    With an address it is one of those that serve there, and the local cluster's Pods are reached
    from this machine.
    """

    target: Target
    namespace: str
    workload: str
    address: str = ""

    def reached(self, addresses: Mapping[str, str]) -> str:
        """The ports where it can connect, at every member or, if members differ, for each."""
        try:
            opened = json.loads(self._connect(*addresses.values()))
        except OSError as error:
            return f"not asked: {error}"
        found = {name: opened[address] for name, address in addresses.items()}
        return found.popitem()[1] if len(set(found.values())) == 1 else str(found)

    def is_served(self, address: str) -> bool:
        """Ask the member at an address, which asks a quorum before it says that all is well."""
        return bool(json.loads(self._run(ASK, address))["health"] == "true")

    def _connect(self, *addresses: str) -> str:
        if not self.address:
            return self._run(CONNECT, *addresses)
        url = f"http://{self.address}:{PORT}/{'/'.join(addresses)}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return str(answer.read().decode())

    def _run(self, program: str, *words: str) -> str:
        place = f"--namespace={self.namespace}"
        command = ("exec", self.workload, place, "--", PYTHON, "-c", program, *words)
        return self.target.run(*command)


@dataclass
class Callers:
    """Callers by name; the operator is one of them from the beginning."""

    target: Target
    known: dict[str, Caller] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.known["operator"] = Caller(self.target, NAMESPACE, f"deployment/{NAME}")

    def start(self, namespace: str, **labels: Mapping[str, str]) -> None:
        """Start a Pod for each name, with these labels, and wait until all run."""
        path = f"deployment/{NAME}"
        found = self.target.read("get", path, f"--namespace={NAMESPACE}")
        image = found["spec"]["template"]["spec"]["containers"][0]["image"]
        place = f"--namespace={namespace}"
        account = ("get", "serviceaccount", "default", place)
        wait_until("its account", lambda: bool(self.target.read(*account)), 30)
        self.target.apply(*(_render(namespace, name, labels[name], image) for name in labels))
        pods = [f"pod/{_pod(name)}" for name in labels]
        self.target.run("wait", *pods, place, "--for=condition=Ready", "--timeout=60s")
        for name, pod in zip(labels, pods, strict=True):
            address = self.target.read("get", pod, place)["status"]["podIP"]
            self.known[name] = Caller(self.target, namespace, pod, address)

    def assert_reach(self, cluster: Cluster, expected: str, **others: str) -> None:
        """Wait until everybody reaches these ports, and `others` theirs."""
        wanted = {name: others.get(name, expected) for name in self.known}
        alive = [p for p in cluster.objects("pods") if "deletionTimestamp" not in p["metadata"]]
        addresses = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in alive}
        deadline = time.monotonic() + 30
        while (seen := self._look(addresses)) != wanted and time.monotonic() < deadline:
            time.sleep(POLL)
        wrong = {name: seen[name] for name in wanted if seen[name] != wanted[name]}
        assert not wrong, f"{wrong} can connect, and not {wanted}"

    def _look(self, addresses: Mapping[str, str]) -> dict[str, str]:
        with ThreadPoolExecutor() as pool:
            found = pool.map(lambda caller: caller.reached(addresses), self.known.values())
            return dict(zip(self.known, found, strict=True))


def _pod(name: str) -> str:
    return name.replace("_", "-")


def _render(namespace: str, name: str, labels: Mapping[str, str], image: str) -> Json:
    """A Pod of the operator's image, for its Python."""
    container: dict[str, Any] = {
        "name": "caller",
        "image": image,
        "command": [PYTHON, "-c", SERVE],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _pod(name), "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    }

"""A control plane for many clusters: real etcd, API server and controllers, and simulated nodes.

Plain processes on loopback, which end with whoever started them. What would be a kubelet, a disk or
a member of etcd is answered by one process, `world`: see its main.go.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx2

from deploy.manifests import NAME, NAMESPACE, build_installation
from deploy.target import PROJECT
from local import build, certificates, lock, programs
from local.places import AUDIT_POLICY, Places, read_places
from local.programs import Program
from local.progress import Progress

API: Final = "https://127.0.0.1:16443"
STORE: Final = "http://127.0.0.1:12379"
STORE_PEERS: Final = "http://127.0.0.1:12380"
WORLD: Final = "127.0.0.1:12378"
# Modules that are here and not in the image.
ABSENT: Final = Path(__file__).parent / "absent"
WORLD_MODULE: Final = Path(__file__).parent / "world"
# Recorded passes are served at the port of the metrics and this.
RECORDINGS_ABOVE: Final = 100
STOP_SECONDS: Final = 20.0
# Nothing is left behind, however the harness ends.
END_WITH_PARENT: Final = ("setpriv", "--pdeathsig", "KILL")
# What of the environment the operator may see.
PASSED_ON: Final = ("PATH", "HOME", "WORKERS")
# The operator comes as its ServiceAccount: the API server's priorities and fairness count for it.
ACCOUNT: Final = (
    f"/O=system:serviceaccounts/O=system:serviceaccounts:{NAMESPACE}"
    f"/CN=system:serviceaccount:{NAMESPACE}:{NAME}"
)
# Several operators beside each other, each with a certificate of its own for the same account.
REPLICAS: Final = ("operator-a", "operator-b", "operator-c")
IDENTITIES: Final = (
    certificates.Identity(
        "apiserver", "/CN=kube-apiserver", "IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc"
    ),
    certificates.Identity("admin", "/O=system:masters/CN=admin"),
    certificates.Identity("world", "/O=system:masters/CN=world"),
    certificates.Identity("controllers", "/O=system:masters/CN=controllers"),
    certificates.Identity("operator", ACCOUNT),
    *(certificates.Identity(replica, ACCOUNT) for replica in REPLICAS),
)
# Those that a StatefulSet with disks needs.
CONTROLLERS: Final = (
    "statefulset-controller",
    "garbage-collector-controller",
    "disruption-controller",
    "persistentvolumeclaim-protection-controller",
    "namespace-controller",
    "serviceaccount-controller",
)


class NotStarted(Exception):
    """A process of the control plane ended, or did not serve in time."""


def read_allocation() -> dict[str, str]:
    """How the operator's image tells the C library to keep memory."""
    return dict(re.findall(r"\b(MALLOC_\w+)=(\d+)", (PROJECT / "Dockerfile").read_text()))


class ControlPlane:
    """Processes by name, and how to reach them; everything of theirs is in one directory."""

    def __init__(self, directory: Path) -> None:
        self.keys, self.logs = directory / "keys", directory / "logs"
        self._data = directory / "etcd"
        self._places = read_places(os.environ)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.logs.mkdir(parents=True)
        self.kubeconfig = self.keys / "admin.kubeconfig"

    def pid(self, name: str) -> int:
        """The process ID of a process that runs."""
        return self._processes[name].pid

    def runs(self, name: str) -> bool:
        """Whether a process was started and not stopped."""
        return name in self._processes

    def pids(self) -> dict[str, int]:
        """The process IDs of all that run."""
        return {name: process.pid for name, process in self._processes.items()}

    def up(self) -> None:
        """Start everything but the operator, and install what it needs."""
        certificates.make_authority(self.keys)
        for identity in IDENTITIES:
            certificates.issue(self.keys, identity, API)
        etcd, kubernetes, world = _provide(self._places)
        self.start("etcd", [etcd / "etcd", *_etcd_flags(self._data)])
        self.start("kube-apiserver", [kubernetes / "kube-apiserver", *self._server_flags()])
        self._await(lambda: self._get("/readyz") == httpx2.codes.OK, "the API server", 90)
        controllers = kubernetes / "kube-controller-manager"
        self.start("kube-controller-manager", [controllers, *_controller_flags(self.keys)])
        flags = [f"--server={API}", f"--keys={self.keys}", f"--control={WORLD}"]
        self.start("world", [world / "world", *flags])
        self._await(lambda: bool(ask_world("counts")), "the world", 20)
        self._install(kubernetes / "kubectl")

    def start(
        self, name: str, command: Sequence[str | Path], environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a process, its output in a log of its name."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [*END_WITH_PARENT, *(str(word) for word in command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(environment or os.environ),
            )

    def start_operator(self, port: int, name: str = "operator", shards: int = 1) -> None:
        """Start an operator of this tree, as its image does."""
        environment = {
            **{passed: os.environ[passed] for passed in PASSED_ON if passed in os.environ},
            **read_allocation(),
            "PYTHONPATH": os.pathsep.join(map(str, (PROJECT / "src", ABSENT))),
            "KUBECONFIG": str(self.keys / f"{name}.kubeconfig"),
            "POD_NAME": name,
            "POD_NAMESPACE": NAMESPACE,
            "PORT": str(port),
            "RECORDING_PORT": str(port + RECORDINGS_ABOVE),
            "SHARDS": str(shards),
            "CLUSTER_DOMAIN": "cluster.local",
            "OPERATOR_IMAGE": "etcd-operator:fleet",
            "NO_PROXY": "*",
        }
        self.start(name, [sys.executable, "-m", "etcd_operator"], environment)

    def stop(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End one process, by its own process ID."""
        process = self._processes.pop(name)
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def down(self) -> None:
        """End everything, the newest first."""
        for name in reversed(list(self._processes)):
            self.stop(name)

    def _server_flags(self) -> list[str]:
        keys = self.keys
        return [
            f"--etcd-servers={STORE}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={API.rpartition(':')[2]}",
            "--service-cluster-ip-range=10.96.0.0/12",
            f"--client-ca-file={keys / 'ca.crt'}",
            f"--tls-cert-file={keys / 'apiserver.crt'}",
            f"--tls-private-key-file={keys / 'apiserver.key'}",
            f"--service-account-key-file={keys / 'sa.key'}",
            f"--service-account-signing-key-file={keys / 'sa.key'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--authorization-mode=RBAC",
            f"--audit-policy-file={AUDIT_POLICY}",
            f"--audit-log-path={self.logs / 'audit.log'}",
        ]

    def _install(self, kubectl: Path) -> None:
        items = [item for item in build_installation() if item["kind"] != "Deployment"]
        early = ("Namespace", "CustomResourceDefinition")
        for wave in (
            [item for item in items if item["kind"] in early],
            [item for item in items if item["kind"] not in early],
        ):
            command = [str(kubectl), f"--kubeconfig={self.kubeconfig}", "apply", "--server-side"]
            subprocess.run(
                [*command, "--filename=-"],
                input=json.dumps({"apiVersion": "v1", "kind": "List", "items": wave}).encode(),
                check=True,
                stdout=subprocess.DEVNULL,
            )
        kind = "/apis/etcd.etcd.io/v1alpha1/etcdclusters"
        self._await(lambda: self._get(kind) == httpx2.codes.OK, "the kind EtcdCluster", 30)

    def _get(self, path: str) -> int:
        context = ssl.create_default_context(cafile=str(self.keys / "ca.crt"))
        context.load_cert_chain(self.keys / "admin.crt", self.keys / "admin.key")
        with httpx2.Client(verify=context, trust_env=False, timeout=5) as client:
            return client.get(f"{API}{path}").status_code

    def _await(self, holds: Callable[[], bool], what: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(httpx2.HTTPError):
                if holds():
                    return
            ended = [name for name, one in self._processes.items() if one.poll() is not None]
            if ended or time.monotonic() > deadline:
                said = "".join(
                    f"\n{name}: {(self.logs / f'{name}.log').read_text()[-1500:]}" for name in ended
                )
                raise NotStarted(f"waited for {what} in vain{said}")
            time.sleep(0.2)


def _provide(places: Places) -> tuple[Path, Path, Path]:
    """Build what is not in the cache: etcd for the API server, Kubernetes, and the world."""
    world = Program("fleet-world", WORLD_MODULE, {"world": "."}, seconds=30)
    needed = [programs.etcd(programs.ESSENTIAL_ETCD), programs.kubernetes(), world]
    if not all(build.is_built(program, places) for program in needed):
        progress = Progress()
        with lock.building(places, progress):
            build.build_all(needed, places, progress)
    etcd, kubernetes, made = (build.directory_of(program, places) for program in needed)
    return etcd, kubernetes, made


def _etcd_flags(data: Path) -> list[str]:
    return [
        f"--data-dir={data}",
        f"--listen-client-urls={STORE}",
        f"--advertise-client-urls={STORE}",
        f"--listen-peer-urls={STORE_PEERS}",
        f"--initial-advertise-peer-urls={STORE_PEERS}",
        f"--initial-cluster=default={STORE_PEERS}",
        "--quota-backend-bytes=8589934592",
        "--unsafe-no-fsync",
    ]


def _controller_flags(keys: Path) -> list[str]:
    return [
        f"--kubeconfig={keys / 'controllers.kubeconfig'}",
        f"--service-account-private-key-file={keys / 'sa.key'}",
        f"--root-ca-file={keys / 'ca.crt'}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--controllers={','.join(CONTROLLERS)}",
        # With its defaults, 20 a second for each controller, nothing else would be measured.
        "--kube-api-qps=1000",
        "--kube-api-burst=2000",
        "--concurrent-statefulset-syncs=10",
    ]


def ask_world(page: str, **wish: object) -> Any:
    """Ask the world something; with a wish, tell it to change something first."""
    with httpx2.Client(trust_env=False, timeout=120) as client:
        url = f"http://{WORLD}/{page}"
        answer = client.post(url, json=wish) if wish else client.get(url)
    return answer.raise_for_status().json()

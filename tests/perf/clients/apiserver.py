"""A kube-apiserver on loopback that keeps its objects in the EtcdCluster under test.

It is the client that most etcd clusters have: etcd's own Go client, one connection for writes and
many long watches, through the client Service and with the certificate of the client Secret.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2

from etcd_operator.core.model.naming import CLIENT_PORT
from local.places import Places
from tests.e2e.secured import SecuredCluster, read_secret
from tests.perf.clients.mount import Mount

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 15.0
# The name of the Service is resolved for this process alone: no file of the host changes.
WITH_HOSTS: Final = 'mount --bind "$0" /etc/hosts && exec "$@"'


class NotServing(Exception):
    """The kube-apiserver did not begin to serve."""


@dataclass(frozen=True, slots=True)
class ClientApiServer:
    """Where it serves, the TLS configuration that opens it, and its own certificate for etcd."""

    url: str
    context: ssl.SSLContext
    mount: Mount

    def connect(self) -> httpx2.Client:
        """Return a client with one connection, as an administrator."""
        limits = httpx2.Limits(max_connections=1)
        return httpx2.Client(
            base_url=self.url,
            verify=self.context,
            trust_env=False,
            timeout=ANSWER_SECONDS,
            limits=limits,
        )


@contextlib.contextmanager
def client_apiserver(
    cluster: SecuredCluster, places: Places, directory: Path, secret: str = ""
) -> Iterator[ClientApiServer]:
    """A kube-apiserver that has begun to serve; stopped by its process ID afterwards.

    It has the certificate of a Secret: if none is named, that for clients.
    """
    mount = Mount(directory / "certificates")
    mount.write(read_secret(cluster, secret or f"{cluster.name}-client-tls"))
    service = cluster.read("get", "service", f"{cluster.name}-client")
    host = f"{cluster.name}-client.{cluster.namespace}.svc"
    hosts = directory / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{service['spec']['clusterIP']} {host}\n")
    port = _find_port()
    flags = _flags(places.keys, mount.files, f"https://{host}:{CLIENT_PORT}", port)
    command = ["unshare", "--mount", "sh", "-c", WITH_HOSTS, str(hosts)]
    command += [str(places.bin / "kube-apiserver"), *(f"--{k}={v}" for k, v in flags.items())]
    log = directory / "kube-apiserver.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    server = ClientApiServer(f"https://127.0.0.1:{port}", _context(places.keys), mount)
    try:
        _wait_until_ready(server, process, log)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _flags(keys: Path, files: Path, etcd: str, port: int) -> Mapping[str, object]:
    """The flags: nothing but the core API, so that it takes little of what is measured."""
    return {
        "etcd-servers": etcd,
        "etcd-cafile": files / "ca.crt",
        "etcd-certfile": files / "tls.crt",
        "etcd-keyfile": files / "tls.key",
        "bind-address": "127.0.0.1",
        "secure-port": port,
        "service-cluster-ip-range": "10.231.0.0/24",
        "client-ca-file": keys / "ca.crt",
        "tls-cert-file": keys / "apiserver.crt",
        "tls-private-key-file": keys / "apiserver.key",
        "service-account-key-file": keys / "sa.key",
        "service-account-signing-key-file": keys / "sa.key",
        "service-account-issuer": "https://kubernetes.default.svc",
        "authorization-mode": "AlwaysAllow",
        "endpoint-reconciler-type": "none",
    }


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _context(keys: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(keys / "ca.crt"))
    context.load_cert_chain(keys / "admin.crt", keys / "admin.key")
    return context


def _wait_until_ready(server: ClientApiServer, process: subprocess.Popen[bytes], log: Path) -> None:
    began = time.monotonic()
    with server.connect() as client:
        while True:
            with contextlib.suppress(httpx2.TransportError):
                if client.get("/readyz").status_code == httpx2.codes.OK:
                    return
            if process.poll() is not None or time.monotonic() - began > START_SECONDS:
                said = log.read_text(errors="replace")[-2000:]
                raise NotServing(f"kube-apiserver did not begin to serve: {said}")
            time.sleep(0.2)

"""Speak with one port of one member as any program on the network could."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from deploy.target import Target
from etcd_operator.core.model.naming import CLIENT_PORT
from tests.e2e.harness import Cluster
from tests.e2e.secured import read_secret

SECONDS = 5.0
# What is in etcd's answer to the question for its version.
SERVES = '"etcdserver"'
# Of HTTP/2: RFC 9113, 4.1 and 6.5.
FRAME_HEAD = 9
SETTINGS = 4


@dataclass(frozen=True)
class Papers:
    """What somebody has in hand: authorities to believe, a certificate and a key, all PEM."""

    roots: str = ""
    certificate: str = ""
    key: str = ""


def take_papers(cluster: Cluster, secret: str) -> Papers:
    """The papers in a Secret."""
    data = read_secret(cluster, secret)
    return Papers(data["ca.crt"], data["tls.crt"], data["tls.key"])


@contextlib.contextmanager
def forwarded(cluster: Cluster, pod: str, port: int) -> Iterator[int]:
    """A local port that leads to a Pod's."""
    command = [
        *cluster.target.kubectl,
        f"--namespace={cluster.namespace}",
        "port-forward",
        f"pod/{pod}",
        f":{port}",
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert found, f"kubectl port-forward said {line!r}"
            yield int(found.group(1))
        finally:
            process.terminate()


def ask(
    cluster: Cluster, ordinal: int, port: int, papers: Papers | None, path: str = "/version"
) -> str:
    """Ask a member over HTTP, for its version or a path; returns the answer, empty if none came.

    Without papers the question is asked in plain text. A port for clients with TLS speaks gRPC
    alone: it serves who is shown the settings of its HTTP/2 server.
    """
    if papers is not None and port == CLIENT_PORT:
        return SERVES if _shows_settings(cluster, ordinal, papers) else ""
    return _exchange(cluster, ordinal, port, papers, f"GET {path} HTTP/1.1", "")


def post(cluster: Cluster, ordinal: int, path: str, body: str, papers: Papers | None) -> str:
    """Send JSON to a member, as clients of etcd's gateway do; returns the answer."""
    return _exchange(cluster, ordinal, CLIENT_PORT, papers, f"POST {path} HTTP/1.1", body)


def _exchange(
    cluster: Cluster, ordinal: int, port: int, papers: Papers | None, first: str, body: str
) -> str:
    pod, name = f"{cluster.name}-{ordinal}", _host(cluster, ordinal)
    lines = (first, f"Host: {name}", "Connection: close", f"Content-Length: {len(body)}", "", body)
    with (
        forwarded(cluster, pod, port) as local,
        socket.create_connection(("127.0.0.1", local), timeout=SECONDS) as plain,
    ):
        try:
            if papers is None:
                return _talk(plain, "\r\n".join(lines))
            with _context(papers).wrap_socket(plain, server_hostname=name) as secure:
                return _talk(secure, "\r\n".join(lines))
        except OSError:
            return ""


def _shows_settings(cluster: Cluster, ordinal: int, papers: Papers) -> bool:
    """Whether a member goes on as a server of HTTP/2 does when it has let a client in."""
    pod, name = f"{cluster.name}-{ordinal}", _host(cluster, ordinal)
    context = _context(papers)
    context.set_alpn_protocols(["h2"])
    with (
        forwarded(cluster, pod, CLIENT_PORT) as local,
        socket.create_connection(("127.0.0.1", local), timeout=SECONDS) as plain,
    ):
        try:
            with context.wrap_socket(plain, server_hostname=name) as secure:
                return open_http2(secure)
        except OSError:
            return False


def open_http2(connection: ssl.SSLSocket) -> bool:
    """Begin to speak HTTP/2; whether the first frame of the answer is one of settings."""
    connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
    head = b""
    while len(head) < FRAME_HEAD and (chunk := connection.recv(FRAME_HEAD - len(head))):
        head += chunk
    return len(head) == FRAME_HEAD and head[3] == SETTINGS


def shown_certificate(cluster: Cluster, ordinal: int, port: int) -> x509.Certificate:
    """The certificate that a member shows, whoever signed it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        forwarded(cluster, f"{cluster.name}-{ordinal}", port) as local,
        socket.create_connection(("127.0.0.1", local), timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=_host(cluster, ordinal)) as secure,
    ):
        der = secure.getpeercert(binary_form=True)
    assert der is not None
    return x509.load_der_x509_certificate(der)


def _host(cluster: Cluster, ordinal: int) -> str:
    return f"{cluster.name}-{ordinal}.{cluster.name}-peer.{cluster.namespace}.svc.cluster.local"


def _talk(connection: socket.socket, request: str) -> str:
    connection.sendall(request.encode())
    answer = b""
    with contextlib.suppress(OSError):  # a connection that is cut has said what it has said
        while chunk := connection.recv(4096):
            answer += chunk
    return answer.decode(errors="replace")


def _context(papers: Papers) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=papers.roots)
    if papers.certificate:
        with tempfile.TemporaryDirectory() as place:
            certificate, key = Path(place, "tls.crt"), Path(place, "tls.key")
            certificate.write_text(papers.certificate)
            key.write_text(papers.key)
            context.load_cert_chain(certificate, key)
    return context


def own_address(target: Target) -> str:
    """The address of this machine on the network of the nodes; nothing is sent to find it."""
    node = target.read("get", "nodes")["items"][0]
    addresses = {one["type"]: one["address"] for one in node["status"]["addresses"]}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((addresses["InternalIP"], 1))
        return str(probe.getsockname()[0])

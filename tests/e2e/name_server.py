"""CoreDNS on loopback that has its records in the EtcdCluster under test, as the page shows it."""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from local import build
from local.places import Places
from local.programs import coredns
from tests.e2e.harness import wait_until
from tests.e2e.secured import SecuredCluster, read_secret
from tests.perf.clients.apiserver import WITH_HOSTS

PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "connect.md"
ZONE: Final = "skydns.local"
# CoreDNS itself gives etcd five seconds for an answer.
ANSWER_SECONDS: Final = 6.0
PAUSE_SECONDS: Final = 0.1
_INTERNET, _ADDRESS, _RECURSION_DESIRED = 1, 1, 0x100


@dataclass(slots=True)
class NameServer:
    """Where it serves, and what it has answered to somebody who asks all the time."""

    port: int
    answers: list[str] = field(default_factory=list)

    def resolve(self, name: str) -> str:
        """Ask for the address of a name; what is wrong with the answer if there is none.

        Source of the format: RFC 1035, section 4.
        """
        number = secrets.randbits(16)
        labels = (bytes([len(label)]) + label.encode() for label in name.split("."))
        head = struct.pack("!6H", number, _RECURSION_DESIRED, 1, 0, 0, 0)
        question = head + b"".join(labels) + b"\0" + struct.pack("!2H", _ADDRESS, _INTERNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(ANSWER_SECONDS)
            asker.connect(("127.0.0.1", self.port))
            try:
                asker.send(question)
                answer = asker.recv(4096)
            except OSError as error:
                return f"no answer: {error}"
        told, flags, _, records = struct.unpack("!4H", answer[:8])
        if told != number or flags & 0xF or not records:
            return f"answer {told == number}, code {flags & 0xF}, {records} records"
        return socket.inet_ntoa(answer[-4:])

    @contextlib.contextmanager
    def asked_all_the_time(self, name: str) -> Iterator[None]:
        """Ask for a name, again and again, and keep what was answered."""
        over = threading.Event()

        def ask() -> None:
            while not over.wait(PAUSE_SECONDS):
                self.answers.append(self.resolve(name))

        asker = threading.Thread(target=ask)
        asker.start()
        try:
            yield
        finally:
            over.set()
            asker.join()


@contextlib.contextmanager
def name_server(
    cluster: SecuredCluster, places: Places, directory: Path, secret: str
) -> Iterator[NameServer]:
    """A CoreDNS that serves; stopped by its process ID afterwards."""
    for key, text in read_secret(cluster, secret).items():
        (directory / key).write_text(text)
    host = f"{cluster.name}-client.{cluster.namespace}.svc"
    service = cluster.read("get", "service", f"{cluster.name}-client")
    hosts = directory / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{service['spec']['clusterIP']} {host}\n")
    server = NameServer(_find_port())
    config = directory / "Corefile"
    config.write_text(_read_recipe(host, directory, server.port))
    program = build.directory_of(coredns(), places) / "coredns"
    command = ["unshare", "--mount", "sh", "-c", WITH_HOSTS, str(hosts)]
    log = directory / "coredns.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, str(program), "-conf", str(config)], stdout=output, stderr=output
        )
    try:
        wait_until("it serves", lambda: "no answer" not in server.resolve(f"any.{ZONE}"), 20)
        yield server
    finally:
        process.terminate()
        process.wait(20)


def _read_recipe(host: str, directory: Path, port: int) -> str:
    """The Corefile of the page, for this cluster and with its Secret in this directory."""
    page = PAGE.read_text().replace("db-client.NAMESPACE.svc", host)
    found = re.search(rf"```text\n{ZONE} (.*?)```", page, re.DOTALL)
    assert found, "the page has no Corefile"
    block = found[1].replace("/etc/etcd-connection", str(directory))
    return f"{ZONE}:{port} " + block.replace("{", "{\n    bind 127.0.0.1\n    errors", 1)


def _find_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""Clients that write in a loop: a process of etcdctl for each write, and etcd's JSON gateway."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import Final

import httpx2

from etcd_operator.core.model.naming import CLIENT_PORT
from tests.e2e.harness import encode
from tests.perf.clients.surroundings import Surroundings
from tests.perf.clients.writer import Writer

KEY: Final = "written"
# A process takes as much of the processor as fifty writes of the others: more of them, and it is
# they that the others feel.
ETCDCTL_PAUSE_SECONDS: Final = 0.2
ANSWER_SECONDS: Final = 10.0


class Etcdctl(Writer):
    """A process of etcdctl for each write, with its defaults, through the client Service."""

    def __init__(self, around: Surroundings, etcdctl: Path) -> None:
        super().__init__("etcdctl", self._put, ETCDCTL_PAUSE_SECONDS)
        files = {"cacert": "ca.crt", "cert": "tls.crt", "key": "tls.key"}
        flags = [f"--{flag}={around.mount.file(name)}" for flag, name in files.items()]
        self._command = around.command(str(etcdctl), f"--endpoints={around.url}", *flags)

    def _put(self, number: int) -> str:
        command = [*self._command, "put", f"{KEY}-by-etcdctl", str(number)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else _last_words(done.stderr)


class Gateway(Writer):
    """Etcd's JSON gateway through the client Service, by one connection that is kept."""

    def __init__(self, around: Surroundings) -> None:
        super().__init__("JSON gateway", self._put)
        self._around = around
        self._url = f"https://{around.address()}:{CLIENT_PORT}/v3/kv/put"
        self._opened = around.mount.files.resolve()
        self._client = self._connect()

    def _connect(self) -> httpx2.Client:
        files = self._opened
        context = ssl.create_default_context(cafile=str(files / "ca.crt"))
        context.load_cert_chain(files / "tls.crt", files / "tls.key")
        limits = httpx2.Limits(max_connections=1)
        return httpx2.Client(verify=context, trust_env=False, timeout=ANSWER_SECONDS, limits=limits)

    def _put(self, number: int) -> str:
        if self._around.mount.files.resolve() != self._opened:
            self._client.close()
            self._opened = self._around.mount.files.resolve()
            self._client = self._connect()
        try:
            answer = self._client.post(
                self._url,
                json={"key": encode(f"{KEY}-by-gateway"), "value": encode(str(number))},
                headers={"Host": self._around.host},
                extensions={"sni_hostname": self._around.host},
            )
        except httpx2.TransportError as error:
            return repr(error)
        return "" if answer.is_success else f"{answer.status_code} {answer.text.strip()}"


def _last_words(text: str) -> str:
    """Return what etcdctl says at its end: before it, its client has logged lines of JSON."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no word"

"""Charts are pushed and signed as the workflow of a release does it, with the real Helm."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy.target import PROJECT
from etcd_operator import __version__
from local.helm import provide_helm

WORKFLOW: Final = PROJECT / ".github" / "workflows" / "release.yaml"
CHARTS: Final = ("etcd-cluster", "etcd-operator")


class Registry(ThreadingHTTPServer):
    """A registry that takes whatever is pushed; `manifests` are by path, with tag or digest."""

    def __init__(self) -> None:
        """Listen at a free port."""
        super().__init__(("127.0.0.1", 0), _Answer)
        self.manifests: dict[str, bytes] = {}


class _Answer(BaseHTTPRequestHandler):
    """What the distribution specification of the Open Container Initiative wants of a push."""

    server: Registry
    protocol_version = "HTTP/1.1"

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content_Length": str(len(content))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self) -> None:
        found = self.server.manifests.get(self.path)
        if found is None:
            self._answer(404)
        else:
            kind = "application/vnd.oci.image.manifest.v1+json"
            self._answer(200, found, Content_Type=kind, Docker_Content_Digest=digest(found))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self._read()
        self._answer(202, Location=f"{self.path}1")

    def do_PUT(self) -> None:
        content = self._read()
        if "/manifests/" in self.path:
            self.server.manifests[self.path] = content
        self._answer(201, Docker_Content_Digest=digest(content), Location=self.path)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def digest(content: bytes) -> str:
    """The digest by which a registry knows this."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry without TLS."""
    with Registry() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def write_program(path: Path, script: str) -> None:
    """A program of the step's PATH."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.timeout(60)
def test_each_chart_is_signed_by_the_digest_that_it_was_pushed_with(
    registry: Registry, tmp_path: Path
) -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    steps = workflow["jobs"]["release"]["steps"]
    (script,) = (step["run"] for step in steps if step.get("name") == "Charts")
    helm, programs = provide_helm(), tmp_path / "bin"
    programs.mkdir()
    write_program(programs / "helm", f'exec {helm} "$@" --plain-http')
    write_program(programs / "cosign", 'echo "$@" >> signed')
    for chart in CHARTS:
        source, target = PROJECT / "deploy" / "helm" / chart, tmp_path / "build" / "release"
        package = [str(helm), "package", str(source), f"--destination={target}"]
        subprocess.run(package, check=True, capture_output=True)
    address = f"127.0.0.1:{registry.server_port}"
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "IMAGE": f"{address}/owner/project",
        "HOME": str(tmp_path),
    }
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    done = subprocess.run(
        shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    place, path = f"{address}/owner/project/charts", "/v2/owner/project/charts"
    pushed = [registry.manifests[f"{path}/{chart}/manifests/{__version__}"] for chart in CHARTS]
    assert (tmp_path / "signed").read_text().splitlines() == [
        f"sign --yes {place}/{chart}@{digest(each)}"
        for chart, each in zip(CHARTS, pushed, strict=True)
    ]
    assert workflow["defaults"]["run"]["shell"] == "bash"

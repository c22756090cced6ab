"""Uploads to a real S3 service, and downloads from it.

What is left of uploads that fail, are ended, or are whole; what comes through a bad connection.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from etcd_operator.errors import TaskError
from etcd_operator.jobs.io import secrets
from etcd_operator.jobs.io.store import WHOLE, Location, Store
from etcd_operator.jobs.store_access import S3Access

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(60)]


# The step `store` with the paths of a Job below a directory; its snapshot is a pipe that this test
# writes to, so that it is in the middle of the upload for as long as is wanted.
STEP = """
import sys
from pathlib import Path
from etcd_operator.core.tasks.jobs import paths as places
work = sys.argv[1]
places.SPOOL, places.SECRETS, places.SNAPSHOT = work, work + "/secrets", work + "/snapshot.db"
from etcd_operator.jobs import steps
steps.LAST_WORDS = Path(work) / "last-words"
sys.exit(steps.run_step(["store"]))
"""


@dataclass
class Service:
    """An S3 service with one bucket, and the directory in which it keeps everything."""

    root: Path
    endpoint: str
    checksum: str = "Automatic"

    def parts(self) -> list[Path]:
        """Parts of uploads that were neither completed nor aborted."""
        found = (self.root / "buckets" / "bench" / ".sgwtmp" / "multipart").rglob("*")
        return [path for path in found if path.is_file()]

    def open(self) -> Store:
        """The bucket as a step sees it."""
        keys = "keys"
        access = S3Access(endpoint=self.endpoint, credentials_secret=keys, checksum=self.checksum)
        return Store(Location("s3", "bench", ""), access)


def find_gateway() -> Path | str:
    """The S3 service that the local Kubernetes has built, or the sentence why there is none."""
    words = [sys.executable, "-m", "local", "path", "versitygw"]
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    path = Path(said.stdout.strip()) / "versitygw"
    return path if path.is_file() else "versitygw is not built: python -m local build"


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The service on a free port."""
    gateway = find_gateway()
    if isinstance(gateway, str):
        pytest.skip(gateway)
    for directory in ("buckets/bench", "meta", "secrets/credentials"):
        (tmp_path / directory).mkdir(parents=True)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        (tmp_path / "secrets" / "credentials" / name).write_text("bench")
    monkeypatch.setattr(secrets, "SECRETS", str(tmp_path / "secrets"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(gateway), f"--port=127.0.0.1:{port}", "--quiet", "posix"]
    command += [f"--sidecar={tmp_path}/meta", f"{tmp_path}/buckets"]
    keys = {"ROOT_ACCESS_KEY": "bench", "ROOT_SECRET_KEY": "bench"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **keys}, stdout=log, stderr=log)
    try:
        _wait_for_port(port)
        yield Service(tmp_path, f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int) -> None:
    for _ in range(100):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the S3 service does not listen")


def pieces(mebibytes: int) -> Iterator[bytes]:
    """A stream of random bytes."""
    return (os.urandom(2**20) for _ in range(mebibytes))


@pytest.mark.parametrize("size", [0, 1, WHOLE - 1, WHOLE, WHOLE + 1, 3 * WHOLE])
def test_what_was_uploaded_is_there_as_it_was(service: Service, size: int) -> None:
    store, content = service.open(), os.urandom(size)
    store.upload("a/b", (content[at : at + 2**20] for at in range(0, size, 2**20)))
    assert store.read("a/b") == content
    assert b"".join(store.download("a/b")) == content
    assert service.parts() == []


def test_an_upload_that_fails_leaves_nothing(service: Service) -> None:
    def stream() -> Iterator[bytes]:
        yield from pieces(20)
        assert service.parts(), "it is in the middle"
        raise TaskError("the disk is gone")

    store = service.open()
    with pytest.raises(TaskError, match="the disk is gone"):
        store.upload("a/b", stream())
    assert service.parts() == []
    assert store.list_names("a") == []


def test_a_step_that_is_ended_takes_its_upload_back(service: Service) -> None:
    work = service.root
    notes = {"taken": datetime.now(UTC).isoformat(), "leastRevision": 7}
    (work / "notes.json").write_text(json.dumps(notes))
    os.mkfifo(work / "snapshot.db")
    task = {
        "backup": "b",
        "backupUid": "0a1b2c3d",
        "cluster": "db",
        "namespace": "team",
        "storageType": "S3",
        "destination": {
            "bucket": "bench",
            "endpoint": service.endpoint,
            "credentialsSecret": "keys",
        },
        "compression": False,
        "keySecret": "",
        "verify": False,
        "retention": {},
    }
    environment = {**os.environ, "ETCD_OPERATOR_TASK": json.dumps(task)}
    step = subprocess.Popen([sys.executable, "-c", STEP, str(work)], env=environment)
    try:
        with (work / "snapshot.db").open("wb") as snapshot:
            for piece in pieces(20):
                snapshot.write(piece)
            snapshot.flush()
            _wait_for_parts(service)
            step.send_signal(signal.SIGTERM)
            assert step.wait(timeout=20) == 1
    finally:
        step.kill()
        step.wait()
    said = json.loads((work / "last-words").read_text())
    assert said["error"].startswith("The step was ended from outside")
    assert service.parts() == []


def _wait_for_parts(service: Service) -> None:
    for _ in range(100):
        if service.parts():
            return
        time.sleep(0.1)
    raise AssertionError("no part arrives")


@pytest.mark.parametrize("mebibytes", [1, 20], ids=["in one request", "in parts"])
def test_what_the_service_has_against_an_upload_is_told(service: Service, mebibytes: int) -> None:
    access = S3Access(endpoint=service.endpoint, credentials_secret="keys")  # noqa: S106 (a name)
    nowhere = Store(Location("s3", "nowhere", ""), access)
    with pytest.raises(TaskError, match="The bucket of s3://nowhere does not exist: create it"):
        nowhere.upload("a/b", pieces(mebibytes))
    key = service.root / "secrets" / "credentials" / "AWS_SECRET_ACCESS_KEY"
    key.write_text("wrong")
    with pytest.raises(TaskError, match="refuses the credentials of Secret keys"):
        service.open().upload("a/b", pieces(mebibytes))
    key.with_name("AWS_ACCESS_KEY_ID").write_text("nobody")
    with pytest.raises(TaskError, match="refuses the credentials of Secret keys"):
        service.open().upload("a/b", pieces(mebibytes))
    assert service.parts() == []


class Cutting(socketserver.ThreadingTCPServer):
    """Passes connections on to a service, and cuts each after so many bytes of answers."""

    daemon_threads = True
    target = ("", 0)
    limit = 0
    cut = 0


class Passing(socketserver.BaseRequestHandler):
    """One connection to Cutting."""

    server: Cutting

    def handle(self) -> None:
        """Pass bytes on in both directions until the limit."""
        left = self.server.limit
        with socket.create_connection(self.server.target) as service:
            while left > 0:
                for ready in select.select([self.request, service], [], [])[0]:
                    data = ready.recv(min(left, 2**16))
                    if not data:
                        return
                    (self.request if ready is service else service).sendall(data)
                    left -= len(data) if ready is service else 0
        self.server.cut += 1


@pytest.fixture
def cutting(service: Service) -> Iterator[Cutting]:
    """In front of the service."""
    host, port = service.endpoint.removeprefix("http://").split(":")
    with Cutting(("127.0.0.1", 0), Passing) as server:
        server.target = (host, int(port))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_download_goes_on_where_it_was_cut(service: Service, cutting: Cutting) -> None:
    content = os.urandom(20 * 2**20)
    service.open().put("a/b", content)
    cutting.limit = 3 * 2**20
    service.endpoint = f"http://127.0.0.1:{cutting.server_address[1]}"
    assert b"".join(service.open().download("a/b")) == content
    assert cutting.cut >= 6


def test_a_download_that_brings_nothing_ends(service: Service, cutting: Cutting) -> None:
    service.open().put("a/b", os.urandom(2**20))
    service.endpoint = f"http://127.0.0.1:{cutting.server_address[1]}"
    cutting.limit = 2**16
    with pytest.raises(TaskError, match="s3://bench"):
        list(service.open().download("a/b"))


class Insisting(BaseHTTPRequestHandler):
    """Refuses contents without a checksum, as S3 does for a bucket with Object Lock."""

    protocol_version = "HTTP/1.1"
    target = ""

    def handle_one_request(self) -> None:
        """Answer whatever the method is."""
        self.raw_requestline = self.rfile.readline(2**16)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        names = {name.lower() for name in self.headers}
        checked = any(name.startswith("x-amz-checksum-") for name in names)
        if self.command == "PUT" and not checked and "content-md5" not in names:
            self._answer(400, {}, LOCKED)
            return
        service = http.client.HTTPConnection(self.target)
        service.request(self.command, self.path, content, dict(self.headers))
        answer = service.getresponse()
        self._answer(answer.status, dict(answer.headers), answer.read())
        service.close()

    def _answer(self, code: int, headers: Mapping[str, str], content: bytes) -> None:
        self.send_response_only(code)
        kept = {n: v for n, v in headers.items() if n.lower() not in ("connection", "date")}
        whole = kept if self.command == "HEAD" else {**kept, "Content-Length": str(len(content))}
        for name, value in whole.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


LOCKED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>InvalidRequest</Code><Message>Content-MD5 OR x-amz-checksum- HTTP header is required
for Put Object requests with Object Lock parameters</Message></Error>"""


@pytest.mark.situation(
    "coexist",
    "the bucket has Object Lock with a default retention, where S3 insists on checksums",
    "each request of an upload carries one: at AWS always, elsewhere if spec.s3.checksum says so",
)
@pytest.mark.parametrize("mebibytes", [1, 20], ids=["in one request", "in parts"])
def test_a_bucket_with_object_lock_gets_a_checksum(service: Service, mebibytes: int) -> None:
    content = os.urandom(mebibytes * 2**20)
    insisting = type("", (Insisting,), {"target": service.endpoint.removeprefix("http://")})
    with ThreadingHTTPServer(("127.0.0.1", 0), insisting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        service.endpoint = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(TaskError, match="x-amz-checksum- HTTP header is required"):
            service.open().upload("a/b", [content])
        service.checksum = "SHA256"
        service.open().upload("a/b", [content])
        assert service.open().read("a/b") == content
        server.shutdown()

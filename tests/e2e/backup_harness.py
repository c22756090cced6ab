"""Backups and restores under test, and the S3 service that they use, looked at from outside."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import obstore
from obstore.store import S3Store

from demo.object_store import ACCESS_KEY, BUCKET, NAME, PORT, SECRET_KEY, ObjectStore
from deploy.target import Target
from etcd_operator.json_types import Json
from tests.e2e.harness import Cluster, wait_until

TAKEN_BEFORE: Final = "etcd.etcd.io/taken-before"


@dataclass
class Task:
    """An EtcdBackup or an EtcdRestore by name."""

    target: Target
    namespace: str
    kind: str
    name: str

    def create(self, **spec: Any) -> None:
        """Apply it."""
        self.target.apply(
            {
                "apiVersion": "etcd.etcd.io/v1alpha1",
                "kind": self.kind,
                "metadata": {"name": self.name, "namespace": self.namespace},
                "spec": spec,
            }
        )

    def get(self) -> Json:
        """It as it is."""
        return self.target.read("get", self.kind, self.name, f"--namespace={self.namespace}")

    def status(self) -> Json:
        """Its status."""
        status: Json = self.get().get("status") or {}
        return status

    def wait_completed(self, seconds: float = 120.0) -> Json:
        """Wait until it is complete; returns its status."""
        begun = time.monotonic()
        while True:
            status = self.status()
            if status.get("phase") == "Completed":
                return status
            if time.monotonic() - begun > seconds:
                raise AssertionError(f"{self.kind} {self.name}: not within {seconds} s: {status}")
            time.sleep(0.3)

    def wait_message(self, words: str, seconds: float = 60.0, phase: str = "Failed") -> str:
        """Wait until it says something; returns all of the sentence."""

        def says() -> bool:
            status = self.status()
            assert status.get("phase") != "Completed" or phase == "Completed", status
            return words in status.get("message", "") and status.get("phase") == phase

        try:
            wait_until(f"{self.kind} {self.name} says {words}", says, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.status()}") from error
        return str(self.status()["message"])

    def condition(self, kind: str) -> Json:
        """One condition; empty if it is not there."""
        conditions = self.status().get("conditions") or ()
        return next((dict(c) for c in conditions if c["type"] == kind), {})


@contextmanager
def bucket(target: Target, store: ObjectStore) -> Iterator[S3Store]:
    """The bucket itself, through a port of this machine."""
    with forwarding([*target.kubectl, f"--namespace={store.namespace}", "port-forward"]) as port:
        yield S3Store(
            BUCKET,
            config={
                "endpoint": f"https://127.0.0.1:{port}",
                "region": "us-east-1",
                "access_key_id": ACCESS_KEY,
                "secret_access_key": SECRET_KEY,
                "virtual_hosted_style_request": False,
            },
            client_options={"root_certificate": store.authority},
        )


@contextmanager
def forwarding(command: list[str]) -> Iterator[int]:
    """Forward a port to the service, and again whenever kubectl ends: one reset makes it end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [*command, f"service/{NAME}", f"{port}:{PORT}"]
    over = threading.Event()

    def forward() -> None:
        while not over.is_set():
            running = subprocess.Popen(words, stdout=subprocess.DEVNULL)
            while running.poll() is None and not over.wait(0.05):
                pass
            running.terminate()
            running.wait()

    keeper = threading.Thread(target=forward)
    keeper.start()
    try:
        wait_until("kubectl forwards the port", lambda: _is_open(port), 20)
        yield port
    finally:
        over.set()
        keeper.join()


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def list_keys(store: S3Store) -> list[str]:
    """Every key in the bucket."""
    return sorted(str(entry["path"]) for page in obstore.list(store) for entry in page)


def find_taken(cluster: Cluster) -> list[Json]:
    """The EtcdBackups that the operator made before it went on, oldest first."""
    items = cluster.read("get", "etcdbackup")["items"]
    found = [item for item in items if TAKEN_BEFORE in (item["metadata"].get("annotations") or {})]
    return sorted(found, key=lambda item: item["metadata"]["creationTimestamp"])

"""Small objects, written again and again through a kube-apiserver.

A kube-apiserver has a connection to etcd for each resource. So several are written, each by a
thread of its own: together they meet every member.
"""

from __future__ import annotations

from typing import Final

import httpx2

from tests.perf.clients.answers import Felt, add
from tests.perf.clients.apiserver import ClientApiServer
from tests.perf.clients.writer import Writer

RESOURCES: Final = ("configmaps", "secrets", "limitranges", "resourcequotas", "serviceaccounts")
NAMESPACE: Final = "/api/v1/namespaces/default"
NAME: Final = "written"


class Load:
    """Writes every resource until it is stopped."""

    name: Final = "kube-apiserver"

    def __init__(self, server: ClientApiServer) -> None:
        self.server = server
        self._objects = [_Object(server, resource) for resource in RESOURCES]
        self._writers = [Writer(self.name, written.write) for written in self._objects]

    def start(self) -> None:
        """Start writing."""
        for written, writer in zip(self._objects, self._writers, strict=True):
            written.create()
            writer.start()

    def stop(self) -> None:
        """Stop writing."""
        for writer in self._writers:
            writer.stop()
        for written in self._objects:
            written.close()

    def move(self, server: ClientApiServer) -> None:
        """Write through another kube-apiserver from the next write on."""
        self.server = server
        for written in self._objects:
            written.server = server

    def judge(self, began: float, ended: float) -> Felt:
        """Return the longest gap of a resource between two moments, and all that failed."""
        return add([writer.judge(began, ended) for writer in self._writers])


class _Object:
    """One object of a resource, and the connection to the kube-apiserver that it is written by."""

    def __init__(self, server: ClientApiServer, resource: str) -> None:
        self.server = server
        self._path = f"{NAMESPACE}/{resource}"
        self._connected = server
        self._client = server.connect()

    def create(self) -> None:
        """Create the object."""
        self._client.post(self._path, json=_manifest(0)).raise_for_status()

    def write(self, number: int) -> str:
        """Write a number; returns what failed."""
        if self.server is not self._connected:
            self._client.close()
            self._connected, self._client = self.server, self.server.connect()
        try:
            answer = self._client.put(f"{self._path}/{NAME}", json=_manifest(number))
        except httpx2.TransportError as error:
            return repr(error)
        if answer.is_success:
            return ""
        return str(answer.json().get("message", answer.text))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _manifest(number: int) -> dict[str, object]:
    return {"metadata": {"name": NAME, "labels": {"number": str(number)}}}

"""Small objects, written again and again through a kube-apiserver; every answer is kept.

A kube-apiserver has a connection to etcd for each resource. So several are written, each by a
thread of its own: together they meet every member.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpx2

from tests.perf.clients.apiserver import ClientApiServer
from tests.perf.writing import longest_gap

RESOURCES: Final = ("configmaps", "secrets", "limitranges", "resourcequotas", "serviceaccounts")
NAMESPACE: Final = "/api/v1/namespaces/default"
NAME: Final = "written"
PAUSE_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Answer:
    """One write: when it was sent and answered, by a monotonic clock, and what failed."""

    sent: float
    answered: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Felt:
    """What a client felt of a change: seconds without a write, and the writes that failed."""

    gap: float
    writes: int
    errors: tuple[str, ...]


class Load:
    """Writes every resource until it is stopped."""

    def __init__(self, server: ClientApiServer) -> None:
        self._writers = [_Writer(server, resource) for resource in RESOURCES]

    def start(self) -> None:
        """Start writing."""
        for writer in self._writers:
            writer.start()

    def stop(self) -> None:
        """Stop writing."""
        for writer in self._writers:
            writer.over.set()
        for writer in self._writers:
            writer.join()

    def judge(self, began: float, ended: float) -> Felt:
        """Return the longest gap of a resource between two moments, and all that failed."""
        felt = [judge(list(writer.answers), began, ended) for writer in self._writers]
        return Felt(
            max(one.gap for one in felt),
            sum(one.writes for one in felt),
            tuple(error for one in felt for error in one.errors),
        )


class _Writer(threading.Thread):
    """Writes one object of a resource."""

    def __init__(self, server: ClientApiServer, resource: str) -> None:
        super().__init__(daemon=True)
        self._server = server
        self._path = f"{NAMESPACE}/{resource}"
        self.over = threading.Event()
        self.answers: list[Answer] = []

    def run(self) -> None:
        """Write one number after the other; what fails is not repeated."""
        with self._server.connect() as client:
            client.post(self._path, json=_object(0)).raise_for_status()
            for number in itertools.count(1):
                if self.over.wait(PAUSE_SECONDS):
                    return
                sent = time.monotonic()
                error = _write(client, f"{self._path}/{NAME}", number)
                self.answers.append(Answer(sent, time.monotonic(), error))


def judge(answers: Sequence[Answer], began: float, ended: float) -> Felt:
    """Return what was felt between two moments; a gap that reaches beyond them counts whole."""
    good = [a.answered for a in answers if not a.error]
    gap = longest_gap(good, began, ended)
    during = [a for a in answers if began <= a.sent <= ended]
    return Felt(gap, len(during), tuple(a.error for a in during if a.error))


def _write(client: httpx2.Client, path: str, number: int) -> str:
    try:
        answer = client.put(path, json=_object(number))
    except httpx2.TransportError as error:
        return repr(error)
    if answer.is_success:
        return ""
    return str(answer.json().get("message", answer.text))


def _object(number: int) -> dict[str, object]:
    return {"metadata": {"name": NAME, "labels": {"number": str(number)}}}

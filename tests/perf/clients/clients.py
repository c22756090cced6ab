"""The clients of one EtcdCluster, which write at the same time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local import build
from local.places import read_places
from local.programs import ESSENTIAL_ETCD, etcd
from tests.perf.clients.answers import Felt
from tests.perf.clients.apiserver import ClientApiServer, client_apiserver
from tests.perf.clients.changes import SIZE, ServedCluster
from tests.perf.clients.go_client import GoClient, provide_go_client
from tests.perf.clients.load import Load
from tests.perf.clients.loops import Etcdctl, Gateway
from tests.perf.clients.surroundings import Surroundings
from tests.perf.clients.writer import Client


@dataclass
class Clients:
    """The clients, and how a load through a kube-apiserver follows the Secret."""

    around: Surroundings
    all: Sequence[Client]
    stack: contextlib.ExitStack
    load: Load | None = None
    _servers: int = field(default=1, init=False)

    def judge(self, began: float, ended: float) -> dict[str, Felt]:
        """Return what each client felt between two moments."""
        return {client.name: client.judge(began, ended) for client in self.all}

    def renew(self) -> None:
        """Let the clients take their Secret as it is now.

        A kube-apiserver reads its authorities once. So another one takes its place whenever they
        change, as where there are several and one after the other is started again.
        """
        trusted = self.around.mount.read().get("ca.crt")
        if not self.around.renew() or self.load is None:
            return
        now = self.around.mount.read()
        if now["ca.crt"] == trusted:
            self.load.server.mount.write(now)
            return
        self._servers += 1
        place = self.around.directory / f"kube-apiserver-{self._servers}"
        self.load.move(self.stack.enter_context(_apiserver(self.around, place)))


@contextlib.contextmanager
def _started(clients: Clients) -> Iterator[Clients]:
    with contextlib.ExitStack() as stack:
        for client in clients.all:
            client.start()
            stack.callback(client.stop)
        yield clients


def _apiserver(
    around: Surroundings, place: Path
) -> contextlib.AbstractContextManager[ClientApiServer]:
    place.mkdir()
    return client_apiserver(around.cluster, read_places(os.environ), place)


@contextlib.contextmanager
def without_gateway(cluster: ServedCluster, directory: Path) -> Iterator[Clients]:
    """What writes by gRPC: a kube-apiserver, etcd's Go client and etcdctl."""
    around = Surroundings(cluster, directory)
    around.prepare()
    places = read_places(os.environ)
    program = provide_go_client(places)
    etcdctl = build.directory_of(etcd(ESSENTIAL_ETCD), places) / "etcdctl"
    with contextlib.ExitStack() as stack:
        load = Load(stack.enter_context(_apiserver(around, directory / "kube-apiserver-1")))
        clients = (
            load,
            GoClient("Go, Service", around, program, [around.url]),
            GoClient("Go, members", around, program, around.member_urls(SIZE)),
            Etcdctl(around, etcdctl),
        )
        yield stack.enter_context(_started(Clients(around, clients, stack, load)))


@contextlib.contextmanager
def with_gateway(cluster: ServedCluster, directory: Path) -> Iterator[Clients]:
    """What writes by etcd's JSON gateway."""
    around = Surroundings(cluster, directory)
    around.prepare()
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(_started(Clients(around, (Gateway(around),), stack)))

"""How the clients of a measurement follow the Secret that they have their certificate from."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.perf.clients import clients, surroundings
from tests.perf.clients.clients import Clients
from tests.perf.clients.mount import Mount
from tests.perf.clients.surroundings import Surroundings


@dataclass(frozen=True)
class _Cluster:
    name: str = "c"
    namespace: str = "ns"


@dataclass(frozen=True)
class _Server:
    mount: Mount


@dataclass
class _Load:
    """A load that writes nothing."""

    server: _Server

    def move(self, server: _Server) -> None:
        self.server = server


def _mounted(directory: Path, **data: str) -> Mount:
    mount = Mount(directory)
    mount.write({f"{name}.crt": text for name, text in data.items()})
    return mount


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        ({"ca": "old", "tls": "old"}, False),
        ({"ca": "old", "tls": "new"}, False),
        ({"ca": "new", "tls": "old"}, True),
    ],
)
def test_a_kube_apiserver_is_replaced_where_the_authorities_change_and_follows_otherwise(
    now: dict[str, str], moved: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {f"{name}.crt": text for name, text in now.items()}
    monkeypatch.setattr(surroundings, "read_secret", lambda *_: data)

    @contextlib.contextmanager
    def another(_around: Surroundings, place: Path) -> Iterator[_Server]:
        yield _Server(_mounted(place, **now))

    monkeypatch.setattr(clients, "_apiserver", another)
    cluster: Any = _Cluster()
    around = Surroundings(cluster, tmp_path)
    around.mount.write({"ca.crt": "old", "tls.crt": "old"})
    first = _Server(_mounted(tmp_path / "first", ca="old", tls="old"))
    load: Any = _Load(first)
    with contextlib.ExitStack() as stack:
        Clients(around, (), stack, load).renew()
        assert (load.server is not first) == moved
        assert around.mount.read() == load.server.mount.read() == data

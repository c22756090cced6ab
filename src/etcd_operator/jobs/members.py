"""Speak with members from a Job: as the operator does, by its certificate or its password."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from etcd_operator.core.tasks.jobs.paths import IDENTITY, LOGIN
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.client import EtcdMemberClient, stream_snapshot
from etcd_operator.runtime.etcd.session import Login
from etcd_operator.runtime.pki.identity import Identity


def open_member(address: str, host: str = "") -> EtcdMemberClient:
    """Return a member's client; `host`: the name in its certificate, if not that of its address."""
    return EtcdMemberClient(address, _client_tls(address, host), _find_login())


def read_snapshot(address: str, *, timeout: float, token: str = "") -> Iterator[bytes]:
    """Yield a member's database and what etcd appends to it. Blocks; raises EtcdError's kinds."""
    return stream_snapshot(address, _client_tls(address), timeout=timeout, token=token)


def _find_login() -> Login | None:
    place = Path(LOGIN) / "password"
    if not place.exists():
        return None

    async def read() -> str:
        return place.read_text()

    return Login("root", LOGIN, read)


def _client_tls(address: str, host: str = "") -> PeerTls | None:
    place = Path(IDENTITY)
    if not (place / "tls.crt").exists():
        return None
    texts = ((place / name).read_text() for name in ("ca.crt", "tls.crt", "tls.key"))
    return PeerTls(Identity(*texts), host or address.rpartition(":")[0])

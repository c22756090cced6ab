"""Speak with members from a Job: as the operator does, by its certificate or its password."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from etcd_operator.core.tasks.jobs.paths import IDENTITY, LOGIN, LOGIN_VARIABLE
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.client import EtcdMemberClient, stream_snapshot
from etcd_operator.runtime.etcd.session import Login, UserPassword
from etcd_operator.runtime.pki.identity import Identity


def serves_plain(task: Json, address: str) -> bool:
    """Whether a member serves plain text, by the endpoints of a task.

    While TLS is turned on or off some do and others do not.
    """
    return f"http://{address}" in task["endpoints"]


def open_member(address: str, host: str = "", *, plain: bool = False) -> EtcdMemberClient:
    """Return a member's client; `host`: the name in its certificate, if not that of its address.

    `plain`: it is asked in plain text, although there is a certificate.
    """
    tls = None if plain else _client_tls(address, host)
    return EtcdMemberClient(address, tls, None if tls else _find_login())


def read_snapshot(
    address: str, *, timeout: float, token: str = "", plain: bool = False
) -> Iterator[bytes]:
    """Yield a member's database and what etcd appends to it. Blocks; raises EtcdError's kinds."""
    tls = None if plain else _client_tls(address)
    return stream_snapshot(address, tls, timeout=timeout, token=token)


def _find_login() -> Login | None:
    place = Path(LOGIN) / "password"
    if not place.exists():
        return None

    async def read() -> str:
        return place.read_text()

    return Login((UserPassword(os.environ[LOGIN_VARIABLE], read),), LOGIN)


def _client_tls(address: str, host: str = "") -> PeerTls | None:
    place = Path(IDENTITY)
    if not (place / "tls.crt").exists():
        return None
    texts = ((place / name).read_text() for name in ("ca.crt", "tls.crt", "tls.key"))
    return PeerTls(Identity(*texts), host or address.rpartition(":")[0])

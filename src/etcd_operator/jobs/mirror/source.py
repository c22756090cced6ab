"""The etcd that a mirror reads: one of its endpoints at a time, always of the same cluster."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from etcd_operator.core.mirror.copying import Event
from etcd_operator.core.mirror.places import SOURCE_LOGIN, SOURCE_TLS
from etcd_operator.core.model.members import format_id
from etcd_operator.errors import TaskError
from etcd_operator.jobs.mirror.ranges import KeyRange
from etcd_operator.runtime.etcd.channel import PeerTls
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.rpc import etcd_pb2 as etcd_pb2
from etcd_operator.runtime.etcd.session import Login, UserPassword
from etcd_operator.runtime.etcd.watch import WatchStream, open_watch
from etcd_operator.runtime.pki.identity import Identity

# A value of a size that no etcd is set to, and files that are no certificates.
_LONGEST_FILE: Final = 2**20


class Source:
    """The endpoints of the source, as URLs; `keys` is the range at the one that is asked now."""

    def __init__(self, endpoints: list[str], prefix: bytes) -> None:
        self._endpoints = endpoints
        self._prefix = prefix
        self._next = 0
        self.keys = self._open()

    async def turn(self) -> None:
        """Ask at the next endpoint from now on, with certificates and password as they are now."""
        await self.keys.client.close()
        self._next = (self._next + 1) % len(self._endpoints)
        self.keys = self._open()

    async def close(self) -> None:
        """Close the connection."""
        await self.keys.client.close()

    def _open(self) -> KeyRange:
        url = urlsplit(self._endpoints[self._next])
        tls = _find_tls(url.hostname or "") if url.scheme == "https" else None
        return KeyRange(EtcdMemberClient(url.netloc, tls, _find_login()), self._prefix)

    async def look(self, cluster: int = 0) -> tuple[int, int]:
        """Return cluster ID and newest revision; raises TaskError for another than `cluster`."""
        found, revision = await self.keys.look()
        if cluster not in (0, found):
            raise TaskError(
                f"{self.keys.client.address} belongs to etcd cluster {format_id(found)}, and the "
                f"mirror began with {format_id(cluster)}: correct the endpoints, or delete the "
                "EtcdCluster and begin again."
            )
        return found, revision

    async def watch(self, revision: int) -> AbstractAsyncContextManager[WatchStream]:
        """Open a watch of the range from a revision on."""
        client = self.keys.client
        request = etcd_pb2.WatchCreateRequest(
            key=self.keys.first, range_end=self.keys.end, start_revision=revision, fragment=True
        )
        token = await client.find_token()
        return open_watch(client.address, client.introduction, request, token=token)


def read_events(response: Any) -> tuple[Event, ...]:
    """Read the events of a response of a watch."""
    deleted = etcd_pb2.Event.DELETE
    return tuple(
        Event(
            e.kv.key, None if e.type == deleted else e.kv.value, e.kv.lease, e.kv.mod_revision
        )
        for e in response.events
    )  # fmt: skip


def _read_file(place: Path, name: str) -> str:
    path = place / name
    if not path.exists():
        return ""
    with path.open() as file:
        return file.read(_LONGEST_FILE)


def _find_tls(host: str) -> PeerTls:
    place = Path(SOURCE_TLS)
    roots, certificate, key = (_read_file(place, n) for n in ("ca.crt", "tls.crt", "tls.key"))
    if not roots:
        raise TaskError(
            "The Secret with the certificates of the source does not exist or has no ca.crt: "
            "create it, or correct its name in spec.bootstrap.mirror.source."
        )
    return PeerTls(Identity(roots, certificate, key), host)


def _find_login() -> Login | None:
    place = Path(SOURCE_LOGIN)
    if not place.exists():
        return None
    user = _read_file(place, "username").strip()
    if not user or not (place / "password").exists():
        raise TaskError(
            "The Secret with the password of the source does not exist or lacks username or "
            "password: create it, or correct its name in spec.bootstrap.mirror.source."
        )

    async def read() -> str:
        return _read_file(place, "password")

    return Login((UserPassword(user, read),), SOURCE_LOGIN)

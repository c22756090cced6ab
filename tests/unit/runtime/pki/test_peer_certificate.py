"""Seeing a certificate leaves no trace in other connections of the same thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etcd_operator.runtime.pki.peer_certificate import find_signer
from etcd_operator.runtime.pki.x509 import (
    KeyPair,
    issue_certificate,
    make_authority,
    read_certificate,
)
from tests.builders.authorities import sign_authority

HOST = "127.0.0.1"
NAME = "db-0.db-peer"
ROUNDS = 30
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def authority() -> KeyPair:
    return make_authority("db", NOW)


def build_context(authority: KeyPair, place: Path, *, strict: bool) -> ssl.SSLContext:
    """A server's side of TLS; a strict one wants a certificate, as etcd does."""
    pair = issue_certificate(authority, "db", NOW, timedelta(hours=1), names=(NAME,), server=True)
    (place / "tls.crt").write_text(pair.certificate)
    (place / "tls.key").write_text(pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "tls.crt", place / "tls.key")
    if strict:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authority.certificate)
    return context


@contextlib.contextmanager
def serving(context: ssl.SSLContext) -> Iterator[int]:
    """The port of a server that answers with what it is told, in threads of its own."""
    with socket.create_server((HOST, 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_echo, args=(connection, context), daemon=True).start()


def _echo(connection: socket.socket, context: ssl.SSLContext) -> None:
    with (
        contextlib.suppress(OSError),
        connection,
        context.wrap_socket(connection, server_side=True) as secure,
    ):
        while said := secure.recv(100):
            secure.sendall(said)


@pytest.fixture(scope="module")
def servers(
    authority: KeyPair, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[bool], int]]:
    """The port of the server that is strict, and of the one that is not."""
    place = tmp_path_factory.mktemp("tls")
    contexts = {strict: build_context(authority, place, strict=strict) for strict in (True, False)}
    with serving(contexts[True]) as strict, serving(contexts[False]) as open_to_all:
        yield {True: strict, False: open_to_all}.__getitem__


async def test_the_signer_is_seen_without_a_certificate(
    authority: KeyPair, servers: Callable[[bool], int]
) -> None:
    seen = {
        await find_signer(HOST, servers(kind), NAME, authority.certificate)
        for kind in (True, False)
    }
    assert len(seen) == 1
    assert "" not in seen
    stranger = make_authority("stranger", NOW).certificate
    assert await find_signer(HOST, servers(True), NAME, stranger) == ""
    assert await find_signer(HOST, servers(True), "elsewhere", authority.certificate) == ""


async def test_no_other_connection_fails_with_what_the_server_said_last(
    authority: KeyPair, servers: Callable[[bool], int]
) -> None:
    """It says after the handshake that it wants a certificate."""
    context = ssl.create_default_context(cadata=authority.certificate)
    reader, writer = await asyncio.open_connection(
        HOST, servers(False), ssl=context, server_hostname=NAME
    )
    try:
        for _ in range(ROUNDS):
            assert await find_signer(HOST, servers(True), NAME, authority.certificate)
            for _ in range(3):
                writer.write(b"word")
                assert await reader.read(100) == b"word"
    finally:
        writer.transport.abort()


async def test_a_ca_that_another_one_signed_is_enough(tmp_path: Path) -> None:
    """As for etcd: issuers of cert-manager may tell the CA that signs, and not the one above it."""
    root = make_authority("root", NOW)
    middle = sign_authority(root, "middle")
    with serving(build_context(middle, tmp_path, strict=True)) as port:
        seen = await find_signer(HOST, port, NAME, middle.certificate)
    assert seen == read_certificate(middle.certificate).key_id


async def test_a_ca_without_a_usage_is_one(tmp_path: Path) -> None:
    """Python from 3.13 on would refuse it, and etcd does not."""
    plain = sign_authority(None, "plain", usage=False)
    with serving(build_context(plain, tmp_path, strict=True)) as port:
        assert await find_signer(HOST, port, NAME, plain.certificate)

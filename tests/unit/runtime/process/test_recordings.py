"""Recorded passes over real HTTP, on loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx2
import pytest

from etcd_operator.json_types import Json
from etcd_operator.plugin.recordings import NEWEST
from etcd_operator.runtime.process.recordings import RecordingServer


def read(namespace: str, name: str, since: datetime | None) -> Json | None:
    """One cluster has a recording, here with what was asked for."""
    return {"passes": [str(since)]} if (namespace, name) == ("team", "db") else None


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[RecordingServer]:
    """A server at a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = RecordingServer(port, read)
    task = asyncio.create_task(server.run())
    await asyncio.sleep(0)
    try:
        yield server
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert server.address == ("127.0.0.1", port)


async def get(server: RecordingServer, path: str, **parameters: str) -> httpx2.Response:
    """Make a request."""
    # Nothing here is TLS, and the usual context reads each authority that the system trusts.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx2.AsyncClient(trust_env=False, verify=context) as client:
        return await client.get(
            f"http://127.0.0.1:{server.address[1]}{path}", params=parameters or None
        )


@pytest.mark.parametrize(
    ("path", "status"),
    [("/passes/team/db", 200), ("/passes/team/other", 404), ("/passes/team", 404), ("/", 404)],
)
async def test_one_recording_by_namespace_and_name(path: str, status: int) -> None:
    async with serving() as server:
        answer = await get(server, path)
    assert answer.status_code == status
    assert ("passes" in answer.json()) == (status == 200)


async def test_only_what_came_since_a_time_where_one_is_given() -> None:
    when = datetime(2026, 11, 30, 17, 0, 0, 250_000, tzinfo=UTC)
    async with serving() as server:
        assert (await get(server, "/passes/team/db")).json() == {"passes": ["None"]}
        answer = await get(server, "/passes/team/db", since=when.isoformat())
        assert answer.json() == {"passes": [str(when)]}
        latest = (await get(server, f"/passes/team/db{NEWEST}")).json()
        assert latest == {"passes": ["9999-12-31 23:59:59+00:00"]}, "as the plugin asks"


@pytest.mark.parametrize("since", ["yesterday", "2026-11-30T17:00:00", "2026-11-30T17:00:00 00:00"])
async def test_what_is_no_time_is_said(since: str) -> None:
    async with serving() as server:
        answer = await get(server, "/passes/team/db", since=since)
    assert answer.status_code == 400
    said = answer.json()["message"]
    assert said.startswith(f"since is {since!r}, which is no time with an offset: write it as ")

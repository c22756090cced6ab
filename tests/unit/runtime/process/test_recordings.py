"""Recorded passes over real HTTP, on loopback only."""

from __future__ import annotations

import asyncio
import socket

import httpx2
import pytest

from etcd_operator.json_types import Json
from etcd_operator.runtime.process.recordings import RecordingServer


def read(namespace: str, name: str) -> Json | None:
    """One cluster has a recording."""
    return {"passes": []} if (namespace, name) == ("team", "db") else None


@pytest.mark.parametrize(
    ("path", "status"),
    [("/passes/team/db", 200), ("/passes/team/other", 404), ("/passes/team", 404), ("/", 404)],
)
async def test_one_recording_by_namespace_and_name(path: str, status: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = RecordingServer(port, read)
    task = asyncio.create_task(server.run())
    await asyncio.sleep(0)
    try:
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{port}{path}")
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert answer.status_code == status
    assert server.address == ("127.0.0.1", port)
    assert ("passes" in answer.json()) == (status == 200)

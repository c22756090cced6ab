"""Recordings that are larger than any: how much of them is read."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest

from etcd_operator.plugin import recordings
from etcd_operator.plugin.exits import Exit, PluginError
from etcd_operator.plugin.recordings import read_file

MOST = 1000


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "MOST_BYTES", MOST)


async def read(answer: Callable[[httpx2.Request], httpx2.Response]) -> str:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
        with pytest.raises(PluginError) as error:
            await recordings._read_answer(client, "http://127.0.0.1/passes/team/db")
    assert error.value.code is Exit.FAILED
    return str(error.value)


async def test_an_answer_without_end_is_read_to_the_bound() -> None:
    sent = []

    async def parts() -> AsyncIterator[bytes]:
        while True:
            sent.append(100)
            yield b"x" * 100

    said = await read(lambda _: httpx2.Response(200, content=parts()))
    assert said == "The operator's answer is larger than any recording."
    assert sum(sent) == MOST + 100


async def test_an_answer_is_not_unpacked() -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.headers["accept-encoding"])
        packed = gzip.compress(b"x" * 100 * MOST)

        async def parts() -> AsyncIterator[bytes]:
            yield packed

        headers = {"content-encoding": "gzip"}
        return httpx2.Response(200, headers=headers, content=parts())

    assert await read(answer) == "The operator's answer is packed, and that was not asked for."
    assert asked == ["identity"]


def test_a_file_is_read_to_the_bound(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(b" " * (MOST + 1))
    with pytest.raises(PluginError, match="is larger than any recording"):
        read_file(path)
    with pytest.raises(PluginError, match="is larger than any recording"):
        read_file(Path("/dev/zero"))

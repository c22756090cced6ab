"""/livez, /readyz and /metrics over real HTTP."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import httpx2
import pytest

from etcd_operator.errors import CannotListen
from etcd_operator.runtime.process import http_server
from etcd_operator.runtime.process.clock import SystemClock
from etcd_operator.runtime.process.health import STALE_SECONDS, HealthServer
from tests.fakes.http_api import connect


class StuckClock:
    """A clock that jumps, as after a long block of the event loop."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        """The machine's clock and the jump."""
        return SystemClock().monotonic() + self.ahead

    def now(self) -> datetime:
        """The date."""
        return SystemClock().now()


@asynccontextmanager
async def running(
    port: int, clock: StuckClock, reason: list[str]
) -> AsyncIterator[httpx2.AsyncClient]:
    """A server on this port; `reason` has why it is not ready, if it is not."""
    why = lambda: reason[0] if reason else None  # noqa: E731 (shorter than a function here)
    server = HealthServer(port, clock, why, lambda: b"metric 1\n")
    task = asyncio.create_task(server.run())
    async with connect(f"http://127.0.0.1:{port}") as client:
        for _ in range(200):
            try:
                await client.get("/livez")
                break
            except httpx2.ConnectError:
                await asyncio.sleep(0.005)
        yield client
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
@pytest.mark.situation(
    "coexist",
    "a cluster with IPv6 only",
    "probes of the operator are answered",
)
async def test_a_kubelet_of_either_family_is_answered(unused_tcp_port: int, host: str) -> None:
    """On a cluster of IPv6 alone the kubelet asks at the only address that a Pod has."""
    async with (
        running(unused_tcp_port, StuckClock(), []),
        connect(f"http://{host}:{unused_tcp_port}") as client,
    ):
        assert (await client.get("/livez")).status_code == 200


async def test_without_ipv6_it_answers_at_ipv4(
    unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(http_server._DualStackServer, "server_bind", refuse)
    async with running(unused_tcp_port, StuckClock(), []) as client:
        assert (await client.get("/livez")).status_code == 200


async def test_a_port_that_is_taken_is_an_error(unused_tcp_port: int) -> None:
    async with running(unused_tcp_port, StuckClock(), []):
        other = HealthServer(unused_tcp_port, StuckClock(), lambda: None, lambda: b"")
        with pytest.raises(CannotListen, match="in use"):
            await other.run()


async def test_alive_and_ready(unused_tcp_port: int) -> None:
    async with running(unused_tcp_port, StuckClock(), []) as client:
        for path in ("/livez", "/readyz"):
            answer = await client.get(path)
            assert (answer.status_code, answer.text) == (200, "ok\n")


async def test_not_ready_says_why_and_is_still_alive(unused_tcp_port: int) -> None:
    async with running(unused_tcp_port, StuckClock(), ["pods are not listed yet"]) as client:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "pods are not listed yet\n")
        assert (await client.get("/livez")).status_code == 200


async def test_a_stuck_loop_is_not_alive(unused_tcp_port: int) -> None:
    clock = StuckClock()
    async with running(unused_tcp_port, clock, []) as client:
        clock.ahead = STALE_SECONDS + 5
        answer = await client.get("/livez")
        assert answer.status_code == 500
        assert "stuck" in answer.text


async def test_metrics(unused_tcp_port: int) -> None:
    async with running(unused_tcp_port, StuckClock(), []) as client:
        answer = await client.get("/metrics")
        assert answer.text == "metric 1\n"
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert (await client.get("/nothing")).status_code == 404

"""The operator's own HTTP server: /livez, /readyz, /metrics.

It runs in a thread of its own, so that it answers also when the event loop is stuck: that is when
somebody has to be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from threading import Thread
from typing import TYPE_CHECKING

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.http_server import listen_everywhere

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

HEARTBEAT_SECONDS = 1.0
STALE_SECONDS = 20.0


class HealthServer:
    """Serves health and metrics; `why_not_ready` returns None or the reason."""

    def __init__(
        self,
        port: int,
        clock: Clock,
        why_not_ready: Callable[[], str | None],
        expose: Callable[[], bytes],
    ) -> None:
        self._port = port
        self._clock = clock
        self._why_not_ready = why_not_ready
        self._expose = expose
        self._beat = clock.monotonic()

    async def run(self) -> None:
        """Serve until cancelled; raises CannotListen."""
        server = listen_everywhere("PORT", self._port, self._answer)
        thread = Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True)
        thread.start()
        try:
            while True:
                self._beat = self._clock.monotonic()
                await asyncio.sleep(HEARTBEAT_SECONDS)
        finally:
            server.shutdown()
            server.server_close()

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        pages = {"/livez": self._livez, "/readyz": self._readyz, "/metrics": self._metrics}
        page = pages.get(str(environ.get("PATH_INFO")), _not_found)
        status, kind, body = page()
        start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    def _livez(self) -> tuple[str, str, bytes]:
        lag = self._clock.monotonic() - self._beat
        if lag > STALE_SECONDS:
            return _say("500 Stuck", f"the event loop was stuck for {lag:.0f} s")
        return _say("200 OK", "ok")

    def _readyz(self) -> tuple[str, str, bytes]:
        reason = self._why_not_ready()
        return _say("503 Not Ready", reason) if reason else _say("200 OK", "ok")

    def _metrics(self) -> tuple[str, str, bytes]:
        return "200 OK", CONTENT_TYPE_PLAIN_0_0_4, self._expose()


def _not_found() -> tuple[str, str, bytes]:
    return _say("404 Not Found", "there are /livez, /readyz and /metrics")


def _say(status: str, sentence: str) -> tuple[str, str, bytes]:
    return status, "text/plain; charset=utf-8", f"{sentence}\n".encode()

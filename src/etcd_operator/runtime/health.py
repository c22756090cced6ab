"""The operator's own HTTP server: /livez, /readyz, /metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from etcd_operator.runtime.clock import Clock

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
        """Serve until cancelled."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, port=self._port).start()
            while True:
                self._beat = self._clock.monotonic()
                await asyncio.sleep(HEARTBEAT_SECONDS)
        finally:
            await runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        lag = self._clock.monotonic() - self._beat
        if lag > STALE_SECONDS:
            return web.Response(status=500, text=f"the event loop was stuck for {lag:.0f} s\n")
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        reason = self._why_not_ready()
        if reason:
            return web.Response(status=503, text=f"{reason}\n")
        return web.Response(text="ok\n")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self._expose(), headers={"Content-Type": "text/plain; version=0.0.4"}
        )

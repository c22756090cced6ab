"""Server of recorded passes, on loopback only.

Whoever may forward a port to the operator's Pod may read them (`pods/portforward`): nobody else
reaches the loopback of a Pod, neither over its address nor over a Service.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from threading import Thread
from typing import TYPE_CHECKING, Final

from etcd_operator.json_types import Json
from etcd_operator.runtime.process.http_server import listen_at

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

LOOPBACK: Final = "127.0.0.1"
PATH: Final = "/passes/"


class RecordingServer:
    """Serves `/passes/NAMESPACE/NAME`; `read` returns a recording, None if there is none."""

    def __init__(self, port: int, read: Callable[[str, str], Json | None]) -> None:
        self._port = port
        self._read = read
        self.address: tuple[str, int] = (LOOPBACK, port)

    async def run(self) -> None:
        """Serve until cancelled; raises CannotListen."""
        server = listen_at(LOOPBACK, "RECORDING_PORT", self._port, self._answer)
        self.address = (LOOPBACK, server.server_port)
        thread = Thread(target=server.serve_forever, args=(0.1,), name="recordings", daemon=True)
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            server.shutdown()
            server.server_close()

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = str(environ.get("PATH_INFO"))
        namespace, _, name = path.removeprefix(PATH).partition("/")
        found = self._read(namespace, name) if path.startswith(PATH) else None
        status = "200 OK" if found is not None else "404 Not Found"
        body = json.dumps(found if found is not None else {"message": "no passes of it"}).encode()
        kind = ("Content-Type", "application/json")
        start(status, [kind, ("Content-Length", str(len(body)))])
        return [body]

"""Server of recorded passes, on loopback only.

Whoever may forward a port to the operator's Pod may read them (`pods/portforward`): nobody else
reaches the loopback of a Pod, neither over its address nor over a Service.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import datetime
from threading import Thread
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from etcd_operator.json_types import Json
from etcd_operator.runtime.process.http_server import listen_at

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

LOOPBACK: Final = "127.0.0.1"
PATH: Final = "/passes/"
NONE: Final[Json] = {"message": "no passes of it"}


class RecordingServer:
    """Serves `/passes/NAMESPACE/NAME`; `read` returns a recording, None if there is none.

    With `?since=TIME` it leaves out what was there before the last pass up to that time.
    """

    def __init__(self, port: int, read: Callable[[str, str, datetime | None], Json | None]) -> None:
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
        status, document = self._find(
            str(environ.get("PATH_INFO")), str(environ.get("QUERY_STRING"))
        )
        body = json.dumps(document).encode()
        kind = ("Content-Type", "application/json")
        start(status, [kind, ("Content-Length", str(len(body)))])
        return [body]

    def _find(self, path: str, query: str) -> tuple[str, Json]:
        namespace, _, name = path.removeprefix(PATH).partition("/")
        try:
            since = _read_since(query)
        except ValueError as error:
            return "400 Bad Request", {"message": str(error)}
        found = self._read(namespace, name, since) if path.startswith(PATH) else None
        return ("200 OK", found) if found is not None else ("404 Not Found", NONE)


def _read_since(query: str) -> datetime | None:
    """The time that is asked for, None if none is; raises ValueError with a sentence."""
    said = parse_qs(query).get("since", [""])[-1]
    if not said:
        return None
    try:
        when: datetime | None = datetime.fromisoformat(said)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise ValueError(
            f"since is {said!r}, which is no time with an offset: write it as 2026-01-31T09:30:00Z"
        )
    return when

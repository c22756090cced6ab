"""HTTP servers of the operator: each at the port of a setting, a thread for each request."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from etcd_operator.errors import CannotListen

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    Answer = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    """A server with a thread for each request."""

    daemon_threads = True


class _DualStackServer(_ThreadingServer):
    """A server at every address of IPv6 and IPv4: Pods may have either."""

    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        """Bind to both families; nobody looks up a name for `::`, which may take long."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()


class _QuietHandler(WSGIRequestHandler):
    """A request that may take ten seconds, and is not logged."""

    timeout = 10.0

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Probes are not worth a line each."""


def listen_everywhere(setting: str, port: int, answer: Answer) -> WSGIServer:
    """Listen at all addresses; only at IPv4 where the node's kernel was started without IPv6.

    `setting` is the name of the port's setting; raises CannotListen with it.
    """
    try:
        return make_server("", port, answer, _DualStackServer, _QuietHandler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _explain(setting, port, error) from error
        return listen_at("", setting, port, answer)


def listen_at(host: str, setting: str, port: int, answer: Answer) -> WSGIServer:
    """Listen at one address of IPv4; raises CannotListen with the name of the setting."""
    try:
        return make_server(host, port, answer, _ThreadingServer, _QuietHandler)
    except OSError as error:
        raise _explain(setting, port, error) from error


def _explain(setting: str, port: int, error: OSError) -> CannotListen:
    taken = error.errno == errno.EADDRINUSE
    remedy = "end the process that listens there, or set" if taken else "set"
    return CannotListen(
        f"{setting} {port} cannot be used ({error.strerror}): {remedy} {setting} to a free port"
    )

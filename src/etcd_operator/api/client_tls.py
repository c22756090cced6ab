"""What members serve clients: plain text, mutual TLS, or both at the same port."""

from __future__ import annotations

from enum import StrEnum


class ClientTls(StrEnum):
    """TLS towards clients. etcd tells plain text and TLS apart by the first bytes of a connection.

    Source: `configureClientListeners` in etcd's server/embed/etcd.go, and decision 22.
    """

    OFF = "Off"
    PERMISSIVE = "Permissive"
    STRICT = "Strict"

    @property
    def plain(self) -> bool:
        """Whether a client without TLS is served."""
        return self is not ClientTls.STRICT

    @property
    def tls(self) -> bool:
        """Whether a client with TLS is served."""
        return self is not ClientTls.OFF

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes of the URLs at which clients are served."""
        return ("http",) * self.plain + ("https",) * self.tls

"""Where a member is reached: a host and a port."""

from __future__ import annotations

from dataclasses import dataclass


def join_port(host: str, port: int) -> str:
    """A DNS name or an IP address with a port, as host:port."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where clients outside Kubernetes reach a member: a DNS name or an IP address, and a port."""

    ordinal: int
    host: str
    port: int

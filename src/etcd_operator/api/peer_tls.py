"""How members reach each other, as the status says it."""

from __future__ import annotations

from enum import StrEnum


class PeerTls(StrEnum):
    """TLS between members: none, mutual TLS, or on the way from one to the other."""

    OFF = "Off"
    CHANGING = "Changing"
    ON = "On"

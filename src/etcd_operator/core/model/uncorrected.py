"""Differences of our own objects that stay, although they were corrected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UncorrectedDrift:
    """Differences of an object that stay, from the manifest with this fingerprint.

    `accepted` are paths and values that the API server's answers to our own writes have, `paced`
    the paths that somebody has changed back so often that they are not corrected now. `message`
    says so to people, and `contested` that it is taken back again and again.
    """

    fingerprint: str
    accepted: frozenset[tuple[str, str]] = frozenset()
    paced: frozenset[str] = frozenset()
    message: str = ""
    contested: bool = False

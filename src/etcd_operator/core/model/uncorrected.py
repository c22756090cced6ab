"""What of our own objects stays different, although it was corrected."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UncorrectedDrift:
    """What of an object stays different from the manifest with this fingerprint.

    `accepted` are paths and values that the API server's answers to our own writes have, `paced`
    the paths that somebody has changed back so often that they are not corrected now. `message`
    says so to people, and `contested` that it is taken back again and again.
    """

    fingerprint: str
    accepted: frozenset[tuple[str, str]] = frozenset()
    paced: frozenset[str] = frozenset()
    message: str = ""
    contested: bool = False

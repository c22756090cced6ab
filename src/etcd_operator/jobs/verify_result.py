"""Result of a verification. Alone in a module, so that little is loaded for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """Contents of the trial restore, and how it was compared, in a sentence."""

    revision: int
    key_count: int
    hash_kv: int
    compact_revision: int
    sentence: str

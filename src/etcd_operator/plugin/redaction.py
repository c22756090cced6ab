"""Redaction: what a support bundle must not contain, taken out of every text of it.

Two ways together. Every value of the Secrets that the user may read is looked for, as it is, line
by line, and in base64. What looks like a secret is taken out as well, for those that may not be
read.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Any, Final

from etcd_operator.json_types import Json

REDACTED: Final = "[redacted]"
# A shorter value, such as `true`, would take half of every text with it.
SHORTEST: Final = 8
_PATTERNS: Final = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL),
    re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),  # a JWT
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # an access key of AWS
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{16,}"),
)
_NAMES: Final = re.compile(
    r"(?i)password|passwd|secret_?(access_?)?key|token$|api_?key|private_?key"
)


class Redaction:
    """Takes secrets out of objects and texts."""

    def __init__(self, secrets: Iterable[Json]) -> None:
        words = {word for secret in secrets for word in _find_words(secret)}
        # The longest first, so that no rest of one is left.
        longest = sorted(words, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest))) if longest else None

    def clean_text(self, text: str) -> str:
        """Return the text without secrets."""
        for pattern in (*_PATTERNS, *([self._known] if self._known else [])):
            text = pattern.sub(REDACTED, text)
        return text

    def clean(self, value: Any) -> Any:
        """Return a tree of JSON without secrets: those of Secrets, and of fields named like one."""
        if isinstance(value, dict):
            if value.get("kind") == "Secret":
                value = {**value, **_hide_data(value)}
            if _NAMES.search(str(value.get("name", ""))) and isinstance(value.get("value"), str):
                value = {**value, "value": REDACTED}
            return {self.clean_text(key): self._clean_field(key, value[key]) for key in value}
        if isinstance(value, list):
            return [self.clean(each) for each in value]
        return self.clean_text(value) if isinstance(value, str) else value

    def _clean_field(self, key: str, value: Any) -> Any:
        if isinstance(value, str) and _NAMES.search(key) and not key.endswith(("Secret", "Name")):
            return REDACTED
        return self.clean(value)


def _hide_data(secret: Json) -> Json:
    """Keep the keys of a Secret, which say what it holds, without the values."""
    return {
        part: dict.fromkeys(secret[part], REDACTED)
        for part in ("data", "stringData")
        if isinstance(secret.get(part), dict)
    }


def _find_words(secret: Json) -> Iterable[str]:
    for encoded in (secret.get("data") or {}).values():
        raw = base64.b64decode(encoded)
        text = raw.decode(errors="ignore").strip()
        # A PEM file is found also where it is wrapped otherwise: line by line.
        lines = [line.strip() for line in text.splitlines() if not line.startswith("-----")]
        yield from (word for word in (encoded, text, *lines) if len(word) >= SHORTEST)

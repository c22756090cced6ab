"""Redaction: what a support bundle must not contain, taken out of every text of it.

Two ways together. Every value of the Secrets that the user may read is looked for, as it is, line
by line, and in base64. What looks like a secret is taken out as well, for those that may not be
read.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Iterable
from typing import Any, Final

from etcd_operator.json_types import Json
from etcd_operator.simulation.merge_patch import LAST_APPLIED

REDACTED: Final = "[redacted]"
# A shorter value, such as `true`, would take half of every text with it.
SHORTEST: Final = 8
_BEGIN: Final = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")
_END: Final = re.compile(r"-----END [A-Z ]{0,40}PRIVATE KEY-----")
# A line of a key, also behind the time of a log, or the header of an encrypted one.
_KEY_LINE: Final = re.compile(r"(?:\d\S{1,40} )?(?:[A-Za-z0-9+/=]*|(?:Proc-Type|DEK-Info): .*)\s*")
_NAMED: Final = (
    r"(?:passw(?:or)?d|passphrase|[_-]pass|secret_?(?:access_?)?key|client_?secret|token"
    r"|api_?key|private_?key|account_?key|credentials?)"
)
_VALUE: Final = r"""(?:"[^"\n]*"|'[^'\n]*'|(?:\\{1,3}["'])?[^\s"',;&\\]+)"""
# Each begins where few texts do, so that the time grows with the length alone. `keep` stays.
_PATTERNS: Final = (
    # A JWT.
    r"(?P<keep>)(?<![\w-])(?=[\w-]*?eyJ)[\w-]{13,}+\.[\w-]{10,}+\.[\w-]{10,}",
    # An access key of AWS.
    r"(?P<keep>)\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"(?i:(?P<keep>bearer ))[A-Za-z0-9._~+/=-]{16,}",
    r"(?i:(?P<keep>authorization[\"']?\s{0,2}[:=]\s{0,2}[\"'\[]?basic\s{1,2}))[A-Za-z0-9+/=_-]+",
    # The password in a URL, or a token in the place of the user.
    r"(?P<keep>://[^\s/@:\"'<>]{0,128}:)[^\s/\"'<>]{1,256}(?=@)",
    r"(?P<keep>://)[^\s/@:\"'<>]{16,256}(?=@)",
    # A value beside a name that tells what it is: of a file, a variable, a document, an argument.
    rf"(?i)(?P<keep>{_NAMED}(?:\\{{0,3}}[\"'])?\s{{0,2}}[=:]\s{{0,2}}){_VALUE}",
    rf"(?i)(?P<keep>(?<![\w-])--[a-z_-]{{0,20}}{_NAMED}\s{{1,2}}){_VALUE}",
)
_COMPILED: Final = tuple(map(re.compile, _PATTERNS))
_NAMES: Final = re.compile(
    r"(?i:passw(?:or)?d|passphrase|(?:^|[_-])pass$|secret_?(?:access_?)?key|client_?secret"
    r"|credentials?$|token$|api_?key|private_?key|account_?key)|[a-z0-9]Pass$"
)
# Fields that name a Secret are no secrets.
_REFERENCE: Final = re.compile(r"(?:(?<!lient)Secret|Name)$")
_ARGUMENT: Final = re.compile(rf"(?i)--[a-z_-]{{0,20}}{_NAMED}")


class Redaction:
    """Takes secrets out of objects and texts."""

    def __init__(self, secrets: Iterable[Json]) -> None:
        words = {word for secret in secrets for word in _find_words(secret)}
        # The longest first, so that no rest of one is left.
        longest = sorted(words, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest))) if longest else None

    def clean_text(self, text: str) -> str:
        """Return the text without secrets."""
        if self._known:
            text = self._known.sub(REDACTED, text)
        text = _hide_keys(text)
        for pattern in _COMPILED:
            text = pattern.sub(rf"\g<keep>{REDACTED}", text)
        return text

    def clean(self, value: Any) -> Any:
        """Return a tree of JSON without secrets: those of Secrets, and of fields named like one."""
        if isinstance(value, dict):
            if value.get("kind") == "Secret":
                value = {**value, **_hide_data(value)}
            if _NAMES.search(str(value.get("name", ""))) and isinstance(value.get("value"), str):
                value = {**value, "value": REDACTED}
            # A copy of the object as text, also of fields that were taken out since.
            kept = (key for key in value if key != LAST_APPLIED)
            return {self.clean_text(key): self._clean_field(key, value[key]) for key in kept}
        if isinstance(value, list):
            return [self.clean(each) for each in _hide_arguments(value)]
        return self.clean_text(value) if isinstance(value, str) else value

    def _clean_field(self, key: str, value: Any) -> Any:
        if isinstance(value, str) and _NAMES.search(key) and not _REFERENCE.search(key):
            return REDACTED
        return self.clean(value)


def _hide_keys(text: str) -> str:
    """Take private keys in PEM out, also one whose end is cut off: all that looks like a key."""
    before, *keys = _BEGIN.split(text)
    return before + "".join(f"{REDACTED}{_cut_key(key)}" for key in keys)


def _cut_key(text: str) -> str:
    """Return what follows a key that the text begins with."""
    if end := _END.search(text):
        return text[end.end() :]
    # The line of the beginning goes whole: in a document it has the key, with its breaks escaped.
    _, *lines = text.split("\n")
    rest = list(itertools.dropwhile(_KEY_LINE.fullmatch, lines))
    return "".join(f"\n{line}" for line in rest)


def _hide_arguments(words: list[Any]) -> Iterable[Any]:
    """Replace the word after an option that is named like a secret."""
    option: Any = ""
    for word in words:
        named = isinstance(option, str) and _ARGUMENT.fullmatch(option)
        yield REDACTED if named and isinstance(word, str) else word
        option = word


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

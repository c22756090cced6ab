"""Result of a Job, read from the termination message of its Pod.

Whoever may create Pods in the namespace can write such a message, so nothing in it is believed to
have a type or a size: a result that cannot be one is no result.
"""

from __future__ import annotations

import json
import re
from typing import Final

from etcd_operator.json_types import Json

# Kubernetes keeps no more of a message.
MOST_CHARACTERS: Final = 4096
MOST_SENTENCE: Final = 1500
_LARGEST: Final = 2**63 - 1
_NUMBERS: Final = ("revision", "storedSize", "snapshotSize", "keyCount", "deleted")
_TEXTS: Final = {"url": 2048, "etcdVersion": 32, "keyFingerprint": 64, "verified": 1000}
_REASON: Final = re.compile(r"[A-Za-z]{1,100}")
_SCHEMES: Final = ("s3://", "gs://", "az://", "file://")
_MOST_WARNINGS: Final = 5


def read_message(text: str) -> Json | str:
    """Return the object in a message, or its text if there is none."""
    text = text[:MOST_CHARACTERS]
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return said if isinstance(said, dict) else text


def read_reason(said: Json | str) -> str:
    """Return the reason that goes with an error; empty if there is none, or it is no word."""
    reason = said.get("reason") if isinstance(said, dict) else None
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else ""


def read_result(said: Json) -> Json | None:
    """Return the result of a Job with every known field of its type; None if it cannot be one."""
    result: Json = {}
    for name in _NUMBERS:
        value = said.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or not 0 <= value <= _LARGEST:
            return None
        result[name] = int(value)
    for name, longest in _TEXTS.items():
        value = said.get(name)
        if value in (None, "", False):
            continue
        if not isinstance(value, str) or len(value) > longest:
            return None
        result[name] = value
    if not result.get("url", "").startswith(_SCHEMES):
        return None
    warnings = said.get("warnings")
    if isinstance(warnings, list):
        result["warnings"] = [str(text)[:MOST_SENTENCE] for text in warnings[:_MOST_WARNINGS]]
    return result

r"""Text of others as a terminal may show it: nothing in it moves the cursor or turns the order.

Whoever writes an Event, a name or an answer of etcd chooses its characters, and terminals obey some
of them. They are shown as Python writes them, such as `\x1b`.
"""

from __future__ import annotations

import re
from typing import Any, Final

# Controls of ASCII and beyond it, separators of lines, and what changes the direction of text.
_LINE_BREAKS: Final = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)
_BREAKS: Final = re.compile(f"[{_LINE_BREAKS}]+")


def plain(text: str) -> str:
    """Return text with what a terminal would obey escaped, but for line feeds and tabs."""
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)


def plain_line(text: str) -> str:
    """Return text likewise, and in one line: nothing in it can look like another of ours."""
    return plain(_BREAKS.sub(" ", text))


def plain_view(view: Any) -> Any:
    """Return a document with all its texts in one line each."""
    if isinstance(view, str):
        return plain_line(view)
    if isinstance(view, dict):
        return {key: plain_view(value) for key, value in view.items()}
    if isinstance(view, list | tuple):
        return [plain_view(value) for value in view]
    return view


def escape_json(text: str) -> str:
    """Return a document of JSON with such characters as JSON escapes them."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def is_plain(text: str) -> bool:
    """Whether there is nothing that a terminal would obey."""
    return _UNSAFE.search(text) is None

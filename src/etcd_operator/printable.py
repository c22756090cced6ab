"""Text of strangers as a status, an Event or a log may show it."""

from __future__ import annotations


def make_printable(text: str) -> str:
    """Return text in one line, with a space for each character that is none to look at.

    Controls of a terminal, line feeds, and what turns the direction of a line are such: they would
    act where somebody reads the sentence.
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)

"""Versions of etcd as numbers."""

from __future__ import annotations

from typing import Final

Release = tuple[int, int, int]

# Before this one of 3.5, members that were removed may come back with 3.6, which reads its members
# from the other of two stores. Source: etcd's blog "Upgrade to v3.5.26 or later before v3.6".
SAFE_FOR_36: Final[Release] = (3, 5, 26)


def parse_release(text: str) -> Release | None:
    """Return a version such as `3.6.16` or `v3.6.16` as numbers, None if it is none."""
    parts = text.removeprefix("v").split(".")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        return None
    major, minor, patch = (int(part) for part in parts)
    return major, minor, patch

"""Versions of etcd as numbers."""

from __future__ import annotations

Release = tuple[int, int, int]


def parse_release(text: str) -> Release | None:
    """Return a version such as `3.6.16` or `v3.6.16` as numbers, None if it is none."""
    parts = text.removeprefix("v").split(".")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts):
        return None
    major, minor, patch = (int(part) for part in parts)
    return major, minor, patch

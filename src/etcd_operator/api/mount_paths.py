"""Paths at which volumes are mounted in the members' Pods."""

from __future__ import annotations

import posixpath
import re
from typing import Final

# In a path that leads elsewhere than it says: the container runtime resolves it, and what compares
# texts takes it for another one.
ROUNDABOUT_FORM: Final = "//|/[.][.]?(/|$)"
PATH_REMEDY: Final = "use an absolute path without //, . and .. that does not contain a colon"


def is_plain(path: str) -> bool:
    """Whether a path is absolute, and leads where it says."""
    return path.startswith("/") and ":" not in path and not re.search(ROUNDABOUT_FORM, path)


def is_below(path: str, directory: str) -> bool:
    """Whether a path leads to a directory or to something in it."""
    parts = _split(directory)
    return _split(path)[: len(parts)] == parts


def overlap(path: str, other: str) -> bool:
    """Whether a mount at one of these paths hides files at the other."""
    return is_below(path, other) or is_below(other, path)


def _split(path: str) -> list[str]:
    return [part for part in posixpath.normpath(path).split("/") if part]

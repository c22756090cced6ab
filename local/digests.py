"""Content hashes: what is unchanged need not be made again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

_LENGTH = 16


def digest_texts(texts: Iterable[str]) -> str:
    """Hash a sequence of texts; their borders count."""
    total = hashlib.sha256()
    for text in texts:
        data = text.encode()
        total.update(f"{len(data)}:".encode() + data)
    return total.hexdigest()[:_LENGTH]


def digest_paths(paths: Iterable[Path], root: Path) -> str:
    """Hash names (relative to `root`) and contents of files and of all below directories.

    Absent paths count as such, so that a file that appears changes the hash.
    """
    total = hashlib.sha256()
    for path in sorted(_files_of(paths)):
        name = str(path.relative_to(root)).encode()
        content = path.read_bytes() if path.exists() else b"absent"
        total.update(b"%d:%s:%d:" % (len(name), name, len(content)) + content)
    return total.hexdigest()[:_LENGTH]


def _files_of(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in path.rglob("*"):
            if found.is_file() and "__pycache__" not in found.parts:
                yield found

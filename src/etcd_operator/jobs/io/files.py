"""The files of a Job: the snapshot in its spool, and what the steps tell each other."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from etcd_operator.core.tasks.jobs.paths import SNAPSHOT
from etcd_operator.errors import TaskError
from etcd_operator.json_types import Json

NOTES: Final = Path(SNAPSHOT).with_name("notes.json")
# What etcd appends to a snapshot: the SHA-256 of all that comes before.
APPENDED: Final = hashlib.sha256().digest_size
_PAGE: Final = 512  # databases are multiples of it, so the appended hash shows in the size


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file of the spool for writing; a full disk is told in a sentence."""
    try:
        with path.open("wb") as target:
            yield target
    except OSError as error:
        raise explain_disk(error, path) from error


def explain_disk(error: OSError, path: Path) -> TaskError:
    """Say what a disk has against it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TaskError(
            f"The disk of the Job is full, at {path}: set spec.scratch to one with three times the "
            "size of the database."
        )
    return TaskError(f"{path} cannot be written: {error.strerror}")


class SnapshotDigest:
    """The hashes of a snapshot as it goes by: of all of it, and of what etcd appended."""

    def __init__(self) -> None:
        self._body = hashlib.sha256()
        self._tail = b""
        self.size = 0

    def update(self, piece: bytes) -> None:
        """Take the next piece."""
        self.size += len(piece)
        if len(piece) < APPENDED:
            piece = self._tail + piece
        else:
            self._body.update(self._tail)
        # A view, for a copy takes a quarter of the time of the hash.
        self._body.update(memoryview(piece)[:-APPENDED])
        self._tail = piece[-APPENDED:]

    @property
    def hexdigest(self) -> str:
        """The SHA-256 of all of it."""
        whole = self._body.copy()
        whole.update(self._tail)
        return whole.hexdigest()

    @property
    def has_appended(self) -> bool:
        """Whether its size says that etcd appended a hash."""
        return self.size % _PAGE == APPENDED

    @property
    def is_whole(self) -> bool:
        """Whether the appended hash is that of what came before it."""
        return self.has_appended and self._body.digest() == self._tail


def write_notes(notes: Json) -> None:
    """Tell the next step."""
    with writing(NOTES) as target:
        target.write(json.dumps(notes).encode())


def read_notes() -> Json:
    """Notes of the step before."""
    notes: Json = json.loads(NOTES.read_bytes())
    return notes

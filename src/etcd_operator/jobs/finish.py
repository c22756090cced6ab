"""The step `finish`: what was restored becomes the member's data directory, by one rename.

A data directory that is there already was put there whole, by an earlier try of the same restore;
one of anything else is never touched. A write-ahead log that has a disk of its own comes first: it
is whole when the data directory is there.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from etcd_operator.errors import TaskError
from etcd_operator.jobs.io.files import explain_disk, read_notes, writing
from etcd_operator.json_types import Json

MARK: Final = "restored-by"


def finish_disk(task: Json) -> Json:
    """Put the restored data in place; returns what there is to say. Raises TaskError."""
    data, restoring = Path(task["data"]), Path(task["restoring"])
    wal = Path(task["wal"]) if "wal" in task else None
    mark = Path(task["mount"]) / MARK
    owner = mark.read_text() if mark.exists() else ""
    for found in filter(None, (data, wal)):
        if found.exists() and owner != task["restoreUid"]:
            raise TaskError(
                f"The disk holds data of something else at {found}: it is left as it is. Restore "
                "into a cluster of another name."
            )
    if data.exists():
        shutil.rmtree(restoring, ignore_errors=True)
        return read_notes()
    # The mark first: data is only ever found beside the name of who put it there.
    with writing(mark) as target:
        target.write(task["restoreUid"].encode())
        target.flush()
        os.fsync(target.fileno())
    if wal:
        shutil.rmtree(wal, ignore_errors=True)  # of a try that ended before its data was in place
        _put(Path(task["restoringWal"]), wal)
    _put(restoring, data)
    return read_notes()


def _put(restored: Path, place: Path) -> None:
    try:
        restored.rename(place)
        _sync(place.parent)
    except OSError as error:
        raise explain_disk(error, place) from error


def _sync(directory: Path) -> None:
    """Make a rename outlive a power failure."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

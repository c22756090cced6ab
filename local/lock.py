"""One command at a time writes to the cache, and one starts or stops a cluster."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.places import Places
from local.progress import Progress


@contextmanager
def building(places: Places, progress: Progress) -> Iterator[None]:
    """Be the only one who builds; remove what builds left that were killed."""
    with _held(places.build_lock, progress):
        for draft in [*places.programs.glob(".building-*"), *places.images.glob(".building-*")]:
            shutil.rmtree(draft, ignore_errors=True)
        yield


@contextmanager
def changing(places: Places, progress: Progress) -> Iterator[None]:
    """Be the only one who starts or stops this cluster."""
    with _held(places.cluster_lock, progress):
        yield


@contextmanager
def _held(path: Path, progress: Progress) -> Iterator[None]:
    """Hold a lock, which the kernel frees even if this process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("waiting for another `python -m local` to finish")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield

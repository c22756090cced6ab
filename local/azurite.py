"""Azurite: the blob storage of Azure as Microsoft imitates it for tests, a program for Node.

npm fetches it and its libraries from where it is configured to; a lock file pins each by a digest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from local import lock
from local.commands import run
from local.errors import LocalError
from local.places import Places, read_places
from local.progress import Progress

_TREE: Final = Path(__file__).parent / "azurite"
_LOCK: Final = "package-lock.json"
_MAIN: Final = Path("node_modules/azurite/dist/src/blob/main.js")


def provide_azurite(places: Places | None = None) -> list[str]:
    """Return the words that start it, fetched once. Raises LocalError where there is no npm."""
    node = shutil.which("node")
    if not node or not shutil.which("npm"):
        raise LocalError("Azurite is fetched with npm and runs on Node: install both")
    places = places or read_places(os.environ)
    digest = hashlib.sha256((_TREE / _LOCK).read_bytes()).hexdigest()
    target = places.programs / f"azurite-{digest[:16]}"
    with lock.building(places, Progress()):
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _fetch(target)
    return [node, str(target / _MAIN)]


def _fetch(target: Path) -> None:
    draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=".building-"))
    try:
        for name in ("package.json", _LOCK):
            shutil.copy(_TREE / name, draft)
        # What packages want to run when they are installed is not needed, and is a stranger's.
        words = ("--ignore-scripts", "--omit=dev", "--omit=optional", "--no-audit", "--no-fund")
        run("npm", "ci", "--silent", *words, cwd=draft)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)

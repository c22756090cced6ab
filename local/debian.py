"""Programs of Debian's packages, unpacked into the cache and not installed.

Installed, some of them would bring a server that starts with the machine.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from local.commands import run
from local.errors import LocalError
from local.places import Places
from local.progress import Progress


def provide_package(name: str, places: Places, progress: Progress) -> Path:
    """Return the directory of a package's files, fetched if it is not there yet.

    The caller holds the lock of the cache.
    """
    target = places.cache / "debian" / name
    if not target.exists():
        progress.say(f"fetching the Debian package {name}")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetching-") as draft:
            _unpack(name, Path(draft)).rename(target)
    return target


def _unpack(name: str, draft: Path) -> Path:
    try:
        run("apt-get", "download", "-qq", name, cwd=draft)
    except LocalError:  # a fresh machine has no lists of packages
        run("apt-get", "update", "-qq")
        run("apt-get", "download", "-qq", name, cwd=draft)
    (archive,) = draft.glob(f"{name}_*.deb")
    run("dpkg", "-x", str(archive), str(draft / "files"))
    return draft / "files"

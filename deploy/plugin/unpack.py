"""Start of the executable file: unpacks it once into the user's cache, and runs it from there.

Machine code cannot be loaded from a zip, and Python would compile modules from one anew at each
start. So the first start unpacks and compiles, which takes some seconds, and every later one takes
none of them. The folder is named by the digest of the content: another version has another one.
"""

from __future__ import annotations

import compileall
import contextlib
import importlib.machinery
import os
import sys
import tempfile
import zipfile
from pathlib import Path

# Written by `archive.build`.
DIGEST = "@DIGEST@"
ABIS = "@ABIS@"


def find_abi() -> str:
    """Return what modules for this Python here are compiled for: cpython-311-x86_64-linux-gnu-…."""
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    return f"{suffix.split('.')[1]}-{os.uname().machine}"


def find_folder() -> Path:
    """Return where the content is, or is to be."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (
        (Path(cache) if cache else Path.home() / ".cache")
        / "kubectl-etcd"
        / f"{DIGEST}-{find_abi()}"
    )


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the content unless it is there; returns where it is."""
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder.parent))
    except OSError:
        # No home that can be written, as in a container: it is unpacked for this start alone.
        folder = beside = Path(tempfile.mkdtemp())
    with zipfile.ZipFile(archive) as outer:
        for part in ("site.zip", f"{find_abi()}.zip"):
            with outer.open(part) as inner:
                zipfile.ZipFile(inner).extractall(beside)
    # Also where the environment tells Python to write none of that by itself.
    compileall.compile_dir(beside, quiet=2)
    with contextlib.suppress(OSError):  # another start was faster
        beside.rename(folder)
    return folder


def start() -> int:
    """Run the plugin; returns an exit code only if it cannot run here."""
    if find_abi() not in ABIS.split():
        sys.stderr.write(
            f"This kubectl-etcd is built for {ABIS}, and runs with {find_abi()}: use "
            "such a Python, or install it with `pipx install etcd-operator[cli]`.\n"
        )
        return 10
    sys.path.insert(0, str(unpack(Path(sys.argv[0]).resolve(), find_folder())))
    from etcd_operator.plugin.app import main

    main()
    return 0


if __name__ == "__main__":
    sys.exit(start())

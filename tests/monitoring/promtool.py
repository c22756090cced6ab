"""Prometheus' own tool for rules and metrics: the one on PATH, or that of Debian's package.

The package is unpacked into the cache and not installed: it would bring a server that starts with
the machine. To build the tool from source takes ten minutes on two cores, most of it for clients
of clouds that are not needed here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from local import lock
from local.commands import run as run_command
from local.errors import LocalError
from local.places import Places, read_places
from local.progress import Progress

PACKAGE: Final = "prometheus"


def provide_promtool(places: Places | None = None) -> Path:
    """Find the executable, or fetch it once; returns its path."""
    found = shutil.which("promtool")
    if found:
        return Path(found)
    places = places or read_places(os.environ)
    target = places.cache / "promtool"
    with lock.building(places, Progress()):
        if not target.exists():
            _unpack(target)
    return target


def _unpack(target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as draft:
        try:
            run_command("apt-get", "download", "-qq", PACKAGE, cwd=Path(draft))
        except LocalError:  # a fresh machine has no lists of packages
            run_command("apt-get", "update", "-qq")
            run_command("apt-get", "download", "-qq", PACKAGE, cwd=Path(draft))
        (archive,) = Path(draft).glob(f"{PACKAGE}_*.deb")
        run_command("dpkg", "-x", str(archive), draft)
        (Path(draft) / "usr/bin/promtool").rename(target)


def run(promtool: Path, *words: str, stdin: str = "") -> str:
    """Run it; returns what it said if it found a fault, and nothing if not."""
    found = subprocess.run(
        [str(promtool), *words],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return found.stdout + found.stderr if found.returncode else ""

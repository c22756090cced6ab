"""Prometheus' own tool for rules and metrics: the one on PATH, or that of Debian's package.

To build the tool from source takes ten minutes on two cores, most of it for clients
of clouds that are not needed here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from local import lock
from local.debian import provide_package
from local.places import Places, read_places
from local.progress import Progress

PACKAGE: Final = "prometheus"


def provide_promtool(places: Places | None = None) -> Path:
    """Find the executable, or fetch it once; returns its path."""
    found = shutil.which("promtool")
    if found:
        return Path(found)
    places = places or read_places(os.environ)
    progress = Progress()
    with lock.building(places, progress):
        return provide_package(PACKAGE, places, progress) / "usr/bin/promtool"


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

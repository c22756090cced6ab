"""A minimal Debian with Python as an image, for machines without an image registry."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from local.archive import ARCHIVE_FORMAT, architecture, write_archive
from local.commands import run
from local.digests import digest_texts
from local.places import Places
from local.progress import Progress

BASE = "localhost/etcd-operator-base:local"
_SUITE = "bookworm"
# libstdc++6, for wheels: the base image that users have holds it because of apt.
_PACKAGES = "python3-venv,ca-certificates,libstdc++6"
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")


def base_archive(places: Places, progress: Progress) -> Path:
    """Return the image's archive, made if there is none yet."""
    key = digest_texts([ARCHIVE_FORMAT, _SUITE, _PACKAGES, *_LEFT_OUT, architecture()])
    target = places.images / f"base-{key}.tar"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        progress.say("building the base image of Debian packages, about 30 s the first time")
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".building-") as work:
            _build(Path(work)).rename(target)
        progress.say("built the base image")
    return target


def _build(work: Path) -> Path:
    system, result = work / "system.tar", work / "base.tar"
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    options += ["--quiet", "--variant=essential", f"--include={_PACKAGES}"]
    # This machine's own package sources, if it has them in the usual place: they may be mirrors.
    sources = [_SOURCES] if _SOURCES.exists() and _SUITE in _SOURCES.read_text() else []
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "0"}
    run("mmdebstrap", *options, _SUITE, system, *sources, environment=environment)
    with system.open("rb") as layer:
        write_archive(BASE, layer, {"Cmd": ["python3"]}, result)
    return result

"""Compiled packages of the plugin for other Pythons and platforms, as the registry has them.

Some packages are partly machine code (msgspec, pydantic-core, PyYAML), which is for one version of
Python on one platform. krew tells platforms apart, and not Pythons: so the file for a platform has
these packages once for each Python. They are of the versions and hashes of the lock file.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.target import PROJECT

LOCK: Final = PROJECT / "requirements" / "cli.txt"
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
# Of glibc, from the oldest that wheels are built for to that of Debian 13.
_GLIBC: Final = range(17, 42)


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform as krew names it; `tags` are those of its wheels, `triplet` ends a module's name.

    `machine` is what `uname -m` says there.
    """

    system: str
    architecture: str
    machine: str
    tags: tuple[str, ...]
    triplet: str

    def abi(self, python: str) -> str:
        """Return what modules for this Python here are compiled for, as `unpack.find_abi` does."""
        return f"cpython-{python.replace('.', '')}-{self.triplet}-{self.machine}"


def _linux(architecture: str, machine: str) -> Platform:
    tags = tuple(f"manylinux_2_{minor}_{machine}" for minor in _GLIBC)
    return Platform("linux", architecture, machine, tags, f"{machine}-linux-gnu")


PLATFORMS: Final = (
    _linux("amd64", "x86_64"),
    _linux("arm64", "aarch64"),
    Platform("darwin", "amd64", "x86_64", ("macosx_11_0_x86_64",), "darwin"),
    Platform("darwin", "arm64", "arm64", ("macosx_11_0_arm64",), "darwin"),
)


def fetch_files(platform: Platform, python: str, names: Collection[str]) -> dict[str, bytes]:
    """Return the files of the packages of these names, for this Python on this platform.

    Raises RuntimeError if the registry has no such wheel with a hash of the lock file.
    """
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        chosen = choose_wheels(platform, python, names, folder)
        command = [sys.executable, "-m", "pip", "download", *chosen, f"--dest={folder}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            where = f"Python {python} on {platform.system}/{platform.architecture}"
            raise RuntimeError(f"no wheels for {where}: {done.stderr[-2000:]}")
        return dict(_unzip(folder))


def choose_wheels(
    platform: Platform, python: str, names: Collection[str], folder: Path
) -> list[str]:
    """Return pip's options that choose these wheels and no other; a lock is written to a folder."""
    lock = folder / "lock.txt"
    lock.write_text("\n".join(_read_lock(names)))
    return [
        *("--quiet", "--no-deps", "--disable-pip-version-check", "--only-binary=:all:"),
        *(f"--platform={tag}" for tag in platform.tags),
        *(f"--python-version={python}", "--require-hashes", f"--requirement={lock}"),
    ]


def _read_lock(names: Collection[str]) -> Iterator[str]:
    for block in re.split(r"\n(?=[a-z0-9])", LOCK.read_text()):
        if block.partition("==")[0] in names:
            yield block


def _unzip(folder: Path) -> Iterator[tuple[str, bytes]]:
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)

"""A slow disk: the kernel lets the processes of a container write a few times a second.

The limit is that of the container's cgroup, on the disk that the data are on. It holds what waits
for the disk, as etcd's `fdatasync` after each entry of its log does. Source: the kernel's
admin-guide/cgroup-v1/blkio-controller.rst and admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

_CGROUPS: Final = Path("/sys/fs/cgroup")
# The file of the limit below a cgroup, its hierarchy, and how a limit is written and taken back.
_V1: Final = ("blkio.throttle.write_iops_device", "{disk} {writes}", "{disk} 0")
_V2: Final = ("io.max", "{disk} wiops={writes}", "{disk} wiops=max")


def limit_writes(process: int, directory: Path, writes: int) -> Callable[[], None]:
    """Let the container of a process write so often a second to the disk of a directory.

    Returns what ends that. Raises OSError.
    """
    name, limited, free = _choose()
    disk, file = find_disk(directory), _find_cgroup(process) / name
    file.write_text(limited.format(disk=disk, writes=writes))

    def end() -> None:
        with contextlib.suppress(FileNotFoundError):  # the container has ended, and its limit
            file.write_text(free.format(disk=disk))

    return end


def find_missing_limit(directory: Path) -> str:
    """Why writes to the disk of a directory cannot be limited here; empty if they can."""
    name, *_ = _choose()
    root = _CGROUPS if name == _V2[0] else _CGROUPS / "blkio"
    if name == _V1[0] and not (root / name).exists():
        return "this kernel limits no writes of a cgroup"
    if name == _V2[0] and "io" not in (root / "cgroup.controllers").read_text().split():
        return "this kernel has no io controller for cgroups"
    major = find_disk(directory).partition(":")[0]
    return "" if major != "0" else f"{directory} is on no disk of its own"


def find_disk(directory: Path) -> str:
    """The numbers of the whole disk that a directory is on, such as 254:0."""
    device = directory.stat().st_dev
    numbers = f"{os.major(device)}:{os.minor(device)}"
    block = Path("/sys/dev/block") / numbers
    if (block / "partition").exists():
        return (block.resolve().parent / "dev").read_text().strip()
    return numbers


def _choose() -> tuple[str, str, str]:
    return _V2 if (_CGROUPS / "cgroup.controllers").exists() else _V1


def _find_cgroup(process: int) -> Path:
    """The cgroup of a process that has the limit."""
    lines = Path(f"/proc/{process}/cgroup").read_text().splitlines()
    paths = {names: path for _, names, path in (line.split(":", 2) for line in lines)}
    if _choose() is _V2:
        return _CGROUPS / paths[""].lstrip("/")
    return _CGROUPS / "blkio" / paths["blkio"].lstrip("/")

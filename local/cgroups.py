"""Cgroups of nodes, in every hierarchy of this machine."""

from __future__ import annotations

import time
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def cgroup_of(label: str, node: str) -> str:
    """Name the cgroup below which a node keeps its Pods."""
    return f"{label}-{node}"


def create(name: str) -> None:
    """Make the cgroup in every hierarchy."""
    for root in _hierarchies():
        (root / name).mkdir(exist_ok=True)


def remove(name: str, patience: float = 5.0) -> None:
    """Remove the cgroup with all below it; its processes may need a moment to end."""
    deadline = time.monotonic() + patience
    while not _try_remove(name) and time.monotonic() < deadline:
        time.sleep(0.05)


def _try_remove(name: str) -> bool:
    gone = True
    for root in _hierarchies():
        below = sorted((path for path in (root / name).rglob("*") if path.is_dir()), reverse=True)
        for directory in [*below, root / name]:
            try:
                directory.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                gone = False
    return gone


def _hierarchies() -> list[Path]:
    """Return one root with cgroup v2, one per controller with v1.

    Nodes were tried on v1 (with its `unified` side tree) only. With v2 the kubelet itself turns on
    the controllers along its cgroup root; it may do so as the root cgroup is exempt from the rule
    that a cgroup with processes passes no controllers on to its children.
    """
    if (_CGROUPS / "cgroup.controllers").exists():
        return [_CGROUPS]
    return [path for path in _CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]

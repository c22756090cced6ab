"""Logs of components, nodes and Pods."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from local.errors import LocalError
from local.places import Places


def list_logs(places: Places) -> list[str]:
    """Name every log: `kube-apiserver`, `n1/kubelet`."""
    found = places.logs.rglob("*.log")
    return sorted(str(path.relative_to(places.logs).with_suffix("")) for path in found)


def show(places: Places, name: str, *, follow: bool) -> None:
    """Become `tail` of a log; never returns."""
    path = places.logs / f"{name}.log"
    if name not in list_logs(places):
        raise LocalError(f"no log {name}; there are: {', '.join(list_logs(places)) or 'none'}")
    words = ["tail", "-n", "200", *(["-F"] if follow else []), str(path)]
    os.execvp(words[0], words)  # noqa: S606 - no shell is wanted


def collect(places: Places, target: Path) -> int:
    """Copy every log below `target`, those of Pods included; return how many."""
    copied = 0
    pods = places.state.glob("nodes/*/log/pods/**/*.log")
    for source in [*places.logs.rglob("*.log"), *pods]:
        copy = target / source.relative_to(places.state)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        copied += 1
    return copied

"""Nodes as the host sees them: started, killed, entered."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from local import cgroups, processes
from local.addresses import node_name
from local.commands import SYSTEM_PATH
from local.errors import LocalError
from local.network import entering
from local.places import PROJECT, Places
from local.progress import wait_for

_NAMESPACES = ("--mount", "--uts", "--pid")


def init_pid(places: Places, name: str) -> int:
    """Return the host's pid of the node's pid 1; LocalError if the node is down."""
    process = processes.recorded(_record(places, name))
    if process is None:
        raise LocalError(f"node {name} is not running")
    return process.pid


def is_running(places: Places, name: str) -> bool:
    """Tell whether the node's pid 1 is alive."""
    return processes.recorded(_record(places, name)) is not None


def start(places: Places, name: str, namespace: str) -> None:
    """Start the node on its disks, be they empty or those of a former life."""
    if is_running(places, name):
        return
    cgroups.create(cgroups.cgroup_of(places.label, name))
    command = [
        *entering(namespace),
        *("unshare", *_NAMESPACES, "--fork", "--kill-child"),
        *(sys.executable, "-m", "local.node_init", name),
    ]
    environment = {
        "PATH": SYSTEM_PATH,
        "PYTHONPATH": str(PROJECT),
        "ETCD_OPERATOR_STATE": str(places.state),
        "ETCD_OPERATOR_CACHE": str(places.cache),
    }
    log = places.logs / name / "init.log"
    processes.start(command, log, None, environment)
    wait_for(f"start of node {name}", lambda: is_running(places, name), 10)


def kill(places: Places, name: str) -> None:
    """Lose the node: its pid 1 takes every process of its PID namespace along."""
    processes.stop(_record(places, name), kill=True)
    cgroups.remove(cgroups.cgroup_of(places.label, name))


def recorded(places: Places) -> list[str]:
    """Name the nodes that were started."""
    return sorted(path.stem for path in places.records.glob("n[0-9]*.json"))


def enter(places: Places, name: str, command: list[str]) -> None:
    """Become a command inside the node, in the same directory; never returns."""
    target = ["--target", str(init_pid(places, name)), "--net", *_NAMESPACES]
    words = ["nsenter", *target, f"--wdns={Path.cwd()}", "--", *command]
    os.execvp(words[0], words)  # noqa: S606 - no shell is wanted


def parse_node(word: str) -> str:
    """Accept `2` for `n2`."""
    number = word.removeprefix("n")
    if not number.isdigit() or int(number) < 1:
        raise LocalError(f"{word} is no node: give its number, such as 1")
    return node_name(int(number))


def _record(places: Places, name: str) -> Path:
    return places.records / f"{name}.json"

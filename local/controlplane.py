"""The control plane's processes, in a network namespace of their own."""

from __future__ import annotations

import sys
from pathlib import Path

from local import processes
from local.commands import SYSTEM_PATH
from local.components import command_of
from local.network import Network, entering
from local.places import PROJECT, Places

_ENVIRONMENT = {
    "PATH": SYSTEM_PATH,
    "HOME": "/root",
    "PYTHONPATH": str(PROJECT),
    **processes.GO_SETTINGS,
}


def start(name: str, places: Places, network: Network, *, fast_faults: bool) -> None:
    """Start a component, and somebody who restarts it, unless it runs."""
    record = record_of(name, places)
    if processes.recorded(record) is None:
        command = command_of(name, places, network.addresses, fast_faults=fast_faults)
        keep(command, network.control_plane, places.logs / f"{name}.log", record)


def keep(command: list[str], namespace: str, log: Path, record: Path) -> None:
    """Start a command in a network namespace, and somebody who restarts it."""
    supervisor = (sys.executable, "-m", "local.supervisor")
    processes.start([*entering(namespace), *supervisor, *command], log, record, _ENVIRONMENT)


def stop(name: str, places: Places, *, kill: bool = False) -> None:
    """Stop a component and its supervisor: politely, or at once."""
    processes.stop(record_of(name, places), kill=kill)


def is_running(name: str, places: Places) -> bool:
    """Tell whether the component is being kept running."""
    return processes.recorded(record_of(name, places)) is not None


def record_of(name: str, places: Places) -> Path:
    """Return where the component's supervisor is recorded."""
    return places.records / f"{name}.json"

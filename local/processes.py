"""Processes that outlive the command which started them: recorded, recognised, stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from local.progress import POLL

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it was when it started: by its pid alone it might be somebody else by now."""

    pid: int
    started: int
    boot: str


def parse_stat(text: str) -> tuple[str, int]:
    """Return state letter and start time (ticks since boot) of a /proc/PID/stat line.

    The program's name in it may hold spaces and parentheses: fields count from the last one.
    """
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[19])


def observe(pid: int | str) -> Process | None:
    """Look at a live process; a zombie is not alive. "self" is this one."""
    try:
        state, started = parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return None
    if state in "ZX":
        return None
    number = int(Path("/proc/self").readlink().name) if pid == "self" else int(pid)
    return Process(number, started, _BOOT_ID.read_text().strip())


def save(process: Process, record: Path) -> None:
    """Record it; readers see the whole record or none."""
    record.parent.mkdir(parents=True, exist_ok=True)
    draft = record.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(process)))
    draft.replace(record)


def recorded(record: Path) -> Process | None:
    """Return the recorded process if it is still alive and still the same one."""
    try:
        process = Process(**json.loads(record.read_text()))
    except FileNotFoundError:
        return None
    return process if observe(process.pid) == process else None


# A sixth of the API server's processor time was the collection of its garbage; memory is there.
GO_SETTINGS: Final = {"GOGC": "400"}


def start(
    command: Sequence[str], log: Path, record: Path | None, environment: Mapping[str, str]
) -> int:
    """Start in a session of its own, appending to its log; return its pid."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=dict(environment),
        )
    child.returncode = 0  # not ours to wait for: it outlives this command
    process = observe(child.pid)
    if record is not None and process is not None:
        save(process, record)
    return child.pid


def stop(record: Path, patience: float = 20.0, *, kill: bool = False) -> None:
    """End the recorded process, by force after `patience` seconds or at once, and forget it.

    Force also ends what it started in its own session.
    """
    process = recorded(record)
    if process is not None:
        if not kill:
            _signal(os.kill, process, signal.SIGTERM)
        if kill or not _await_end(process, patience):
            _signal(os.killpg, process, signal.SIGKILL)  # none, unless it leads its group
            _signal(os.kill, process, signal.SIGKILL)
            _await_end(process, patience)
    record.unlink(missing_ok=True)


def _signal(send: Callable[[int, int], None], process: Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        send(process.pid, number)


def _await_end(process: Process, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while observe(process.pid) == process:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL / 5)
    return True

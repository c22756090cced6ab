"""Work in forked processes, several at a time: each begins with everything loaded."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

# A fault can make a loop endless; on a busy machine nothing but a process's own time tells so.
CPU_SECONDS: Final = 1200
LONGEST_TEXT: Final = 4000


class Outcome(NamedTuple):
    """How a process ended, and what it says of that."""

    code: int
    text: str


Work = tuple[str, Callable[[], Outcome]]


def run_in_processes(works: Iterable[Work], at_a_time: int) -> Iterator[tuple[str, Outcome]]:
    """Run each work in a process of its own; give the name of each that has ended, and how."""
    running: dict[int, tuple[str, BinaryIO]] = {}
    for name, work in works:
        if len(running) >= at_a_time:
            yield _wait(running)
        pid, pipe = _start(work)
        running[pid] = name, pipe
    while running:
        yield _wait(running)


def _start(work: Callable[[], Outcome]) -> tuple[int, BinaryIO]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, os.fdopen(reader, "rb")
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nothing, standard)
    try:
        outcome = work()
    except BaseException as error:  # noqa: BLE001 (whoever waits is told, and the fork ends here)
        outcome = Outcome(1, f"{type(error).__name__}: {error}")
    os.write(writer, outcome.text.encode()[:LONGEST_TEXT])
    os._exit(outcome.code)


def _wait(running: dict[int, tuple[str, BinaryIO]]) -> tuple[str, Outcome]:
    pid, status = os.wait()
    name, pipe = running.pop(pid)
    with pipe:
        text = pipe.read().decode(errors="replace")
    return name, Outcome(os.waitstatus_to_exitcode(status), text)

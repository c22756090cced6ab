"""Keeps one component running, as systemd or a kubelet would on another machine.

Started as `python -m local.supervisor COMMAND...`. Components do end by themselves: an API server
does when what it must do at its start takes too long on a busy machine.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

_RESTART_DELAY = 1.0
# One that has never lived longer than this has a wrong command line, which no restart mends.
_HASTY = 10.0
_MOST_HASTY_ENDS = 5


def keep(command: list[str]) -> int:
    """Run the command again and again until told to stop; returns an exit code.

    SIGTERM is passed on, and the command's end is then the end. The command is in this process's
    group, so that a signal to the group reaches both at once. After a few hasty ends in a row it
    gives up: whoever started it sees it gone.
    """
    hasty = 0
    while hasty < _MOST_HASTY_ENDS:
        begun = time.monotonic()
        code, stopped = _run(command)
        if stopped:
            return 0
        hasty = hasty + 1 if time.monotonic() - begun < _HASTY else 0
        print(f"{command[0]} ended with status {code}", file=sys.stderr, flush=True)
        time.sleep(_RESTART_DELAY)
    return 1


def _run(command: list[str]) -> tuple[int, bool]:
    """Run it once; returns its status and whether this process was told to stop."""
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True
        if child is not None:
            child.terminate()

    child: subprocess.Popen[bytes] | None = None
    signal.signal(signal.SIGTERM, stop)
    child = subprocess.Popen(command)
    if stopped:  # while it was being started
        child.terminate()
    code = child.wait()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return code, stopped


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))

"""Run every test level in order, say where it is, and leave no process behind.

`--all` adds the long forms: every mutant, transition, injection and ten minutes of chaos.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.reruns import REPORT

LEVELS = ("check", "unit", "model", "etcd-test", "e2e")
LONG = ("mutants", "transitions", "injection", "chaos")


def main(words: Sequence[str] = ()) -> int:
    """Run the levels until one fails; returns the exit code."""
    named = bool(os.environ.get("CONTEXT"))
    levels = (*LEVELS, *LONG) if "--all" in words else LEVELS
    minutes: dict[str, float] = {}
    with tempfile.NamedTemporaryFile(prefix="reruns-", mode="r") as reruns:
        os.environ[REPORT] = reruns.name
        failed = run_and_clean_up(levels, minutes, named=named)
        flaky = read_flaky(Path(reruns.name).read_text())
    for level, taken in minutes.items():
        print(f"  {level:11} {taken:5.1f} min")
    for test in flaky:
        print(f"  flaky: {test}")
    ended = f"level {failed} failed after" if failed else "every level passed in"
    print(f"=== {ended} {sum(minutes.values()):.1f} min", flush=True)
    return 1 if failed else 0


def read_flaky(reruns: str) -> list[str]:
    """Return the tests that were repeated, each once, in the order in which they were."""
    return list(dict.fromkeys(reruns.splitlines()))


def run_and_clean_up(levels: Sequence[str], minutes: dict[str, float], *, named: bool) -> str:
    """Run the levels, then take the local cluster down; returns the level that failed."""
    try:
        with building_meanwhile():
            return run_levels(levels, minutes)
    finally:
        if not named and not os.environ.get("KEEP"):
            subprocess.run(["make", "--no-print-directory", "down"], check=False)


def run_levels(levels: Sequence[str], minutes: dict[str, float]) -> str:
    """Run the levels, and note how long each took; returns the one that failed, or nothing."""
    for number, level in enumerate(levels, start=1):
        elapsed = sum(minutes.values())
        print(f"\n=== [{elapsed:4.1f} min] level {number} of {len(levels)}: {level}", flush=True)
        begun = time.monotonic()
        result = subprocess.run(["make", "--no-print-directory", level], check=False)
        minutes[level] = (time.monotonic() - begun) / 60
        if result.returncode != 0:
            return level
    return ""


@contextlib.contextmanager
def building_meanwhile() -> Iterator[None]:
    """Build Kubernetes and etcd, which later levels need, beside the first ones.

    Those use one core. What they print stays readable: whoever needs a program builds it again
    under the same lock, so that a failure of the build is told there.
    """
    words = ["nice", sys.executable, "-m", "local", "build"]
    quiet = subprocess.DEVNULL
    building = subprocess.Popen(words, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        yield
    finally:
        if building.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(building.pid, signal.SIGTERM)
        building.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

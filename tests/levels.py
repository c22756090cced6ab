"""Run every test level in order, say where it is, and leave no process behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

LEVELS = ("check", "unit", "model", "etcd-test", "e2e")


def main() -> int:
    """Run the levels until one fails; returns the exit code."""
    named = bool(os.environ.get("CONTEXT"))
    minutes: dict[str, float] = {}
    try:
        with building_meanwhile():
            failed = run_levels(minutes)
    finally:
        if not named and not os.environ.get("KEEP"):
            subprocess.run(["make", "--no-print-directory", "down"], check=False)
    for level, taken in minutes.items():
        print(f"  {level:10} {taken:5.1f} min")
    ended = f"level {failed} failed after" if failed else "every level passed in"
    print(f"=== {ended} {sum(minutes.values()):.1f} min", flush=True)
    return 1 if failed else 0


def run_levels(minutes: dict[str, float]) -> str:
    """Run the levels, and note how long each took; returns the one that failed, or nothing."""
    for number, level in enumerate(LEVELS, start=1):
        elapsed = sum(minutes.values())
        print(f"\n=== [{elapsed:4.1f} min] level {number} of {len(LEVELS)}: {level}", flush=True)
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
    sys.exit(main())

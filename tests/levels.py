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
    begun = time.monotonic()
    named = bool(os.environ.get("CONTEXT"))
    try:
        with building_meanwhile():
            for number, level in enumerate(LEVELS, start=1):
                elapsed = (time.monotonic() - begun) / 60
                print(
                    f"\n=== [{elapsed:4.1f} min] level {number} of {len(LEVELS)}: {level}",
                    flush=True,
                )
                words = ["make", "--no-print-directory", level]
                if subprocess.run(words, check=False).returncode != 0:
                    print(f"=== level {level} failed", flush=True)
                    return 1
    finally:
        if not named and not os.environ.get("KEEP"):
            subprocess.run(["make", "--no-print-directory", "down"], check=False)
    print(f"=== every level passed in {(time.monotonic() - begun) / 60:.1f} min", flush=True)
    return 0


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

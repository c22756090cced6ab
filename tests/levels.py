"""Run every test level, say where it is, and leave no process behind.

The model computes, and a test that is alone on the real cluster mostly waits, so the model runs
beside those, on what time they leave. `--all` adds the long forms: every state of the model, every
mutant, transition and injection, ten minutes of chaos, and every fault that an alert tells of, with
two hours in which none fires.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from tests.reruns import REPORT

LEVELS: Final = ("check", "unit", "etcd-test", "e2e-beside", "e2e-alone")
BESIDE: Final = "model"  # begins with FROM, and ends before the next levels begin
FROM: Final = "e2e-alone"
LONG: Final = (
    *("docs", "sbom", "olm", "upgrade"),
    *("states", "mutants", "transitions", "injection", "chaos", "alerts"),
)
MAKE: Final = ("make", "--no-print-directory")
# Processes of different sessions share the processors between the sessions, and a session has a
# nice value of its own.
SESSION_NICE: Final = Path("/proc/self/autogroup")


def main(words: Sequence[str] = ()) -> int:
    """Run the levels until one fails; returns the exit code."""
    named = bool(os.environ.get("CONTEXT"))
    minutes: dict[str, float] = {}
    begun = time.monotonic()
    with tempfile.NamedTemporaryFile(prefix="reruns-", mode="r") as reruns:
        os.environ[REPORT] = reruns.name
        failed = run_and_clean_up(LONG if "--all" in words else (), minutes, named=named)
        flaky = read_flaky(Path(reruns.name).read_text())
    for level, taken in minutes.items():
        print(f"  {level:11} {taken:5.1f} min{' (beside others)' if level == BESIDE else ''}")
    for test in flaky:
        print(f"  flaky: {test}")
    ended = f"level {failed} failed after" if failed else "every level passed in"
    print(f"=== {ended} {(time.monotonic() - begun) / 60:.1f} min", flush=True)
    return 1 if failed else 0


def read_flaky(reruns: str) -> list[str]:
    """Return the tests that were repeated, each once, in the order in which they were."""
    return list(dict.fromkeys(reruns.splitlines()))


def run_and_clean_up(long: Sequence[str], minutes: dict[str, float], *, named: bool) -> str:
    """Run the levels, then take the local cluster down; returns the level that failed."""
    try:
        with building_meanwhile():
            return run_levels(LEVELS, minutes) or run_levels(long, minutes)
    finally:
        if not named and not os.environ.get("KEEP"):
            subprocess.run([*MAKE, "down"], check=False)


def run_levels(levels: Sequence[str], minutes: dict[str, float]) -> str:
    """Run the levels, and note how long each took; returns the one that failed, or nothing."""
    with contextlib.ExitStack() as stack:
        beside: LevelBeside | None = None
        for number, level in enumerate(levels, start=1):
            if level == FROM:
                beside = stack.enter_context(LevelBeside.begin(BESIDE))
            print(f"\n=== level {number} of {len(levels)}: {level}", flush=True)
            begun = time.monotonic()
            result = subprocess.run([*MAKE, level], check=False)
            minutes[level] = (time.monotonic() - begun) / 60
            if result.returncode != 0:
                if beside and beside.has_ended:
                    beside.finish(minutes)
                return level
        return beside.finish(minutes) if beside else ""


class LevelBeside:
    """A level that runs while others do, and whose output is shown when it has ended."""

    def __init__(self, level: str, output: IO[bytes]) -> None:
        self.level = level
        self._output = output
        self._begun = self._ended = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.levels", "--beside", level],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._waiting = threading.Thread(target=self._wait, daemon=True)
        self._waiting.start()

    @classmethod
    @contextlib.contextmanager
    def begin(cls, level: str) -> Iterator[LevelBeside]:
        """Begin a level; at the end it is stopped if it still runs."""
        with tempfile.TemporaryFile() as output:
            beside = cls(level, output)
            try:
                yield beside
            finally:
                end_session(beside._process)

    @property
    def has_ended(self) -> bool:
        """Whether it has come to its end, well or not."""
        return self._process.poll() is not None

    def finish(self, minutes: dict[str, float]) -> str:
        """Wait for its end and show its output; returns the level's name if it failed."""
        print(f"\n=== level {self.level}, which ran beside the others", flush=True)
        self._waiting.join()
        minutes[self.level] = (self._ended - self._begun) / 60
        self._output.seek(0)
        print(self._output.read().decode(errors="replace"), flush=True)
        return self.level if self._process.returncode else ""

    def _wait(self) -> None:
        self._process.wait()
        self._ended = time.monotonic()


def run_beside(level: str) -> int:
    """Run a level on what processor time others leave; returns its exit code."""
    with contextlib.suppress(OSError):  # a kernel without such groups, where nice alone counts
        SESSION_NICE.write_text("19")
    return subprocess.run(["nice", "-n", "19", *MAKE, level], check=False).returncode


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
        end_session(building)


def end_session(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and all that it started, unless it has ended."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    process.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--beside"]:
        sys.exit(run_beside(sys.argv[2]))
    sys.exit(main(sys.argv[1:]))

"""Run every test level, say where it is, and leave no process behind.

Tests on the real cluster wait for it: what does not need that cluster runs beside those, on what
time they leave. `--all` adds the long forms: every state of the model, every mutant, transition,
take-over and injection, ten minutes of chaos, and every fault that an alert tells of, with two
hours in which none fires.
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
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tests.reruns import REPORT, read_flaky

LEVELS: Final = ("check", "unit", "e2e-beside", "e2e-alone")


@dataclass(frozen=True, slots=True)
class Row:
    """Levels that follow each other beside those of `LEVELS`, each with its nice value.

    They begin with the level `begins_with`, and end before the long ones begin.
    """

    begins_with: str
    levels: Mapping[str, int]


# A model has no clock to be late for; on a cluster, a minute that a Pod waits is told as a fault.
BESIDE: Final = (
    Row("e2e-beside", {"model": 19, "etcd-test": 5}),
    Row("e2e-alone", {"e2e-apart": 0}),
)
LONG: Final = (
    *("docs", "sbom", "olm", "krew", "upgrade"),
    *("states", "mutants", "transitions", "take-overs", "injection", "chaos", "alerts"),
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
        where = "" if level in (*LEVELS, *LONG) else " (beside others)"
        print(f"  {level:11} {taken:5.1f} min{where}")
    for test in flaky:
        print(f"  flaky: {test}")
    ended = f"level {failed} failed after" if failed else "every level passed in"
    print(f"=== {ended} {(time.monotonic() - begun) / 60:.1f} min", flush=True)
    return 1 if failed else 0


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
        beside: list[LevelsBeside] = []
        for number, level in enumerate(levels, start=1):
            beside += [
                stack.enter_context(LevelsBeside.begin(row.levels))
                for row in BESIDE
                if row.begins_with == level
            ]
            print(f"\n=== level {number} of {len(levels)}: {level}", flush=True)
            begun = time.monotonic()
            exit_code = run_in_front(level)
            minutes[level] = (time.monotonic() - begun) / 60
            if exit_code != 0:
                for row in beside:
                    row.stop()
                    row.show_ended(minutes)
                return level
        failed = [row.finish(minutes) for row in beside]
        return next(filter(None, failed), "")


def run_in_front(level: str) -> int:
    """Run a level; returns its exit code. Who interrupts this interrupts all that it started."""
    with ThreadPoolExecutor(1) as starter:
        # In another thread no signal can come between the start of a process and its number.
        started = starter.submit(subprocess.Popen, [*MAKE, level], process_group=0)
        try:
            return started.result().wait()
        except BaseException:
            process = started.result()
            # Tests clean up after themselves; what a shell put into the background ignores that.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
                process.wait()
                os.killpg(process.pid, signal.SIGTERM)
            raise


@dataclass(frozen=True, slots=True)
class Ended:
    """A level that ran beside others and has come to its end, well or not."""

    level: str
    minutes: float
    output: str
    exit_code: int


class LevelsBeside:
    """Levels that run while others do, and whose output is shown when they have ended.

    They run one after the other, up to the first that fails.
    """

    def __init__(self, levels: Mapping[str, int]) -> None:
        self._levels = levels
        self._ended: list[Ended] = []
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._cut_off = False
        self._changing = threading.Lock()
        self._running = threading.Thread(target=self._run, daemon=True)
        self._running.start()

    @classmethod
    @contextlib.contextmanager
    def begin(cls, levels: Mapping[str, int]) -> Iterator[LevelsBeside]:
        """Begin the levels; at the end the one that still runs is stopped, and no other begins."""
        beside = cls(levels)
        try:
            yield beside
        finally:
            beside.stop()

    def finish(self, minutes: dict[str, float]) -> str:
        """Wait for their end and show their output; returns the level that failed, or nothing."""
        self._running.join()
        self.show_ended(minutes)
        return next((each.level for each in self._ended if each.exit_code), "")

    def show_ended(self, minutes: dict[str, float]) -> None:
        """Show the output of those that have ended, and note how long each took."""
        for each in self._ended:
            print(f"\n=== level {each.level}, which ran beside the others", flush=True)
            print(each.output, flush=True)
            minutes[each.level] = each.minutes

    def stop(self) -> None:
        """Stop the one that still runs; no other begins."""
        with self._changing:
            self._stopped = True
            if self._process and self._process.poll() is None:
                self._cut_off = True
                end_session(self._process)
        self._running.join()

    def _run(self) -> None:
        for level, nice in self._levels.items():
            begun = time.monotonic()
            with tempfile.TemporaryFile() as output:
                process = self._begin(level, nice, output)
                if process is None:
                    return
                exit_code = process.wait()
                if self._cut_off:
                    return
                output.seek(0)
                said = output.read().decode(errors="replace")
            taken = (time.monotonic() - begun) / 60
            self._ended.append(Ended(level, taken, said, exit_code))
            if exit_code:
                return

    def _begin(self, level: str, nice: int, output: IO[bytes]) -> subprocess.Popen[bytes] | None:
        with self._changing:
            if self._stopped:
                return None
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.levels", "--beside", level, str(nice)],
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            return self._process


def run_beside(level: str, nice: str) -> int:
    """Run a level with that nice value, also of its session; returns its exit code."""
    with contextlib.suppress(OSError):  # a kernel without such groups, where nice alone counts
        SESSION_NICE.write_text(nice)
    return subprocess.run(["nice", "-n", nice, *MAKE, level], check=False).returncode


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


def end_in_order() -> None:
    """Have SIGTERM leave nothing behind either, and no level ignore SIGINT.

    A shell has what it runs in the background ignore that, and all that this starts.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--beside"]:
        sys.exit(run_beside(*sys.argv[2:4]))
    end_in_order()
    sys.exit(main(sys.argv[1:]))

"""What `make test` says at its end, and what `make test-all` adds."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import levels
from tests.builders.exhaustive import exhaustive
from tests.reruns import REPORT, SECOND_TRY, note_rerun, read_flaky

BESIDE = [level for row in levels.BESIDE for level in row.levels]
WITH_MODEL = next(row.begins_with for row in levels.BESIDE if "model" in row.levels)
MAKEFILE = (Path(__file__).parent.parent.parent / "Makefile").read_text()


def run(monkeypatch: pytest.MonkeyPatch, *words: str, failing: str = "") -> list[str]:
    """Run the levels without running anything; returns those that were begun."""
    begun: list[str] = []

    def run_levels(asked: tuple[str, ...], minutes: dict[str, float]) -> str:
        begun.extend(asked)
        minutes.update(dict.fromkeys(asked, 1.0))
        with Path(os.environ[REPORT]).open("a") as file:
            file.write("again\ttests/e2e/test_a.py::test_b\t\n" * 2)
        return failing

    monkeypatch.setenv("CONTEXT", "theirs")
    monkeypatch.setenv(REPORT, "")
    monkeypatch.setattr(levels, "building_meanwhile", contextlib.nullcontext)
    monkeypatch.setattr(levels, "run_levels", run_levels)
    assert levels.main(words) == (1 if failing else 0)
    return begun


def test_every_level_is_a_target_of_the_makefile(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
    usual, everything = run(monkeypatch), run(monkeypatch, "--all")
    assert {*everything, *BESIDE} <= targets
    assert {row.begins_with for row in levels.BESIDE} <= set(usual)
    assert everything[: len(usual)] == usual
    assert set(everything) - set(usual) == {
        "docs",
        "sbom",
        "olm",
        "krew",
        "upgrade",
        "states",
        "mutants",
        "transitions",
        "take-overs",
        "injection",
        "chaos",
        "alerts",
    }


def test_minutes_and_repeated_tests_are_listed_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, failing="unit")
    said = capsys.readouterr().out
    assert "unit          1.0 min" in said
    assert said.count("flaky: tests/e2e/test_a.py::test_b") == 1
    assert "level unit failed after 0.0 min" in said


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `make` that writes down what it makes, and fails where a file says so."""
    log = tmp_path / "made"
    script = tmp_path / "make"
    script.write_text(
        f'#!/bin/sh\necho "$2" >> {log}\necho "output of $2"\ntest ! -e {tmp_path}/bad-$2\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(levels, "MAKE", (str(script), "--no-print-directory"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def test_the_model_runs_beside_the_others_and_is_shown(
    made: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    minutes: dict[str, float] = {}
    assert levels.run_levels(levels.LEVELS, minutes) == ""
    assert set(minutes) == {*levels.LEVELS, *BESIDE}
    assert sorted((made / "made").read_text().split()) == sorted(minutes)
    assert "output of model" in capfd.readouterr().out


@pytest.mark.parametrize(
    "bad", [levels.LEVELS[0], BESIDE[0], *exhaustive(*levels.LEVELS[1:], *BESIDE[1:])]
)
def test_a_level_that_fails_is_named(made: Path, bad: str) -> None:
    (made / f"bad-{bad}").touch()
    assert levels.run_levels(levels.LEVELS, {}) == bad


def test_what_ended_beside_a_level_that_fails_is_shown(
    made: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A failure elsewhere says nothing about it, and its result took minutes."""
    (made / "make").write_text(
        f"#!/bin/sh\npid={made}/pid\n"
        'test "$2" = model && echo "output of model" && echo $PPID > $pid && exit\n'
        "while test ! -s $pid || kill -0 $(cat $pid); do sleep 0.01; done\nfalse\n"
    )
    minutes: dict[str, float] = {}
    assert levels.run_levels((WITH_MODEL,), minutes) == WITH_MODEL
    assert "output of model" in capfd.readouterr().out
    assert "model" in minutes


def test_a_level_that_runs_beside_is_stopped_when_another_fails(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (made / "make").write_text(
        f"#!/bin/sh\necho $$ > {made}/$2.pid\n"
        f'test "$2" = model && exec sleep 600\n'
        f"while test ! -s {made}/model.pid; do sleep 0.01; done\nfalse\n"
    )
    assert levels.run_levels((WITH_MODEL,), {}) == WITH_MODEL
    stopped = Path(f"/proc/{(made / 'model.pid').read_text().strip()}")
    # It was told to end with the session's first process.
    wait_for(lambda: not stopped.exists(), "the level has ended")


def test_who_ends_it_ends_what_it_started(made: Path) -> None:
    (made / "make").write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {made}/pid\nwait\n")
    program = (
        f"from tests import levels; levels.MAKE = ({str(made / 'make')!r}, '');"
        "levels.end_in_order(); levels.run_levels(('unit',), {})"
    )
    pid = made / "pid"
    pid.touch()
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL) as running:
        wait_for(lambda: bool(pid.read_text()), "it has begun")
        running.terminate()
    assert running.returncode == 128 + signal.SIGTERM
    started = Path(f"/proc/{pid.read_text().strip()}")
    wait_for(lambda: not started.exists(), "what it started has ended")


def wait_for(holds: Callable[[], bool], what: str) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail(f"not within 5 s: {what}")


@pytest.mark.parametrize(
    ("outcome", "environment", "noted"),
    [
        ("rerun", {}, "again\ta::b\t\n"),
        ("failed", {}, "failed\ta::b\t\n"),
        ("passed", {}, ""),
        ("passed", {SECOND_TRY: "1"}, "again\ta::b\t\n"),
        ("failed", {SECOND_TRY: "1"}, "failed\ta::b\t\n"),
        ("rerun", {"PYTEST_XDIST_WORKER": "gw0"}, ""),
    ],
    ids=["repeated", "failed", "passed", "passes at the second try", "fails again", "in a worker"],
)
def test_what_is_tried_again_is_noted_once(
    outcome: str,
    environment: dict[str, str],
    noted: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    path = tmp_path / "reruns"
    path.touch()
    for name in ("PYTEST_XDIST_WORKER", SECOND_TRY):
        monkeypatch.delenv(name, raising=False)
    for name, value in {REPORT: str(path), **environment}.items():
        monkeypatch.setenv(name, value)
    report = pytest.TestReport("a::b", ("a", 1, "b"), {}, "passed", None, "call")
    monkeypatch.setattr(report, "outcome", outcome)
    note_rerun(report)
    assert path.read_text() == noted


def test_one_that_is_repeated_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "reruns"
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setenv(REPORT, str(path))
    with pytest.raises(ValueError, match="gone") as error:
        raise ValueError("not\n  gone")
    report = pytest.TestReport("a::b", ("a", 1, "b"), {}, "failed", error.getrepr(), "setup")
    monkeypatch.setattr(report, "outcome", "rerun")
    note_rerun(report)
    assert path.read_text() == "again\ta::b\t (setup: ValueError: not gone)\n"


def test_a_test_that_failed_both_times_is_not_flaky() -> None:
    by_plugin = "again\ta\t (call: late)\nagain\tb\t\nfailed\tb\t\n"
    by_second_run = "failed\tc\t\nfailed\td\t\nagain\tc\t\nfailed\td\t\n"
    assert read_flaky(by_plugin + by_second_run) == ["a (call: late)", "c"]

"""What `make test` says at its end, and what `make test-all` adds."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pytest

from tests import levels
from tests.reruns import REPORT, note_rerun

MAKEFILE = (Path(__file__).parent.parent.parent / "Makefile").read_text()


def run(monkeypatch: pytest.MonkeyPatch, *words: str, failing: str = "") -> list[str]:
    """Run the levels without running anything; returns those that were begun."""
    begun: list[str] = []

    def run_levels(asked: tuple[str, ...], minutes: dict[str, float]) -> str:
        begun.extend(asked)
        minutes.update(dict.fromkeys(asked, 1.0))
        with Path(os.environ[REPORT]).open("a") as file:
            file.write("tests/e2e/test_a.py::test_b\n" * 2)
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
    assert set(everything) <= targets
    assert everything[: len(usual)] == usual
    assert set(everything) - set(usual) == {"mutants", "transitions", "injection", "chaos"}


def test_minutes_and_repeated_tests_are_listed_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, failing="unit")
    said = capsys.readouterr().out
    assert "unit          1.0 min" in said
    assert said.count("flaky: tests/e2e/test_a.py::test_b") == 1
    assert "level unit failed after 5.0 min" in said


@pytest.mark.parametrize(("outcome", "noted"), [("rerun", "a::b\n"), ("failed", "")])
def test_only_a_repetition_is_noted(
    outcome: str, noted: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "reruns"
    path.touch()
    monkeypatch.setenv(REPORT, str(path))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    report = pytest.TestReport("a::b", ("a", 1, "b"), {}, "failed", None, "call")
    monkeypatch.setattr(report, "outcome", outcome)
    note_rerun(report)
    assert path.read_text() == noted


def test_the_processes_that_run_tests_note_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "reruns"
    path.touch()
    monkeypatch.setenv(REPORT, str(path))
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    report = pytest.TestReport("a::b", ("a", 1, "b"), {}, "failed", None, "call")
    monkeypatch.setattr(report, "outcome", "rerun")
    note_rerun(report)
    assert path.read_text() == ""

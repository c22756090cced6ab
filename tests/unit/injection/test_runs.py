"""What is run, how it is judged, and what is written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docs.reliability import MODES, write_reliability
from tests.injection.__main__ import choose_runs, judge, main, read_options, references
from tests.injection.boundaries import SIDES, Mode
from tests.injection.record import Record
from tests.injection.session import Outcome
from tests.injection.stories import SAMPLE, build_stories

DISTURBING = [mode for mode in Mode if mode is not Mode.NOTHING]


def test_every_mode_meets_every_story() -> None:
    runs = choose_runs(read_options([]))
    names = {story.name for story in build_stories()}
    assert {(story.name, mode) for story, mode in runs} == {(n, m) for n in names for m in Mode}
    assert len(runs) == len(set(runs)) == len(names) * len(Mode)
    assert all(mode is Mode.NOTHING for _, mode in runs[: len(names)]), "there is a reference first"


def test_a_part_has_its_reference() -> None:
    runs = choose_runs(read_options(["--modes", "stale", "late", "--stories", "roll"]))
    assert [(story.name, mode) for story, mode in runs] == [
        ("roll", Mode.NOTHING),
        ("roll", Mode.STALE),
        ("roll", Mode.LATE),
    ]


def test_what_would_be_run_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--modes", "slow"]) == 0
    said = capsys.readouterr().out.split()
    assert len(said) == 2 * 2 * len(build_stories())
    assert "slow" in said


# test_quorum_loss kills the operator in a recovery; the others are left to `make injection`.
LONG = {"recover", "takeover", "peertls", "clienttls", "certificate", "issuer"}


def test_the_sample_has_every_mode() -> None:
    """And every story, but for long ones."""
    assert {mode for _, mode, _ in SAMPLE} == set(DISTURBING)
    stories = {story.name for story in build_stories()}
    assert {name for name, _, _ in SAMPLE} == stories - LONG


def test_every_mode_has_places_and_a_row_in_the_table() -> None:
    assert all(SIDES[mode] for mode in DISTURBING)
    assert list(MODES) == [str(mode) for mode in DISTURBING]
    page = write_reliability()
    assert all(f"| {what} |" in page for what in MODES.values())


def test_a_story_is_held_against_the_undisturbed_one() -> None:
    whole = {"grow": {"configmap/c": {"data": "a"}}}
    reference = Outcome("s", Mode.NOTHING, portraits=whole)
    same = Outcome("s", Mode.SLOW, portraits=whole)
    other = Outcome("s", Mode.LATE, portraits={"grow": {"configmap/c": {"data": "b"}}})
    idle = Outcome("s", Mode.STALE, portraits=whole, effects={("grow", "delete Pod c-0"): 1})
    outcomes = [reference, same, other, idle]
    judge(outcomes, references(outcomes), complete=True)
    assert (reference.failure, same.failure) == ("", "")
    assert "configmap/c" in other.failure
    assert "never disturbed" in idle.failure


def test_without_a_good_reference_nothing_is_proved() -> None:
    outcomes = [Outcome("s", Mode.NOTHING, failure="no"), Outcome("s", Mode.KILL)]
    judge(outcomes, references(outcomes), complete=True)
    assert "undisturbed run failed" in outcomes[1].failure


def test_a_long_run_is_made_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "build" / "results.json"
    first = Record(path, 1.0)
    first.write([Outcome("roll", Mode.NOTHING), Outcome("roll", Mode.KILL, failure="no")])
    first.write([Outcome("roll", Mode.NOTHING), Outcome("roll", Mode.SLOW)])
    roll = next(story for story in build_stories() if story.name == "roll")
    second = Record(path, 1.0)
    second.keep([(roll, Mode.NOTHING), (roll, Mode.KILL)])
    second.write([Outcome("roll", Mode.NOTHING), Outcome("roll", Mode.KILL)])
    runs = json.loads(path.read_text())["runs"]
    assert [(one["mode"], one["failure"]) for one in runs] == [
        ("nothing", ""),
        ("kill", ""),
        ("slow", ""),
    ]
    assert all(one["began"] for one in runs), "each part has its day"
    alone = Record(path, 0.5)
    alone.write([Outcome("report_settled", Mode.NOTHING)])
    assert [one["story"] for one in json.loads(path.read_text())["runs"]] == ["report_settled"]

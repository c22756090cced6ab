"""Explore every scenario completely, walk through the larger ones, and replay old traces."""

from __future__ import annotations

import time

import pytest

from tests.model.adversary import tempt
from tests.model.explore import Result, explore
from tests.model.scenario import Scenario
from tests.model.scenarios import SCENARIOS, TEMPTED, WALKS
from tests.model.traces import Trace, load_all, replay
from tests.model.walk import walk

LEAST_TRANSITIONS = 200_000

_results: list[tuple[Result, float]] = []


def _name(scenario: Scenario) -> str:
    return scenario.name


def _finish(result: Result, seconds: float, capsys: pytest.CaptureFixture[str]) -> None:
    _results.append((result, seconds))
    with capsys.disabled():
        print(f"\n  {_line(result.scenario.name, [result], seconds)}", end=" ")
    assert not result.counterexamples, f"\n{result.counterexamples[0]}"


def _line(name: str, results: list[Result], seconds: float) -> str:
    states = sum(result.states for result in results)
    transitions = sum(result.transitions for result in results)
    depth = max(result.depth for result in results)
    return (
        f"{name:28} {states:8} states {transitions:9} transitions  depth {depth:3} {seconds:6.1f} s"
    )


@pytest.mark.model
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=_name)
def test_everything_within_the_bounds(
    scenario: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    result = explore(scenario)
    _finish(result, time.monotonic() - begun, capsys)
    assert result.complete or scenario.partial


@pytest.mark.model
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", WALKS, ids=_name)
def test_random_walks(scenario: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()
    result = walk(scenario, walks=200, steps=60, seed=7)
    _finish(result, time.monotonic() - begun, capsys)


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", TEMPTED, ids=_name)
def test_the_guard_alone_is_enough(scenario: Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    begun = time.monotonic()
    result = tempt(scenario)
    with capsys.disabled():
        seconds = time.monotonic() - begun
        print(
            f"\n  guard: {scenario.name:21} {result.transitions} actions {seconds:.1f} s", end=" "
        )
    assert not result.counterexamples, f"\n{result.counterexamples[0]}"


@pytest.mark.model
def test_the_run_was_large_enough(capsys: pytest.CaptureFixture[str]) -> None:
    if len(_results) < len(SCENARIOS) + len(WALKS):
        pytest.skip("only a part of the scenarios ran")
    results = [result for result, _ in _results]
    with capsys.disabled():
        print(f"\n  {_line('total', results, sum(seconds for _, seconds in _results))}", end=" ")
    assert sum(result.transitions for result in results) >= LEAST_TRANSITIONS


@pytest.mark.parametrize("trace", load_all(), ids=lambda trace: trace.path.stem)
def test_past_counterexample_is_harmless_now(trace: Trace) -> None:
    assert replay(trace) is None

"""Explore every scenario completely, walk through the larger ones, and replay old traces."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.model.adversary import tempt
from tests.model.explore import Result, explore
from tests.model.explored import EXPLORED, describe_result
from tests.model.scenario import Scenario
from tests.model.scenarios import SCENARIOS, TEMPTED, WALKS
from tests.model.traces import Trace, load_all, replay
from tests.model.walk import walk

Record = Callable[[str, object], None]


def _name(scenario: Scenario) -> str:
    return scenario.name


def _finish(result: Result, begun: float, record: Record, kind: str = "") -> None:
    record(EXPLORED, describe_result(result, time.monotonic() - begun, kind))
    assert not result.counterexamples, f"\n{result.counterexamples[0]}"


@pytest.mark.model
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=_name)
def test_everything_within_the_bounds(scenario: Scenario, record_property: Record) -> None:
    begun = time.monotonic()
    result = explore(scenario)
    _finish(result, begun, record_property)
    assert result.complete or scenario.partial


@pytest.mark.model
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scenario", WALKS, ids=_name)
def test_random_walks(scenario: Scenario, record_property: Record) -> None:
    begun = time.monotonic()
    result = walk(scenario, walks=200, steps=60, seed=7)
    _finish(result, begun, record_property)


@pytest.mark.model
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", TEMPTED, ids=_name)
def test_the_guard_alone_is_enough(scenario: Scenario, record_property: Record) -> None:
    begun = time.monotonic()
    result = tempt(scenario)
    _finish(result, begun, record_property, "guard: ")


@pytest.mark.parametrize("trace", load_all(), ids=lambda trace: trace.path.stem)
def test_past_counterexample_is_harmless_now(trace: Trace) -> None:
    assert replay(trace) is None

"""Explore every scenario, walk through those that nobody can see all of, and replay old traces.

`ALL_STATES=1` explores completely whatever can be, and the others up to their `most_states`;
without it, a part of the larger scenarios: no state that is found goes unjudged, but of those as
far from the start only so many go on, and the search comes to the end of the story.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable

import pytest

from etcd_operator.simulation.passes import Plans
from tests.model.adversary import tempt
from tests.model.explore import Result, explore
from tests.model.explored import EXPLORED, describe_result
from tests.model.scenario import Scenario
from tests.model.scenarios import SCENARIOS, TEMPTED, WALKS
from tests.model.traces import Trace, load_all, replay
from tests.model.walk import walk

Record = Callable[[str, object], None]

# Enough to come to the end of every scenario, and to see the smaller ones completely.
MOST_AHEAD = 50
# Of scenarios that nobody sees all of: rather all the way to the end than all near the start.
MOST_AHEAD_IN_PART = 25
# Of specs that scenarios of late had: those with the same follow each other.
SHARED = 8


def _name(scenario: Scenario) -> str:
    return scenario.name


@functools.lru_cache(SHARED)
def _share_plans(specs: str) -> Plans:
    """The plans of scenarios with the same `specs`, which see much of the same."""
    return {}


def _find_most_ahead(scenario: Scenario, in_part: int | None) -> int | None:
    if os.environ.get("ALL_STATES"):
        return None
    return in_part if scenario.partial else MOST_AHEAD


def _finish(result: Result, begun: float, record: Record, kind: str = "") -> None:
    record(EXPLORED, describe_result(result, time.monotonic() - begun, kind))
    assert not result.counterexamples, f"\n{result.counterexamples[0]}"


@pytest.mark.model
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=_name)
def test_everything_within_the_bounds(scenario: Scenario, record_property: Record) -> None:
    begun = time.monotonic()
    most_ahead = _find_most_ahead(scenario, MOST_AHEAD_IN_PART)
    result = explore(scenario, most_ahead=most_ahead, plans=_share_plans(str(scenario.specs)))
    _finish(result, begun, record_property)
    assert result.complete or scenario.partial or most_ahead


@pytest.mark.model
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scenario", WALKS, ids=_name)
def test_random_walks(scenario: Scenario, record_property: Record) -> None:
    begun = time.monotonic()
    result = walk(scenario, walks=200, steps=60, seed=7)
    _finish(result, begun, record_property)


@pytest.mark.model
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scenario", TEMPTED, ids=_name)
def test_the_guard_alone_is_enough(scenario: Scenario, record_property: Record) -> None:
    begun = time.monotonic()
    # Of one that is bounded already: all near the start, where the guard is asked of the most.
    result = tempt(scenario, most_ahead=_find_most_ahead(scenario, None))
    _finish(result, begun, record_property, "guard: ")


@pytest.mark.parametrize("trace", load_all(), ids=lambda trace: trace.path.stem)
def test_past_counterexample_is_harmless_now(trace: Trace) -> None:
    assert replay(trace) is None

"""What the exploration leaves out where it is told to take a part, and what it does not."""

from __future__ import annotations

import functools
from dataclasses import replace

import pytest

from etcd_operator.simulation.passes import Plans
from tests.model.explore import Result, explore
from tests.model.scenario import Scenario, sizes
from tests.model.scenarios import CRASH, GATE, POD

pytestmark = pytest.mark.exhaustive

SMALL = Scenario("", sizes(1), ("create", "delete"), faults=(POD, CRASH, GATE))


@functools.cache
def explore_whole() -> Result:
    """All of it."""
    return explore(SMALL)


def test_a_part_goes_on_and_comes_to_the_same_end() -> None:
    whole, part = explore_whole(), explore(SMALL, most_ahead=5)
    assert whole.complete
    assert not part.complete
    assert part.states < whole.states / 2
    assert part.depth >= whole.depth / 2
    assert not part.counterexamples


def test_the_same_part_is_taken_every_time() -> None:
    first, second = explore(SMALL, most_ahead=5), explore(SMALL, most_ahead=5)
    assert (first.states, first.transitions) == (second.states, second.transitions)


def test_plans_of_a_scenario_with_the_same_specs_change_nothing() -> None:
    plans: Plans = {}
    other = replace(SMALL, faults=(POD,))
    explore(other, plans=plans)
    known = len(plans)
    found, whole = explore(SMALL, plans=plans), explore_whole()
    assert 0 < known < len(plans)
    assert (found.states, found.transitions) == (whole.states, whole.transitions)
    assert found.rests == whole.rests


def test_nothing_is_left_out_where_there_is_little() -> None:
    whole, part = explore_whole(), explore(SMALL, most_ahead=100_000)
    assert part.complete
    assert (part.states, part.rests) == (whole.states, whole.rests)

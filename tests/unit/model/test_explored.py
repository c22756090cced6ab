"""The whole model level fails when it saw too little; a part of it is not judged."""

from __future__ import annotations

from tests.model.explored import LEAST_TRANSITIONS, Explored
from tests.model.scenarios import SCENARIOS, WALKS

NAMES = [scenario.name for scenario in (*SCENARIOS, *WALKS)]


def explore_all(names: list[str], transitions: int) -> Explored:
    explored = Explored()
    for name in names:
        explored.add(name, 10, transitions, 3, 0.5)
    return explored


def test_the_whole_level_must_see_enough() -> None:
    assert explore_all(NAMES, 1).is_too_small
    assert not explore_all(NAMES, LEAST_TRANSITIONS // len(NAMES) + 1).is_too_small


def test_a_part_of_the_level_is_not_judged() -> None:
    assert not explore_all(NAMES[1:], 1).is_too_small


def test_the_sum_is_over_all_and_the_depth_is_the_deepest() -> None:
    explored = Explored()
    explored.add("one", 10, 100, 3, 0.5)
    explored.add("two", 5, 50, 7, 0.25)
    assert (explored.states, explored.transitions, explored.depth) == (15, 150, 7)
    assert explored.seconds == 0.75

"""Random walks where the space is too large to see all of it: five members and more faults.

The same steps and the same judgements as the exploration, from a fixed seed. Every walk ends with
a fair run, which must come to a good rest.
"""

from __future__ import annotations

import random

from etcd_operator.simulation.world import State
from tests.model.explore import Counterexample, Edge, Result, World
from tests.model.rest import judge_rest
from tests.model.scenario import Scenario


def walk(scenario: Scenario, *, walks: int, steps: int, seed: int) -> Result:
    """Walk at random; stops at the first violation."""
    world, result = World(scenario), Result(scenario, complete=False)
    chance = random.Random(seed)
    seen: set[State] = set()
    start = world.start()
    for _ in range(walks):
        state = start
        path: list[str] = []
        for _ in range(steps):
            edges = list(world.edges(state))
            result.transitions += len(edges)
            violated = next((edge for edge in edges if edge.violated is not None), None)
            if violated is not None:
                _report(result, [*path, violated.label], str(violated.violated))
                return result
            moving = [edge for edge in edges if edge.following != state]
            if not moving:
                break
            edge = _choose(chance, moving)
            path.append(edge.label)
            state = edge.following
            seen.add(state)
        if not _rests_well(world, state, path, result):
            return result
        result.depth = max(result.depth, len(path))
    result.states = len(seen)
    return result


def _choose(chance: random.Random, edges: list[Edge]) -> Edge:
    """Mostly what happens by itself, so that a walk gets somewhere between two accidents."""
    free = [edge for edge in edges if edge.free]
    return chance.choice(free if free and chance.random() < 0.8 else edges)


def _rests_well(world: World, state: State, path: list[str], result: Result) -> bool:
    try:
        reason, violated = judge_rest(world.operator, world.settle(state))
    except AssertionError as error:
        reason, violated = "", str(error)
    if violated is None:
        result.rests[reason] = result.rests.get(reason, 0) + 1
        return True
    _report(result, [*path, "a fair run without faults"], violated)
    return False


def _report(result: Result, path: list[str], violated: str) -> None:
    name = result.scenario.name
    result.counterexamples.append(Counterexample(name, violated, tuple(path)))

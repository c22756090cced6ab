"""Counterexamples of the past, kept as files and replayed for ever.

A trace file says in comments what went wrong; then come the scenario, the steps and what was
violated. Everything after `  -- ` is for the reader. Since the fix, a step may not be possible any
more, or a pass may do something else: then the others are still made, nothing may be violated on
the way, and from the end a fair run must come to a good rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.model.disturbances import FAULTS
from tests.model.explore import DETAIL, World
from tests.model.rest import judge_rest
from tests.model.scenarios import SCENARIOS, WALKS

DIRECTORY: Final = Path(__file__).parent.parent / "traces"
# More than any trace needs: the budget bounds explorations, not replays.
ENOUGH: Final = 99


@dataclass(frozen=True, slots=True)
class Trace:
    """One file: its scenario, its steps and what was violated when it was found."""

    path: Path
    scenario: str
    steps: tuple[str, ...]
    violated: str


def load(path: Path) -> Trace:
    """Read a trace file."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    named = dict(line.split(": ", 1) for line in lines if re.match(r"(scenario|violated): ", line))
    steps = [found[1] for line in lines if (found := re.match(r" *\d+ (.*)", line))]
    bare = tuple(step.partition(DETAIL)[0] for step in steps)
    return Trace(path, named["scenario"], bare, named["violated"])


def load_all() -> list[Trace]:
    """Read every trace file, by name."""
    return [load(path) for path in sorted(DIRECTORY.glob("*.txt"))]


def replay(trace: Trace) -> str | None:
    """Return what the trace violates today; None if it is harmless now."""
    scenario = next(one for one in (*SCENARIOS, *WALKS) if one.name == trace.scenario)
    world = World(replace(scenario, faults=tuple(FAULTS)))
    state = world.start()._replace(faults=ENOUGH)
    for number, step in enumerate(trace.steps, 1):
        for edge in world.edges(state):
            if edge.violated is not None:
                return f"step {number}: {edge.label}: {edge.violated}"
            if edge.label == step:
                state = edge.following
                break
    try:
        return judge_rest(world.operator, world.settle(state))[1]
    except AssertionError as error:
        return str(error)

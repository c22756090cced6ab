"""Every way of a cluster whose certificates for clients come to be signed by others."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.model import reachable
from tests.model.issuer_world import IssuerStageWorld, World, judge

# What somebody without judgement might do in a world.
Temptations = Callable[[IssuerStageWorld, World], Iterator[World]]


def explore(
    stage: IssuerStageWorld, start: World, give_in: Temptations | None = None
) -> tuple[int, str]:
    """Look at everything that can be reached: how many states, and what is wrong with one."""

    def follow(world: World) -> Iterator[World]:
        yield from stage.follow(world)
        if give_in and world.turns:
            yield from give_in(stage, world)

    patient = give_in is None
    following, wrong = reachable.explore(
        start, follow, lambda one: judge(one, patient=patient) or stage.find_waste(one)
    )
    stuck = "" if wrong or give_in else reachable.find_stuck(following, stage.is_settled)
    return len(following), wrong or stuck

"""Every way of a cluster whose certificates for clients come to be signed by others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.model.ends import all_lead_to
from tests.model.issuer_world import IssuerStageWorld, World, judge

# What somebody without judgement might do in a world.
Temptations = Callable[[IssuerStageWorld, World], Iterator[World]]


def explore(
    stage: IssuerStageWorld, start: World, give_in: Temptations | None = None
) -> tuple[int, str]:
    """Look at everything that can be reached: how many states, and what is wrong with one."""
    known, ahead = {start: ""}, deque([start])
    following: dict[World, list[World]] = {}
    while ahead:
        world = ahead.popleft()
        following[world] = [one for one in stage.follow(world) if one != world]
        more = list(give_in(stage, world)) if give_in and world.turns else []
        for one in (*following[world], *more):
            if one not in known:
                if wrong := judge(one, patient=not give_in):
                    return len(known), wrong
                known[one] = ""
                ahead.append(one)
    return len(known), "" if give_in else find_stuck(stage, following)


def find_stuck(stage: IssuerStageWorld, following: Mapping[World, Sequence[World]]) -> str:
    """Say if the change would come to no good end, or never end, once the spec stays."""
    quiet = {
        world: [one for one in after if one.turns == world.turns]
        for world, after in following.items()
    }
    ends = {world for world, after in quiet.items() if not after}
    if not ends or not all(stage.is_settled(end) for end in ends):
        return "the change comes to no good end"
    return "" if all_lead_to(ends, quiet) else "the change may never end"

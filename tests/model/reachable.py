"""Everything that can be reached in a small world: what is wrong with it, and whether it ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from tests.model.certificate_passes import Turning
from tests.model.ends import all_lead_to

World = TypeVar("World", bound=Turning)
Follow = Callable[[World], Iterable[World]]


def explore(
    start: World, follow: Follow[World], judge: Callable[[World], str]
) -> tuple[dict[World, list[World]], str]:
    """Return every state with those that follow, and what is wrong with the first bad one."""
    known, ahead = {start}, deque([start])
    following: dict[World, list[World]] = {}
    while ahead:
        world = ahead.popleft()
        following[world] = [one for one in follow(world) if one != world]
        for one in following[world]:
            if one in known:
                continue
            if wrong := judge(one):
                return following, wrong
            known.add(one)
            ahead.append(one)
    return following, ""


def find_stuck(following: dict[World, list[World]], is_settled: Callable[[World], bool]) -> str:
    """Say if the change would come to no good end, or never end, once nobody changes their mind."""
    quiet = {
        world: [one for one in after if one.turns == world.turns]
        for world, after in following.items()
    }
    ends = {world for world, after in quiet.items() if not after}
    if not ends or not all(is_settled(end) for end in ends):
        return "the change comes to no good end"
    return "" if all_lead_to(ends, quiet) else "the change may never end"

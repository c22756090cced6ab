"""Ends of what was explored: whether each state leads to one of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

_State = TypeVar("_State")


def all_lead_to(ends: Iterable[_State], following: Mapping[_State, Sequence[_State]]) -> bool:
    """Whether from every state an end can be reached."""
    sources: dict[_State, list[_State]] = {}
    for state, after in following.items():
        for one in after:
            sources.setdefault(one, []).append(state)
    reached = set(ends)
    ahead = deque(reached)
    while ahead:
        for source in sources.get(ahead.popleft(), ()):
            if source not in reached:
                reached.add(source)
                ahead.append(source)
    return len(reached) == len(following)

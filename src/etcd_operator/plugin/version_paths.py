"""Versions of etcd that may follow those that members run, as the API server's rules have them."""

from __future__ import annotations

from collections.abc import Sequence

from etcd_operator.api.release import SAFE_FOR_36, STEPS_DOWN, Minor, Version


def list_followers(versions: Sequence[str]) -> list[str]:
    """Return what may follow, lowest first; none while no member says what it runs."""
    running = [ran.release for ran in map(Version, versions) if ran.release]
    if not running:
        return []
    lowest, highest = min(running), max(running)
    below = STEPS_DOWN.get(highest[:2])
    found = [_name(below)] if below and highest[:2] == lowest[:2] else []
    found.append(_name(lowest[:2]))
    following = (lowest[0], lowest[1] + 1)
    if following != (3, 6) or lowest >= SAFE_FOR_36:
        found.append(_name(following))
    return found


def _name(minor: Minor) -> str:
    return f"{Version.name_minor(minor)}.x"

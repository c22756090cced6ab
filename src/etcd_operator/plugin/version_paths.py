"""Versions of etcd that may follow those that members run, as the API server's rules have them."""

from __future__ import annotations

from collections.abc import Sequence

from etcd_operator.api.release import DOWN_FROM, DOWN_TO, SAFE_FOR_36, Minor, Version


def list_followers(versions: Sequence[str]) -> list[str]:
    """Return what may follow, lowest first; none while no member says what it runs."""
    running = [ran.release for ran in map(Version, versions) if ran.release]
    if not running:
        return []
    lowest, highest = min(running), max(running)
    found = [_name(DOWN_TO)] if highest[:2] == lowest[:2] == DOWN_FROM else []
    found.append(_name(lowest[:2]))
    following = (lowest[0], lowest[1] + 1)
    if following != (3, 6) or lowest >= SAFE_FOR_36:
        found.append(_name(following))
    return found


def _name(minor: Minor) -> str:
    return f"{minor[0]}.{minor[1]}.x"

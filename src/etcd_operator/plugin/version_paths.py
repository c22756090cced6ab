"""Versions of etcd that may follow those that members run, as the API server's rules have them."""

from __future__ import annotations

from collections.abc import Sequence

from etcd_operator.api.release import (
    STEPS_DOWN,
    TESTED_MINORS,
    TESTED_RELEASES,
    Minor,
    Release,
    Version,
)
from etcd_operator.core.rollout.upgrade_route import find_route


def list_followers(versions: Sequence[str], *, image: bool) -> list[str]:
    """Return what may follow, lowest first; none while no member says what it runs.

    The operator goes step by step to what is further than one minor version above, but not where
    the spec names an `image`, which is of one version.
    """
    running = _read(versions)
    if not running:
        return []
    lowest, highest = min(running), max(running)
    below, (major, minor) = STEPS_DOWN.get(highest[:2]), lowest[:2]
    found = [below] if below and highest[:2] == lowest[:2] else []
    found.append(lowest[:2])
    for number in range(minor + 1, max(minor + 1, TESTED_MINORS[-1][1]) + 1):
        known = () if image else TESTED_RELEASES
        if find_route(lowest, (major, number), known).missing is None:
            found.append((major, number))
    return [_name(each) for each in found]


def list_between(versions: Sequence[str], to: str) -> list[str]:
    """Return what members go through on the way to a version, the next one first."""
    running = _read(versions)
    route = find_route(min(running), Version(to).minor, TESTED_RELEASES) if running else None
    return [_name(release[:2]) for release in route.between] if route else []


def _read(versions: Sequence[str]) -> list[Release]:
    return [ran.release for ran in map(Version, versions) if ran.release]


def _name(minor: Minor) -> str:
    return f"{Version.name_minor(minor)}.x"

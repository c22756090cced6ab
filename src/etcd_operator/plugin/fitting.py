"""Views that fit a terminal: lists shortened, of what matters least first, and that is said."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from etcd_operator.json_types import Json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Render = Callable[[Any], "RenderableType"]

# Lists of a cluster's view in the order in which they are shortened, and to how many at least.
_ORDER: Final = (
    ("missing", 1),
    ("events", 2),
    ("certificates", 1),
    ("backups", 2),
    ("events", 0),
    ("certificates", 0),
    ("versionsThatMayFollow", 0),
    ("backups", 0),
    ("members", 3),
    ("members", 1),
)


def fit(view: Any, render: Render, console: Console) -> RenderableType:
    """Render a view of one cluster or of all in the lines that the terminal has.

    What of it cannot be shortened enough is cut by whoever draws it.
    """
    height = console.size.height

    def fits(one: Any) -> bool:
        return len(console.render_lines(render(one), pad=False)) <= height

    if fits(view):
        return render(view)
    shorten = _shorten_clusters if isinstance(view, list) else _shorten_cluster
    # To draw one takes time, and each is shorter than the one before.
    shorter = [*shorten(view, height)] or [view]
    return render(shorter[min(bisect_left(shorter, True, key=fits), len(shorter) - 1)])


def _shorten_clusters(rows: list[Json], height: int) -> Iterable[list[Json]]:
    """Yield lists of clusters with ever fewer of them: the worst come first, and stay."""
    for count in range(min(len(rows) - 1, height), 0, -1):
        yield [*rows[:count], {"more": len(rows) - count}]


def _shorten_cluster(view: Json, _: int) -> Iterable[Json]:
    """Yield views of a cluster with ever shorter lists."""
    counts = {key: len(view[key]) for key, _ in _ORDER}
    for key, least in _ORDER:
        while counts[key] > least:
            counts[key] -= 1
            lists = {name: _SELECT[name](view[name], count) for name, count in counts.items()}
            left = {name: len(view[name]) - count for name, count in counts.items()}
            yield {**view, **lists, "more": left}


def _keep_first(items: list[Any], count: int) -> list[Any]:
    return items[:count]


def _keep_latest(items: list[Json], count: int) -> list[Json]:
    return items[len(items) - count :]


def _keep_troubled(members: list[Json], count: int) -> list[Json]:
    """Return the members that are not well, then the leader, in their order."""

    def rank(each: Json) -> tuple[bool, bool]:
        return bool(each["ready"]) and not each["problem"], each["role"] != "leader"

    kept = sorted(members, key=rank)[:count]
    return [each for each in members if each in kept]


def _keep_failing(backups: list[Json], count: int) -> list[Json]:
    return sorted(backups, key=lambda each: each["phase"] != "Failed")[:count]


_SELECT: Final[dict[str, Callable[[list[Any], int], list[Any]]]] = {
    "missing": _keep_first,
    "versionsThatMayFollow": _keep_first,
    "events": _keep_latest,
    "certificates": _keep_first,
    "backups": _keep_failing,
    "members": _keep_troubled,
}

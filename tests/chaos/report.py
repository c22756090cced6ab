"""A run as a table, and as the file from which docs/reliability.md is made."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from pathlib import Path

from etcd_operator.json_types import Json
from tests.chaos.faults import FAULTS
from tests.chaos.plot import draw
from tests.chaos.run import Result, Strike


def summarise(strikes: list[Strike]) -> list[Json]:
    """One row per kind of fault, in the order of the list; seconds are median and worst."""
    rows = []
    for fault in FAULTS:
        ours = [strike for strike in strikes if strike.fault == fault.name]
        if not ours:
            continue
        well = [strike for strike in ours if not strike.failure]
        rows.append(
            {
                "fault": fault.name,
                "what": fault.what,
                "held": fault.hold,
                "sizes": sorted({strike.size for strike in ours}),
                "struck": len(ours),
                "survived": len(well),
                **_spread("gap", [strike.gap for strike in well]),
                **_spread("to_redundancy", [strike.to_redundancy for strike in well]),
            }
        )
    return rows


def _spread(name: str, values: list[float]) -> Json:
    if not values:
        return {name: None, f"{name}_worst": None}
    return {
        name: round(statistics.median(values), 2),
        f"{name}_worst": round(max(values), 2),
    }


def render(result: Result) -> Iterator[str]:
    """The table as lines of text."""
    yield ""
    yield f"{'fault':16} struck survived   longest gap in writes     until all members serve"
    for row in summarise(result.strikes):
        yield (
            f"{row['fault']:16} {row['struck']:6} {row['survived']:8}   "
            f"{_seconds(row, 'gap'):22}   {_seconds(row, 'to_redundancy')}"
        )
    for name, why in result.left_out.items():
        yield f"{name:16} left out: {why}"
    yield ""
    yield ", ".join(f"{number} {what}" for what, number in result.counts.items())
    for violation in result.violations[:20]:
        yield f"VIOLATION: {violation}"
    verdict = "violated" if result.violations else "linearizable, watches in order, nothing lost"
    yield f"history: {verdict}"


def _seconds(row: Json, name: str) -> str:
    if row[name] is None:
        return "-"
    return f"{row[name]:.1f} s (worst {row[f'{name}_worst']:.1f} s)"


def write(result: Result, facts: Json, directory: Path) -> list[Path]:
    """Write JSON and picture; returns their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    data, picture = directory / "results.json", directory / "timeline.svg"
    content = {**facts, **result.summary(), "faults": summarise(result.strikes)}
    data.write_text(json.dumps(content, indent=1) + "\n")
    caption = (
        f"etcd {result.version}, {result.nodes} node(s), seed {result.seed}: "
        f"{len(result.strikes)} faults, {result.counts['writes acknowledged']} writes "
        f"acknowledged, {result.counts['lost']} lost"
    )
    draw(result, caption, picture)
    return [data, picture]

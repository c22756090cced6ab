"""The results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.perf.samples import Cost, Sample, Side, Spread
from tests.perf.verdicts import RESIDENT_LIMIT, Verdict

HEAD = ("step", "etcd", "floor", "ours", "min-max", "ratio", "target", "met")
COST_HEAD = ("step", "etcd", "CPU", "first write", "requests", "by verb")


def render_results(verdicts: Iterable[Verdict]) -> str:
    """The table of all steps; times are seconds."""
    return align([HEAD, *(_result(verdict) for verdict in verdicts)])


def _result(verdict: Verdict) -> tuple[str, ...]:
    row = verdict.row
    return (
        row.step,
        row.version,
        _median(row.floor),
        _median(row.ours),
        f"{row.ours.low:.2f} - {row.ours.high:.2f}" if row.ours else "-",
        "-" if row.ratio is None else f"{row.ratio:.2f}",
        str(verdict.target or "-"),
        {True: "yes", False: "NO", None: "-"}[verdict.met],
    )


def _median(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    failed = f" ({spread.failures} of {spread.count} failed)" if spread.failures else ""
    return f"{spread.median:.2f}{failed}"


def render_costs(costs: Iterable[Cost]) -> str:
    """The table of what the steps cost the operator; times are milliseconds."""
    return align([COST_HEAD, *(_cost(cost) for cost in costs)])


def _cost(cost: Cost) -> tuple[str, ...]:
    reaction = cost.reaction_seconds
    return (
        cost.step,
        cost.version,
        f"{cost.cpu_seconds * 1e3:.0f}",
        "-" if reaction is None else f"{reaction * 1e3:.0f}",
        f"{sum(cost.requests.values()):g}",
        ", ".join(f"{verb} {count:g}" for verb, count in cost.requests.items() if count),
    )


def render_memory(resident: float | None) -> str:
    """The line about the operator's memory."""
    if resident is None:
        return "operator memory: not measured"
    met = "yes" if resident <= RESIDENT_LIMIT else "NO"
    limit = RESIDENT_LIMIT / 1e6
    return f"operator memory: {resident / 1e6:.1f} MB at most, target ≤ {limit:.0f} MB, met: {met}"


def render_timelines(samples: Iterable[Sample]) -> str:
    """What was seen on the way of each step of ours, in milliseconds after the request."""
    parts = []
    for sample in samples:
        if sample.side is Side.OURS and sample.moments:
            moments = sorted(sample.moments.items(), key=lambda item: item[1])
            lines = [f"  {seconds * 1e3:6.0f}  {what}" for what, seconds in moments]
            head = f"{sample.step}, {sample.version}, repetition {sample.repetition}"
            parts.append("\n".join([f"{head}, sent at {sample.began}", *lines]))
    return "\n".join(parts)


def align(rows: Sequence[Sequence[str]]) -> str:
    """Lay rows out in columns; what begins with a digit is a number and stands to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = []
    for number, row in enumerate(rows):
        cells = [
            cell.rjust(width) if cell[:1].isdigit() else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
        if number == 0:
            lines.append("  ".join("─" * width for width in widths))
    return "\n".join(lines)

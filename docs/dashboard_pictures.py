"""Pictures of the dashboards' panels, drawn from what a Prometheus answers to their queries.

`python -m docs.dashboard_pictures --url http://prometheus:9090 --namespace team --cluster db
--record` asks and keeps the answers in docs/results; without `--record` the recorded ones are
drawn again. Grafana is not needed: the queries, titles and units are those of its files.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx2
import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from deploy.dashboards import DASHBOARDS
from deploy.dashboards.board import RATE, Board, Panel, Query, Row, Unit

HERE: Final = Path(__file__).parent
RECORDED: Final = HERE / "results" / "dashboards.json"
STEP: Final = 5
WINDOW: Final = "30s"
# Grafana's columns, and the height of numbers beside that of curves.
GRID: Final = 24
LOW: Final = 0.5
MOST_SERIES: Final = 12
# Above the greatest value, so that a straight line is seen.
ROOM: Final = 1.08
_DIGITS: Final = 4
Json = dict[str, Any]
# By the query, the series: labels and values by seconds since the beginning.
Answers = Mapping[str, list[Json]]


def ask(url: str, chosen: Mapping[str, str], begin: float, end: float) -> Answers:
    """Return what Prometheus answers to every query between two times, in seconds of the epoch."""
    between: dict[str, float] = {"start": begin, "end": end, "step": STEP}
    answers: dict[str, list[Json]] = {}
    with httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:
        for expression in find_expressions():
            asked = expression
            for name, value in chosen.items():
                asked = asked.replace(name, value)
            answer = client.get("/api/v1/query_range", params={"query": asked, **between})
            answer.raise_for_status()
            answers[expression] = [
                {
                    "labels": series["metric"],
                    "values": [
                        [round(at - begin), float(f"{float(value):.{_DIGITS}g}")]
                        for at, value in series["values"]
                        if value not in ("NaN", "+Inf", "-Inf")
                    ],
                }
                for series in answer.json()["data"]["result"]
            ]
    return answers


def find_expressions() -> Iterator[str]:
    """Every query of every dashboard, and what is marked."""
    for board in DASHBOARDS:
        for panel in board.panels:
            yield from (query.expression for query in panel.queries)
        yield from (annotation.expression for annotation in board.annotations)


def draw(board: Board, answers: Answers, path: Path) -> None:
    """Write the panels of a dashboard, row by row."""
    lines = [
        (row.title if number == 0 else "", line)
        for row in board.rows
        for number, line in enumerate(break_lines(row))
    ]
    heights = [LOW if line[0].form == "number" else 1.0 for _, line in lines]
    # The same file for the same answers.
    with mpl.rc_context({"svg.hashsalt": board.uid, "svg.fonttype": "none", "font.size": 7}):
        figure = Figure(figsize=(12, 1.9 * sum(heights)), layout="constrained")
        parts = figure.subfigures(len(lines), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, (title, line) in zip(parts, lines, strict=True):
            if title:
                part.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=9)
            grid = part.add_gridspec(1, GRID)
            begin = 0
            for panel in line:
                place = part.add_subplot(grid[0, begin : begin + panel.width])
                _draw_panel(place, panel, board, answers)
                begin += panel.width
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)


def break_lines(row: Row) -> Iterator[list[Panel]]:
    """The panels of a row as they stand beside each other in Grafana."""
    line: list[Panel] = []
    for panel in row.panels:
        if sum(each.width for each in line) + panel.width > GRID:
            yield line
            line = []
        line.append(panel)
    yield line


def _draw_panel(place: Axes, panel: Panel, board: Board, answers: Answers) -> None:
    place.set_title(panel.title, loc="left", fontsize=7)
    found = [
        (query, series) for query in panel.queries for series in answers.get(query.expression, ())
    ]
    found = [(query, series) for query, series in found if series["values"]]
    if panel.form in ("number", "table"):
        last = find_last(answers)
        found = [(query, series) for query, series in found if series["values"][-1][0] == last]
    if not found:
        place.text(0.5, 0.5, "no data", ha="center", va="center", color="#7f7f7f")
        place.axis("off")
    elif panel.form in ("number", "table"):
        _write_values(place, panel, found)
    else:
        _draw_lines(place, panel, found)
        place.set_xlim(0, find_last(answers) / 60)  # as Grafana: the same time in every panel
        _mark(place, board, answers)


def _write_values(place: Axes, panel: Panel, found: list[tuple[Query, Json]]) -> None:
    """The newest values: as text, for there is no time in them."""
    lines = [
        name_series(query, series)
        if query.legend
        else FORMATS[panel.unit](float(series["values"][-1][1]))
        for query, series in found
    ]
    size = 7 if panel.form == "table" else 15
    place.text(0.02, 0.5, "\n".join(lines[:MOST_SERIES]), va="center", fontsize=size)
    place.axis("off")


def _draw_lines(place: Axes, panel: Panel, found: list[tuple[Query, Json]]) -> None:
    style = "steps-post" if panel.form == "steps" else "default"
    for query, series in found:
        times, values = zip(*break_gaps(series["values"]), strict=True)
        name = name_series(query, series)
        point = "." if len(times) == 1 else ""  # where there is no line to be seen
        place.plot(times, values, linewidth=0.9, drawstyle=style, label=name, marker=point)
    place.set_xlabel("minutes", fontsize=5, loc="right", labelpad=0)
    greatest = max(value for _, series in found for _, value in series["values"])
    place.set_ylim(0, greatest * ROOM if greatest > 0 else 1)
    place.yaxis.set_major_locator(FixedLocator(find_ticks(panel.unit, place.get_ylim()[1])))
    place.yaxis.set_major_formatter(FuncFormatter(lambda value, _: FORMATS[panel.unit](value)))
    place.grid(alpha=0.25, linewidth=0.5)
    handles, labels = place.get_legend_handles_labels()
    legend = place.legend(handles[:6], labels[:6], fontsize=5, frameon=False, loc="center left")
    legend.set_bbox_to_anchor((1.0, 0.5))  # beside the curves


def find_ticks(unit: Unit, top: float) -> list[float]:
    """The ticks from 0 to the top: round numbers of what the unit is then written in."""
    steps = {"s": _TIMES, "bytes": _BYTES, "Bps": _BYTES}.get(unit, ())
    size = next((size for size, _ in steps if top >= size), 1.0)
    ticks = MaxNLocator(nbins=5, steps=[1, 2, 5, 10], min_n_ticks=3).tick_values(0, top / size)
    return [float(tick) * size for tick in ticks if tick * size <= top]


def find_last(answers: Answers) -> float:
    """When the last of all answers was, in seconds since the beginning."""
    every = (each["values"] for series in answers.values() for each in series)
    return max((values[-1][0] for values in every if values), default=0)


def break_gaps(values: list[list[float]]) -> Iterator[tuple[float, float]]:
    """The values by minutes, without a line over times in which there was none."""
    before = values[0][0]
    for at, value in values:
        if at - before > 3 * STEP:
            yield (at - STEP) / 60, math.nan
        yield at / 60, value
        before = at


def _mark(place: Axes, board: Board, answers: Answers) -> None:
    """Colour when an annotation's expression held."""
    for annotation in board.annotations:
        for series in answers.get(annotation.expression, ()):
            for at, _ in series["values"]:
                place.axvspan(
                    at / 60, (at + STEP) / 60, color=annotation.color, alpha=0.06, linewidth=0
                )


def name_series(query: Query, series: Json) -> str:
    """The legend of a series, with its labels."""
    name = query.legend
    for label, value in series["labels"].items():
        name = name.replace(f"{{{{{label}}}}}", value)
    name = re.sub(r"\{\{\w+\}\}", "", name)  # an empty label is none
    return name or ", ".join(str(value) for value in series["labels"].values())


def _format_scaled(steps: tuple[tuple[float, str], ...]) -> Callable[[float], str]:
    def write(value: float) -> str:
        for size, unit in steps:
            if abs(value) >= size:
                return f"{value / size:.3g} {unit}"
        return f"{value:.3g}"

    return write


_TIMES: Final = (
    (86400.0, "d"),
    (3600.0, "h"),
    (60.0, "min"),
    (1.0, "s"),
    (1e-3, "ms"),
    (1e-6, "µs"),
)
_BYTES: Final = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
FORMATS: Final[Mapping[Unit, Callable[[float], str]]] = {
    "short": lambda value: f"{value:.4g}",
    "s": _format_scaled(_TIMES),
    "bytes": _format_scaled(_BYTES),
    "Bps": _format_scaled(tuple((size, f"{unit}/s") for size, unit in _BYTES)),
    "ops": lambda value: f"{value:.3g}/s",
    "percentunit": lambda value: f"{value * 100:.3g} %",
}


def find_unanswered(answers: Answers) -> list[str]:
    """The panels of which no query had an answer."""
    return [
        f"{board.uid}: {panel.title}"
        for board in DASHBOARDS
        for panel in board.panels
        if not any(answers.get(query.expression) for query in panel.queries)
    ]


def main(words: list[str]) -> int:
    """Ask if told to, and draw."""
    parser = argparse.ArgumentParser(prog="python -m docs.dashboard_pictures", description=__doc__)
    parser.add_argument("--record", action="store_true", help="ask, and keep the answers")
    parser.add_argument("--url", default="http://127.0.0.1:9090", help="address of Prometheus")
    parser.add_argument("--namespace", default="default", help="namespace of the cluster")
    parser.add_argument("--cluster", default="db", help="name of the cluster")
    parser.add_argument("--minutes", type=float, default=10, help="how far back")
    parser.add_argument("--before", type=float, default=0, help="seconds since the last answer")
    options = parser.parse_args(words)
    if options.record:
        chosen = {
            "$namespace": options.namespace,
            "$cluster": options.cluster,
            RATE: WINDOW,
        }
        end = time.time() - options.before
        answers = ask(options.url, chosen, end - options.minutes * 60, end)
        RECORDED.write_text(json.dumps(answers, separators=(",", ":"), sort_keys=True) + "\n")
    answers = json.loads(RECORDED.read_text())
    for board in DASHBOARDS:
        path = RECORDED.parent / f"{board.uid}.svg"
        draw(board, answers, path)
        sys.stdout.write(f"wrote {path.relative_to(HERE.parent)}\n")
    for panel in find_unanswered(answers):
        sys.stdout.write(f"without an answer: {panel}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

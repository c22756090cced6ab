"""Dashboard as a value: rows of panels, each with its unit and its queries.

What Grafana reads is made of it, and so are the tests of every query and the pictures in the
documents. Both replicas of the operator are scraped: a query about a cluster takes the maximum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

# How Grafana calls units: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts
Unit = Literal["short", "s", "bytes", "Bps", "ops", "percentunit"]
Form = Literal["lines", "steps", "number", "table"]
# Grafana puts in a window that has at least four scrapes.
RATE: Final = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL, and how the legend names each of its series, by their labels."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture of a dashboard; `width` is in parts of 24."""

    title: str
    unit: Unit
    queries: tuple[Query, ...]
    form: Form = "lines"
    width: int = 8
    description: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels below one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Variable:
    """What a reader chooses by: the values of a label."""

    name: str
    query: str
    several: bool = False


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is marked in every panel while its expression holds; `title` names it by labels."""

    name: str
    expression: str
    title: str
    color: str


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard; `uid` is its address in Grafana."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    annotations: tuple[Annotation, ...] = ()

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels of all rows."""
        return tuple(panel for row in self.rows for panel in row.panels)


def number(title: str, unit: Unit, expression: str, legend: str = "", width: int = 4) -> Panel:
    """A panel that shows the newest value alone."""
    return Panel(title, unit, (Query(expression, legend),), "number", width)


def lines(title: str, unit: Unit, *queries: Query, description: str = "") -> Panel:
    """A panel that shows values over time."""
    return Panel(title, unit, queries, description=description)


def quantile(histogram: str, selector: str, by: str, share: float = 0.99) -> str:
    """The quantile of a histogram, by these labels."""
    rate = f"sum by ({by}, le) (rate({histogram}_bucket{{{selector}}}[{RATE}]))"
    return f"histogram_quantile({share}, {rate})"

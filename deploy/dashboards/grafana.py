"""Dashboards as the JSON that Grafana imports, made with Grafana's own SDK."""

from __future__ import annotations

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueTextMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DataTransformerConfig,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.dashboards.board import Annotation, Board, Panel, Query, Variable

# The reader chooses which Prometheus: nothing of an installation stands in the files.
SOURCE: Final = "datasource"
HEIGHT: Final = 7
NUMBER_HEIGHT: Final = 4
_PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid=f"${{{SOURCE}}}")


def build(board: Board) -> dict[str, Any]:
    """Return a dashboard as Grafana reads it."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags(["etcd", "etcd-operator"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-3h", "now")
        .with_variable(dashboard.DatasourceVariable(SOURCE).label("Prometheus").type("prometheus"))
    )
    for variable in board.variables:
        made = made.with_variable(_build_variable(variable))
    for annotation in board.annotations:
        made = made.annotation(_build_annotation(annotation))
    for row in board.rows:
        made = made.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            made = made.with_panel(_build_panel(panel))
    document: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(made.build()))
    _entitle(document, board)
    return document


def _entitle(document: dict[str, Any], board: Board) -> None:
    """Let annotations say what they mark: a field of Prometheus' plugin, which the SDK lacks."""
    titles = {annotation.name: annotation.title for annotation in board.annotations}
    for annotation in document.get("annotations", {}).get("list", ()):
        annotation["titleFormat"] = titles[annotation["name"]]


def _build_variable(variable: Variable) -> dashboard.QueryVariable:
    made = (
        dashboard.QueryVariable(variable.name)
        .label(variable.name.capitalize())
        .datasource(_PROMETHEUS)
        .query(variable.query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )
    return made.multi(multi=True).include_all(include_all=True) if variable.several else made


def _build_annotation(annotation: Annotation) -> dashboard.AnnotationQuery:
    return (
        dashboard.AnnotationQuery()
        .name(annotation.name)
        .datasource(_PROMETHEUS)
        .enable(enable=True)
        .expr(annotation.expression)
        .icon_color(annotation.color)
    )


def _build_panel(panel: Panel) -> timeseries.Panel | stat.Panel | table.Panel:
    made: timeseries.Panel | stat.Panel | table.Panel
    match panel.form:
        case "number":
            made = _build_number(panel)
        case "table":
            made = _build_table()
        case _:
            made = _build_lines(panel)
    made = (
        made.title(panel.title)
        .unit(panel.unit)
        .datasource(_PROMETHEUS)
        .span(panel.width)
        .height(NUMBER_HEIGHT if panel.form == "number" else HEIGHT)
    )
    if panel.description:
        made = made.description(panel.description)
    for number, query in enumerate(panel.queries):
        made = made.with_target(_build_query(query, panel, chr(ord("A") + number)))
    return made


def _build_lines(panel: Panel) -> timeseries.Panel:
    legend = (
        VizLegendOptions()
        .show_legend(show_legend=True)
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.BOTTOM)
    )
    steps = panel.form == "steps"
    return (
        timeseries.Panel()
        .legend(legend)
        .min(0)
        .line_width(1)
        .fill_opacity(10)
        .line_interpolation(LineInterpolation.STEP_AFTER if steps else LineInterpolation.LINEAR)
    )


def _build_number(panel: Panel) -> stat.Panel:
    """A series that has a legend is shown by it: what counts is which, not how much."""
    named = any(query.legend for query in panel.queries)
    return (
        stat.Panel()
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .text_mode(BigValueTextMode.NAME if named else BigValueTextMode.VALUE)
    )


def _build_table() -> table.Panel:
    """Labels alone: the time is now, and the value is that there is such a series."""
    without = {"excludeByName": {"Time": True, "Value": True}}
    return table.Panel().with_transformation(
        DataTransformerConfig(id_val="organize", options=without)
    )


def _build_query(query: Query, panel: Panel, name: str) -> prometheus.Dataquery:
    made = (
        prometheus.Dataquery()
        .datasource(_PROMETHEUS)
        .expr(query.expression)
        .legend_format(query.legend or "__auto")
        .ref_id(name)
    )
    if panel.form == "table":
        return made.instant().format(PromQueryFormat.TABLE)
    return made.instant() if panel.form == "number" else made.range()


def write(board: Board) -> str:
    """Return the file of a dashboard."""
    return json.dumps(build(board), indent=2, sort_keys=True) + "\n"

"""The dashboards: every query asks for what exists, in the unit that its panel shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families

from deploy.dashboards import DASHBOARDS
from deploy.dashboards.board import Board, Panel, Query
from deploy.dashboards.grafana import build
from tests.builders import scrapes
from tests.monitoring.promql import choose, find_labels, find_metrics, find_unit
from tests.monitoring.records import MINORS, read_record

# The shipped scrape configurations give every series of a member or an operator these.
FROM_SCRAPING: Final = frozenset({"namespace", "cluster", "pod", "instance"})
KUBELET: Final = frozenset({"namespace", "persistentvolumeclaim"})
OF_OTHERS: Final = {
    "ALERTS": frozenset({"alertname", "alertstate", "severity"}),
    "kubelet_volume_stats_available_bytes": KUBELET,
    "kubelet_volume_stats_capacity_bytes": KUBELET,
}


def own_series() -> dict[str, frozenset[str]]:
    """The labels of the operator's series, by name."""
    found: dict[str, frozenset[str]] = {}
    for family in text_string_to_metric_families(scrapes.build(clusters=1).expose().decode()):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, frozenset()) | frozenset(sample.labels)
    return found


KNOWN: Final = [{**own_series(), **OF_OTHERS, **read_record(minor)} for minor in MINORS]


def queries_of(board: Board) -> Iterator[tuple[Panel, Query]]:
    """Every query of every panel."""
    for panel in board.panels:
        for query in panel.queries:
            yield panel, query


each_board: Final = pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.uid)


@each_board
@pytest.mark.parametrize("known", KNOWN, ids=MINORS)
def test_a_query_asks_for_what_exists(board: Board, known: dict[str, frozenset[str]]) -> None:
    for panel, query in queries_of(board):
        metrics = find_metrics(choose(query.expression))
        assert metrics, panel.title
        assert metrics <= known.keys(), panel.title
        labels = frozenset().union(*(known[name] for name in metrics)) | FROM_SCRAPING
        assert find_labels(query.expression) <= labels, panel.title


@each_board
def test_a_panel_has_the_unit_of_its_answers(board: Board) -> None:
    for panel, query in queries_of(board):
        assert find_unit(choose(query.expression)) == panel.unit, panel.title


@each_board
def test_a_legend_names_labels_that_the_answer_has(board: Board) -> None:
    for panel, query in queries_of(board):
        named = set(find_legend(query.legend))
        assert named <= find_labels(query.expression) | FROM_SCRAPING, panel.title


def find_legend(legend: str) -> list[str]:
    """The labels that a legend names."""
    return [part.split("}}")[0] for part in legend.split("{{")[1:]]


@each_board
def test_variables_are_chosen_from_what_exists_and_all_are_used(board: Board) -> None:
    named = {variable.name for variable in board.variables}
    text = " ".join(query.expression for panel in board.panels for query in panel.queries)
    assert all(f"${name}" in text for name in named)
    for variable in board.variables:
        metric = variable.query.removeprefix("label_values(").split("{")[0].split(",")[0]
        assert variable.name in own_series()[metric]


@each_board
def test_annotations_ask_for_what_exists_and_are_named_by_it(board: Board) -> None:
    for annotation in board.annotations:
        assert find_metrics(choose(annotation.expression)) <= own_series().keys()
        assert set(find_legend(annotation.title)) <= find_labels(annotation.expression)


@each_board
def test_series_of_clusters_are_aggregated_over_the_replicas(board: Board) -> None:
    """Both replicas are scraped: a sum or a count over bare series would be twice too large."""
    expressions = [query.expression for panel in board.panels for query in panel.queries]
    for expression in expressions:
        for part in expression.split("etcd_operator_cluster_")[:-1]:
            assert part.endswith(") ("), expression
            assert part.rpartition(" by (")[0].endswith(("max", "min")), expression


@each_board
def test_the_file_is_of_the_schema_of_the_sdk(board: Board) -> None:
    document = build(board)
    for annotation in document.get("annotations", {}).get("list", ()):
        assert annotation.pop("titleFormat")
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(document)))
    assert again == document


@each_board
def test_panels_have_a_place_of_their_own(board: Board) -> None:
    taken: set[tuple[int, int]] = set()
    panels = build(board)["panels"]
    assert len(panels) == len(board.panels) + len(board.rows)
    for panel in panels:
        cells = set(cells_of(panel["gridPos"]))
        assert not cells & taken, panel["title"]
        taken |= cells


def cells_of(place: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """The cells of the grid that a panel covers."""
    x, y = place.get("x", 0), place.get("y", 0)
    for column in range(x, x + place["w"]):
        for line in range(y, y + place["h"]):
            assert column < 24
            yield column, line

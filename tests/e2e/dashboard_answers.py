"""Answers of a real Prometheus to every query of the dashboards, and whether they make sense."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Final

import httpx2

from deploy.dashboards import DASHBOARDS, ONE_CLUSTER
from deploy.dashboards.board import RATE, Panel, Query, Unit
from docs.dashboard_pictures import RECORDED, WINDOW, Answers, ask
from etcd_operator.json_types import Json

# Panels about what a cluster in good health has not: an alert that fires, an action that a guard
# refused, a condition that is true and should not be.
MAY_BE_EMPTY: Final = ("ALERTS{", "etcd_operator_vetoes_total", 'status="True",condition=~')
PATIENCE: Final = 90
YEAR: Final = 365 * 86400.0
# The least and the greatest that a value can reasonably be. While a cluster forms, fewer voters
# than none may fail; a backup that has not ended has no size. Authorities last for ten years.
BOUNDS: Final[dict[Unit, tuple[float, float]]] = {
    "short": (-2, 1e6),
    "s": (0, 11 * YEAR),
    "bytes": (0, 2**40),
    "Bps": (0, 2**30),
    "ops": (0, 1e5),
    "percentunit": (0, 1),
}


def wait_answered(
    url: str, namespace: str, cluster: str, begun: float, use: Callable[[], None]
) -> Answers:
    """Use the cluster and ask, until every query that must have an answer has one, since a time.

    A rate needs a scrape before its counter rises and one after it: what fell between two scrapes
    is caused once more. etcd measures the way to its peers every 30 s.
    """
    chosen = {"$namespace": namespace, "$cluster": cluster, RATE: WINDOW}
    deadline = time.monotonic() + PATIENCE
    while True:
        use()
        answers = ask(url, chosen, begun, time.time())
        missing = list(_find_unanswered(answers))
        if not missing:
            return answers
        assert time.monotonic() < deadline, f"without an answer: {missing}"


def _find_unanswered(answers: Answers) -> Iterator[str]:
    for panel, query in _queries():
        values = [value for series in answers[query.expression] for _, value in series["values"]]
        if not values and not any(part in query.expression for part in MAY_BE_EMPTY):
            yield f"{panel.title}: {query.expression}"


def _queries() -> Iterator[tuple[Panel, Query]]:
    for board in DASHBOARDS:
        for panel in board.panels:
            for query in panel.queries:
                yield panel, query


def assert_units(answers: Answers) -> None:
    """Every value can be one of the panel's unit, and a legend has all its labels once known."""
    for panel, query in _queries():
        least, most = BOUNDS[panel.unit]
        for series in answers[query.expression]:
            wrong = [value for _, value in series["values"] if not least <= value <= most]
            assert not wrong, f"{panel.title}: {wrong} in {panel.unit}: {query.expression}"
        named = {part.split("}}")[0] for part in query.legend.split("{{")[1:]}
        found = [series["labels"].keys() for series in answers[query.expression]]
        assert not found or any(named <= labels for labels in found), f"{panel.title}: {named}"


def assert_numbers(answers: Answers, status: Json) -> None:
    """What the status says, the panels with one number say."""
    shown = {
        panel.title: answers[panel.queries[0].expression]
        for panel in ONE_CLUSTER.panels
        if panel.form == "number"
    }
    assert _newest(shown["Members ready"]) == status["readyReplicas"]
    assert _newest(shown["Voters that may fail"]) == (len(status["members"]) - 1) // 2
    assert _find_newest(shown["Phase"])["labels"]["phase"] == status["phase"]
    (leader,) = (each["name"] for each in status["members"] if each["role"] == "leader")
    assert _find_newest(shown["Leader"])["labels"]["pod"] == leader
    assert 0 < _newest(shown["Quota that is used"]) < 0.01


def _find_newest(found: list[Json]) -> Json:
    return max(found, key=lambda series: float(series["values"][-1][0]))


def _newest(found: list[Json]) -> float:
    return float(_find_newest(found)["values"][-1][1])


def assert_variables(url: str, namespace: str, cluster: str) -> None:
    """Each variable offers what is there: Grafana asks for the values of a label of series."""
    with httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:
        for board in DASHBOARDS:
            for variable in board.variables:
                series, _, label = variable.query.removeprefix("label_values(").rpartition(", ")
                asked = series.replace("$namespace", namespace)
                answer = client.get(
                    f"/api/v1/label/{label.removesuffix(')')}/values", params={"match[]": asked}
                )
                answer.raise_for_status()
                wanted = {"namespace": namespace, "cluster": cluster}[variable.name]
                assert wanted in answer.json()["data"], variable.query


def record(answers: Answers) -> None:
    """Keep the answers for the pictures in the documents."""
    RECORDED.write_text(json.dumps(answers, separators=(",", ":"), sort_keys=True) + "\n")

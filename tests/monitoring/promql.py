"""What a query asks for: its metrics, its labels, and the unit of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from deploy.dashboards.board import RATE, Unit

# What a reader has chosen, where Prometheus is asked without Grafana.
CHOSEN: Final = {"$namespace": "team", "$cluster": "db", RATE: "5m"}
_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "and bool by group_left group_right ignoring offset on or unless without "
        "absent avg changes count floor histogram_quantile increase label_replace max min "
        "predict_linear rate sum time topk vector",
    )
)
_TEXTS: Final = re.compile(r'"[^"]*"')
_LABELS: Final = re.compile(r"\b(?:by|on|ignoring|without) \(([^)]*)\)")
_SELECTED: Final = re.compile(r"\{([^}]*)\}")
_WINDOW: Final = re.compile(r"\[[^\]]*\]")


def choose(expression: str, chosen: dict[str, str] = CHOSEN) -> str:
    """Return the query with Grafana's variables put in."""
    for name, value in chosen.items():
        expression = expression.replace(name, value)
    return expression


def find_metrics(expression: str) -> frozenset[str]:
    """Return the names of the series that a query reads."""
    bare = _TEXTS.sub("", expression)
    for pattern in (_SELECTED, _LABELS, _WINDOW):
        bare = pattern.sub(" ", bare)
    return frozenset(re.findall(r"\b[A-Za-z_]\w*", bare)) - _WORDS


def find_labels(expression: str) -> frozenset[str]:
    """Return the labels that a query selects or groups by."""
    bare = _TEXTS.sub("", expression)
    selected = re.findall(r"(\w+)(?:=~|!~|!=|=)", " ".join(_SELECTED.findall(bare)))
    grouped = (re.findall(r"\w+", names) for names in _LABELS.findall(bare))
    return frozenset([*selected, *(label for names in grouped for label in names)])


def find_unit(expression: str) -> Unit:
    """Return the unit of the answer, by the suffixes that metrics have in Prometheus."""
    metrics = sorted(find_metrics(expression))
    if re.search(r"/ (?![0-9])", expression):  # by a metric, of the same unit
        return "percentunit"
    if "rate(" in expression and "histogram_quantile" not in expression:
        (unit,) = set(_find_rates(metrics))
        return unit
    if any(name.endswith(("_seconds", "_seconds_bucket")) for name in metrics):
        return "s"
    return "bytes" if any(name.endswith("_bytes") for name in metrics) else "short"


def _find_rates(metrics: list[str]) -> Iterator[Unit]:
    for name in metrics:
        if name.endswith("_bytes_total"):
            yield "Bps"
        else:
            # Seconds of CPU in a second are processors.
            yield "short" if name.endswith("_seconds_total") else "ops"

"""The page about the values of the charts, from their models."""

from __future__ import annotations

import json
from typing import Final

from deploy.charts.operator_values import OperatorValues
from deploy.charts.values_file import ChartValues, list_values

INTRODUCTION: Final = """\
# Values of the Helm charts

How to install with them: [install](../how-to/install.md). A value that is not listed here, or is of
another type, is refused by the chart's schema, which names it.
"""
HEAD: Final = "| Value | Default | Description |\n|---|---|---|"


def write_chart_values() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *_write_chart("etcd-operator", OperatorValues)])


def _write_chart(name: str, values: type[ChartValues]) -> list[str]:
    rows = [
        f"| `{path}` | `{json.dumps(default)}` | {description} |"
        for path, default, description in list_values(values)
    ]
    return [f"## {name}", "", HEAD, *rows, ""]

"""The page about the values of the charts, from their models."""

from __future__ import annotations

import json
from typing import Final

from deploy.charts.cluster_values import ClusterValues
from deploy.charts.operator_values import OperatorValues
from deploy.charts.values_file import ChartValues, list_values, read_extra

INTRODUCTION: Final = """\
# Values of the Helm charts

How to install with them: [install](../how-to/install.md). A value that is not listed here, or is of
another type, is refused by the chart's schema, which names it.
"""
HEAD: Final = "| Value | Default | Description |\n|---|---|---|"


MOVED: Final = """\
The values are those of Bitnami's etcd chart, as far as they have a meaning. The last column is the
field of the EtcdCluster that a value becomes, below `spec` unless it says otherwise.
"""
REFUSED: Final = """\
These values of Bitnami's chart are refused, with a sentence that says what to do in their place. A
value that is in neither table is refused by the schema.
"""


def write_chart_values() -> str:
    """Return the page."""
    return "\n".join(
        [INTRODUCTION, *_write_chart("etcd-operator", OperatorValues), *_write_cluster_chart()]
    )


def _write_chart(name: str, values: type[ChartValues]) -> list[str]:
    rows = [
        f"| `{path}` | `{json.dumps(default)}` | {field.description} |"
        for path, default, field in list_values(values)
    ]
    return [f"## {name}", "", HEAD, *rows, ""]


def _write_cluster_chart() -> list[str]:
    found = list(list_values(ClusterValues))
    taken = [
        f"| `{path}` | `{json.dumps(default)}` | {field.description} | `{target}` |"
        for path, default, field in found
        if (target := read_extra(field, "becomes"))
    ]
    refused = [
        f"| `{path}` | {field.description} |"
        for path, _, field in found
        if read_extra(field, "refused")
    ]
    head = "| Value | Default | Description | Becomes |\n|---|---|---|---|"
    without = "| Value of Bitnami | In its place |\n|---|---|"
    return ["## etcd-cluster", "", MOVED, head, *taken, "", REFUSED, without, *refused, ""]

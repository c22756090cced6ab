"""Generated files of the chart `etcd-cluster`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from deploy.charts.cluster_values import ClusterValues
from deploy.charts.metadata import describe_chart
from deploy.charts.values_file import list_values, read_extra, render_schema, render_values

CHART: Final = "etcd-cluster"


def build_cluster_chart(dump: Callable[[Any], str]) -> dict[Path, str]:
    """Return the text of each generated file by its path in the chart; `dump` writes YAML."""
    refused = {
        path: field.description
        for path, _, field in list_values(ClusterValues)
        if read_extra(field, "refused")
    }
    return {
        Path("Chart.yaml"): dump(describe_chart(CHART)),
        Path("values.yaml"): render_values(ClusterValues),
        Path("values.schema.json"): render_schema(ClusterValues, f"Values of {CHART}"),
        Path("files/refused.yaml"): dump(refused),
    }

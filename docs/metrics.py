"""The page about the operator's metrics, from the registry that serves them."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from deploy.manifests import PORT
from etcd_operator.runtime.process.metrics import Metrics

INTRODUCTION: Final = f"""\
# Metrics

The operator serves these at `/metrics` on port {PORT}, in the text format of Prometheus, together
with the usual `process_*` and `python_*` metrics. Its Pods carry the annotations
`prometheus.io/scrape` and `prometheus.io/port`.

Both replicas serve metrics; only the one whose `etcd_operator_leading` is 1 makes passes, and only
its figures about clusters are current. The members of a cluster serve etcd's own metrics over
plain HTTP on port 2381 of their Pods.

| Metric | Type | Labels | Meaning |
|---|---|---|---|
"""


def write_metrics() -> str:
    """Return the page."""
    rows = []
    for metric in vars(Metrics()).values():
        if isinstance(metric, MetricWrapperBase):
            described = next(iter(metric.describe()))
            name = described.name + ("_total" if isinstance(metric, Counter) else "")
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            cells = (f"`{name}`", described.type, labels, described.documentation)
            rows.append(f"| {' | '.join(cells)} |\n")
    return INTRODUCTION + "".join(rows)

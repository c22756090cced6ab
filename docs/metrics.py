"""The page about the operator's metrics, from the registry that serves them."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase

from deploy.manifests import PORT
from etcd_operator.runtime.process.cluster_series import CLUSTER, FAMILIES
from etcd_operator.runtime.process.metrics import Metrics
from etcd_operator.runtime.process.task_series import BACKUP_FAMILIES, RESTORE_FAMILIES, TASK

# tests/unit/runtime/process/test_metrics.py counts them.
SERIES_OF_THREE: Final = 50

INTRODUCTION: Final = """\
# Metrics

The operator serves these at `/metrics` on port {port}, in the text format of Prometheus, together
with the usual `process_*` and `python_*` metrics. Its Pods carry the annotations
`prometheus.io/scrape` and `prometheus.io/port`.

All replicas serve metrics; only one whose `etcd_operator_leading` is 1 makes passes, and it alone
has series about the clusters of the shards that it holds. When a Lease goes to another replica,
both may have them for one scrape interval: use `max by (namespace, cluster)` in your own rules, as
[the alerts that are shipped](../monitoring.md) do. The members of a cluster serve etcd's own
metrics over plain HTTP on port 2381 of their Pods, and where the spec says so [with
TLS](../monitoring.md).

A scrape of 500 clusters of three is 2.7 MiB and takes about 20 ms of CPU: `make bench-scrape`
measures it. A cluster of three members with TLS and backups has about {cardinality} series, which
go when it is deleted. Their number does not grow with time: the labels `reason`, `role`, `version`
and `node` replace each other.

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
    tasks = (*BACKUP_FAMILIES, *RESTORE_FAMILIES)
    for names, families in ((CLUSTER, FAMILIES), (TASK, tasks)):
        for family in families:
            labels = ", ".join(f"`{label}`" for label in (*names, *family.labels))
            rows.append(f"| `{family.metric}` | gauge | {labels} | {family.text} |\n")
    return INTRODUCTION.format(port=PORT, cardinality=SERIES_OF_THREE) + "".join(rows)

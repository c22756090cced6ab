"""Metrics of the operator itself, of each cluster, and of each backup and restore."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from etcd_operator import __version__
from etcd_operator.runtime.process.cluster_series import ClusterSeries
from etcd_operator.runtime.process.series import ObjectSeries
from etcd_operator.runtime.process.task_series import BACKUP_FAMILIES, RESTORE_FAMILIES, TASK

_PASS_SECONDS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
_WAIT_SECONDS: Final = (0.001, 0.01, 0.1, 1, 3, 10, 30, 100)


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.api_requests = self._count(
            "kubernetes_requests",
            "Requests to the Kubernetes API; code 0 means no answer.",
            "verb",
            "resource",
            "code",
        )
        self.passes = self._count("passes", "Passes over a cluster by result.", "result")
        self.pass_seconds = Histogram(
            "etcd_operator_pass_seconds",
            "Duration of a pass.",
            buckets=_PASS_SECONDS,
            registry=self.registry,
        )
        self.actions = self._count(
            "actions",
            "Actions by kind and result: done, vetoed by a guard, refused by etcd, failed.",
            "action",
            "result",
        )
        self.vetoes = self._count(
            "vetoes", "Actions that a guard found unsafe, by guard and kind.", "guard", "action"
        )
        self.leading = self._gauge("leading", "Whether this replica acts: it holds a shard.")
        self.shard_held = self._gauge(
            "shard_held", "Whether this replica holds the Lease of the shard.", "shard"
        )
        self._describe_queue()
        self.build = self._gauge("build_info", "1, with the version of the operator.", "version")
        self.build.labels(__version__).set(1)
        self.clusters = ClusterSeries()
        self.backups = ObjectSeries(BACKUP_FAMILIES, TASK)
        self.restores = ObjectSeries(RESTORE_FAMILIES, TASK)

    def _describe_queue(self) -> None:
        self.queued = self._gauge(
            "queued_passes", "Objects that wait for a pass now, by kind.", "kind"
        )
        self.queue_oldest = self._gauge(
            "queue_oldest_wait_seconds", "How long the first of them has waited.", "kind"
        )
        self.queue_wait = Histogram(
            "etcd_operator_queue_wait_seconds",
            "How long an object waited for a worker, by kind.",
            ("kind",),
            buckets=_WAIT_SECONDS,
            registry=self.registry,
        )

    def _count(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"etcd_operator_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"etcd_operator_{name}", text, labels, registry=self.registry)

    def series_of(self, kind: str) -> ObjectSeries:
        """The series of all objects of a kind."""
        tasks = {"EtcdBackup": self.backups, "EtcdRestore": self.restores}
        return tasks.get(kind, self.clusters)

    def show_shards(self, count: int, held: Collection[int] = ()) -> None:
        """Show which of `count` shards this replica holds."""
        self.leading.set(bool(held))
        for shard in range(count):
            self.shard_held.labels(str(shard)).set(shard in held)

    def count_request(self, verb: str, resource: str, code: int) -> None:
        """Count one request to the Kubernetes API."""
        self.api_requests.labels(verb, resource, str(code)).inc()

    def expose(self) -> bytes:
        """Return everything in Prometheus' text format."""
        objects = (self.clusters, self.backups, self.restores)
        text = "".join(series.expose() for series in objects)
        return generate_latest(self.registry) + text.encode()

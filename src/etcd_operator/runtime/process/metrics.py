"""Metrics of the operator itself and of each cluster."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from etcd_operator import __version__
from etcd_operator.api.backup import EtcdBackupStatus
from etcd_operator.api.parse import parse_time
from etcd_operator.runtime.process.cluster_series import ClusterSeries

_BACKUP = ("namespace", "name", "cluster")
_PASS_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.api_requests = Counter(
            "etcd_operator_kubernetes_requests",
            "Requests to the Kubernetes API; code 0 means no answer.",
            ("verb", "resource", "code"),
            registry=registry,
        )
        self.passes = Counter(
            "etcd_operator_passes",
            "Passes over a cluster by result.",
            ("result",),
            registry=registry,
        )
        self.pass_seconds = Histogram(
            "etcd_operator_pass_seconds",
            "Duration of a pass.",
            buckets=_PASS_SECONDS,
            registry=registry,
        )
        self.actions = Counter(
            "etcd_operator_actions",
            "Actions by kind and result: done, vetoed by a guard, refused by etcd, failed.",
            ("action", "result"),
            registry=registry,
        )
        self.leading = Gauge(
            "etcd_operator_leading", "Whether this replica acts.", registry=registry
        )
        self._describe_process(registry)
        self._describe_backups(registry)
        self.clusters = ClusterSeries()

    def _describe_process(self, registry: CollectorRegistry) -> None:
        self.queued = Gauge(
            "etcd_operator_queued_passes",
            "Objects that wait for a pass now, by kind.",
            ("kind",),
            registry=registry,
        )
        self.build = Gauge(
            "etcd_operator_build_info",
            "1, with the version of the operator.",
            ("version",),
            registry=registry,
        )
        self.build.labels(__version__).set(1)

    def _describe_backups(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"etcd_operator_backup_{name}", text, _BACKUP, registry=registry)

        self.backup_time = gauge(
            "last_success_timestamp_seconds", "When the last good backup of an EtcdBackup ended."
        )
        self.backup_next = gauge(
            "next_timestamp_seconds", "When the next one is due; 0 without a schedule."
        )
        self.backup_size = gauge("size_bytes", "Size of the last good backup in the store.")
        self.backup_duration = gauge("duration_seconds", "How long the last good backup took.")
        self.backup_failures = gauge(
            "consecutive_failures", "Tries that failed since the last good backup."
        )

    def _backup_gauges(self) -> tuple[Gauge, ...]:
        return (
            self.backup_time,
            self.backup_next,
            self.backup_size,
            self.backup_duration,
            self.backup_failures,
        )

    def show_backup(
        self, namespace: str, name: str, cluster: str, status: EtcdBackupStatus
    ) -> None:
        """Show how an EtcdBackup stands."""
        values = (
            _seconds(status.completion_time),
            _seconds(status.next_schedule_time),
            status.backup_size,
            status.duration_seconds,
            status.consecutive_failures,
        )
        self.forget_backup(namespace, name)
        for gauge, value in zip(self._backup_gauges(), values, strict=True):
            gauge.labels(namespace, name, cluster).set(value)

    def forget_backup(self, namespace: str, name: str) -> None:
        """Forget an EtcdBackup that is gone."""
        for gauge in self._backup_gauges():
            gauge.remove_by_labels({"namespace": namespace, "name": name})

    def forget_backups(self) -> None:
        """Forget all of them: another replica knows better."""
        for gauge in self._backup_gauges():
            gauge.clear()

    def count_request(self, verb: str, resource: str, code: int) -> None:
        """Count one request to the Kubernetes API."""
        self.api_requests.labels(verb, resource, str(code)).inc()

    def expose(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry) + self.clusters.expose().encode()


def _seconds(text: str | None) -> float:
    moment = parse_time(text)
    return moment.timestamp() if moment else 0.0

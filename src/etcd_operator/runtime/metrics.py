"""What the operator counts about itself and about each cluster."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from etcd_operator.api.cluster import EtcdClusterStatus, Phase

_CLUSTER = ("namespace", "name")
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
            "Actions by kind and result: done, refused by a guard, failed.",
            ("action", "result"),
            registry=registry,
        )
        self.leading = Gauge(
            "etcd_operator_leading", "Whether this replica acts.", registry=registry
        )
        self.members = Gauge(
            "etcd_operator_cluster_members", "Members in etcd.", _CLUSTER, registry=registry
        )
        self.ready = Gauge(
            "etcd_operator_cluster_ready_members",
            "Members that serve and are Ready.",
            _CLUSTER,
            registry=registry,
        )
        self.wanted = Gauge(
            "etcd_operator_cluster_size", "Members wanted.", _CLUSTER, registry=registry
        )
        self.quorum = Gauge(
            "etcd_operator_cluster_has_quorum",
            "Whether a majority of the voters answers.",
            _CLUSTER,
            registry=registry,
        )
        self.phase = Gauge(
            "etcd_operator_cluster_phase",
            "1 for the phase that the cluster is in.",
            (*_CLUSTER, "phase"),
            registry=registry,
        )

    def count_request(self, verb: str, resource: str, code: int) -> None:
        """Count one request to the Kubernetes API."""
        self.api_requests.labels(verb, resource, str(code)).inc()

    def show_cluster(self, namespace: str, name: str, size: int, status: EtcdClusterStatus) -> None:
        """Show a cluster's state."""
        self.members.labels(namespace, name).set(status.replicas)
        self.ready.labels(namespace, name).set(status.ready_replicas)
        self.wanted.labels(namespace, name).set(size)
        has_quorum = any(
            c.type == "QuorumHealthy" and c.status == "True" for c in status.conditions
        )
        self.quorum.labels(namespace, name).set(has_quorum)
        for phase in Phase:
            self.phase.labels(namespace, name, phase.value).set(phase is status.phase)

    def forget_cluster(self, namespace: str, name: str) -> None:
        """Remove a deleted cluster's series."""
        for gauge in (self.members, self.ready, self.wanted, self.quorum, self.phase):
            gauge.remove_by_labels({"namespace": namespace, "name": name})

    def expose(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

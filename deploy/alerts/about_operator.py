"""Alerts about the operator itself. A label `namespace` is that of the operator's own Pods."""

from __future__ import annotations

from typing import Final

from deploy.alerts.alert import NAMED, Alert, of_cluster, quantile_99

_LAST_PASS: Final = of_cluster("last_pass_timestamp_seconds")
# Seconds; at the steady pace a cluster is looked at every second or, of 500, every ten.
LATE: Final = 10
_OLDEST: Final = "etcd_operator_queue_oldest_wait_seconds"
# Every replica shows every shard; without SHARDS there is one, 0.
_HELD: Final = "etcd_operator_shard_held"
_SHARD: Final = "namespace, shard"
_LATE: Final = quantile_99("etcd_operator_queue_wait_seconds", "namespace, kind")
_REQUESTS: Final = "etcd_operator_kubernetes_requests_total"
# 429 and 500 are how a PodDisruptionBudget answers an eviction.
_OTHERS: Final = 'verb!="evict"'

OPERATOR_ALERTS: Final = (
    Alert(
        "EtcdOperatorDown",
        "absent(etcd_operator_leading)",
        "5m",
        "critical",
        "No etcd operator is scraped.",
        "No replica of the operator answers Prometheus. Members go on serving; nothing repairs, "
        "backs up or renews certificates.",
    ),
    Alert(
        "EtcdOperatorNotLeading",
        f"max by ({_SHARD}) ({_HELD}) == 0",
        "5m",
        "critical",
        "No replica of the etcd operator leads.",
        "The operator in {{ $labels.namespace }} runs, and none of its replicas holds the Lease of "
        "shard {{ $labels.shard }}: no cluster of that shard is reconciled.",
    ),
    Alert(
        "EtcdOperatorTwoLeaders",
        f"sum by ({_SHARD}) ({_HELD}) > 1",
        "5m",
        "critical",
        "Two replicas of the etcd operator lead.",
        "{{ $value }} replicas in {{ $labels.namespace }} say that they hold the Lease of shard "
        "{{ $labels.shard }}. "
        "Preconditions and guards keep their acts safe, but this must not last.",
    ),
    Alert(
        "EtcdOperatorPassesFailing",
        'sum by (namespace) (rate(etcd_operator_passes_total{result="failed"}[15m])) '
        "/ sum by (namespace) (rate(etcd_operator_passes_total[15m])) > 0.5",
        "15m",
        "warning",
        "Most passes of the etcd operator fail.",
        "{{ $value | humanizePercentage }} of the passes of the operator in "
        "{{ $labels.namespace }} fail.",
    ),
    Alert(
        "EtcdClusterNotReconciled",
        f"(time() - {_LAST_PASS} > 300) or ({of_cluster('size')} unless {_LAST_PASS})",
        "15m",
        "warning",
        "An etcd cluster is not reconciled.",
        f"No pass over {NAMED} has succeeded for more than 15 minutes.",
    ),
    Alert(
        "EtcdOperatorQueueLate",
        f"({_LATE} > {LATE}) or (max by (namespace, kind) ({_OLDEST}) > {LATE})",
        "10m",
        "warning",
        "Passes of the etcd operator wait for a worker.",
        "Objects of kind {{ $labels.kind }} wait {{ $value | humanizeDuration }} for a pass.",
    ),
    Alert(
        "EtcdOperatorVetoes",
        "sum by (namespace, guard, action) (increase(etcd_operator_vetoes_total[15m])) > 0",
        "15m",
        "warning",
        "A guard of the etcd operator keeps refusing an action.",
        "A rule has asked for {{ $labels.action }} for more than 15 minutes, and the guard "
        "{{ $labels.guard }} finds it unsafe. Nothing unsafe was done; the cluster does not get "
        "on.",
    ),
    Alert(
        "EtcdOperatorKubernetesErrors",
        f'sum by (namespace) (rate({_REQUESTS}{{{_OTHERS},code=~"0|429|5.."}}[15m])) '
        f"/ sum by (namespace) (rate({_REQUESTS}{{{_OTHERS}}}[15m])) > 0.1",
        "15m",
        "warning",
        "The Kubernetes API fails requests of the etcd operator.",
        "{{ $value | humanizePercentage }} of the operator's requests to Kubernetes had an error, "
        "or no answer.",
    ),
)

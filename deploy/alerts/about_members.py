"""Alerts from etcd's own metrics, with labels by the shipped scrape configurations.

The thresholds are those of etcd's own mixin.
"""

from __future__ import annotations

from typing import Final

from deploy.alerts.alert import CLUSTER, NAMED, POD, Alert, of_cluster, quantile_99

# From 5000 on etcd answers "too many requests". Source: maxGapBetweenApplyAndCommitIndex of its
# server/etcdserver/v3_server.go.
FAR_BEHIND: Final = 2500
_POD: Final = f"Member {{{{ $labels.pod }}}} of {NAMED}"
_SECONDS: Final = "{{ $value | humanizeDuration }}"
# A change of the members is refused until it is safe, and the operator asks again: a change that
# does not end has its own alerts.
_ASKED: Final = 'grpc_method!~"Member(Add|Promote|Remove|Update)|MoveLeader"'
_FAILED: Final = (
    '{grpc_code=~"Unknown|FailedPrecondition|ResourceExhausted|Internal|Unavailable|DataLoss'
    '|DeadlineExceeded",'
    f"{_ASKED}}}"
)
_READY: Final = of_cluster("ready_members")
# A member may be scraped at more than one of its ports.
_SCRAPED: Final = f"count by ({CLUSTER}) (count by ({POD}) (etcd_server_has_leader))"
_FSYNC: Final = quantile_99("etcd_disk_wal_fsync_duration_seconds")


def _failed_requests(share: float) -> str:
    def rate(selector: str) -> str:
        total = f"grpc_server_handled_total{selector}"
        return f"sum by ({CLUSTER}, grpc_service, grpc_method) (rate({total}[5m]))"

    return f"{rate(_FAILED)} / {rate(f'{{{_ASKED}}}')} > {share}"


def _tell_requests() -> str:
    method = "{{ $labels.grpc_service }}/{{ $labels.grpc_method }}"
    return f"{{{{ $value | humanizePercentage }}}} of the requests {method} to {NAMED} fail."


MEMBER_ALERTS: Final = (
    Alert(
        "EtcdNoLeader",
        f"max by ({POD}) (etcd_server_has_leader) == 0",
        "1m",
        "critical",
        "A member of an etcd cluster sees no leader.",
        f"{_POD} sees no leader.",
    ),
    Alert(
        "EtcdLeaderChanges",
        f"max by ({CLUSTER}) (increase(etcd_server_leader_changes_seen_total[15m])) >= 4",
        "5m",
        "warning",
        "The leader of an etcd cluster changes often.",
        f"{NAMED} has changed its leader {{{{ $value | humanize }}}} times within 15 minutes.",
    ),
    Alert(
        "EtcdProposalsFailing",
        f"max by ({POD}) (rate(etcd_server_proposals_failed_total[15m])) > 5",
        "15m",
        "warning",
        "Proposals fail in an etcd cluster.",
        f"{_POD} fails {{{{ $value | humanize }}}} proposals a second.",
    ),
    Alert(
        "EtcdApplyBehind",
        f"max by ({POD}) (etcd_server_proposals_committed_total - "
        f"etcd_server_proposals_applied_total) > {FAR_BEHIND}",
        "5m",
        "warning",
        "A member of an etcd cluster falls behind.",
        f"{_POD} has {{{{ $value }}}} entries committed and not applied.",
    ),
    Alert(
        "EtcdSlowFsync",
        f"{_FSYNC} > 0.5",
        "10m",
        "warning",
        "The disk of a member of an etcd cluster is slow.",
        f"{_POD}: the 99th percentile of fsync of the write-ahead log is {_SECONDS}.",
    ),
    Alert(
        "EtcdVerySlowFsync",
        f"{_FSYNC} > 1",
        "10m",
        "critical",
        "The disk of a member of an etcd cluster is too slow to keep a leader.",
        f"{_POD}: the 99th percentile of fsync of the write-ahead log is {_SECONDS}.",
    ),
    Alert(
        "EtcdSlowCommit",
        f"{quantile_99('etcd_disk_backend_commit_duration_seconds')} > 0.25",
        "10m",
        "warning",
        "Commits of a member of an etcd cluster are slow.",
        f"{_POD}: the 99th percentile of commits of the database is {_SECONDS}.",
    ),
    Alert(
        "EtcdSlowPeers",
        f"{quantile_99('etcd_network_peer_round_trip_time_seconds', f'{POD}, To')} > 0.15",
        "10m",
        "warning",
        "The network between members of an etcd cluster is slow.",
        f"{_POD}: the 99th percentile of round trips to {{{{ $labels.To }}}} is {_SECONDS}.",
    ),
    Alert(
        "EtcdRequestsFailing",
        _failed_requests(0.01),
        "10m",
        "warning",
        "Requests to an etcd cluster fail.",
        _tell_requests(),
    ),
    Alert(
        "EtcdManyRequestsFailing",
        _failed_requests(0.05),
        "5m",
        "critical",
        "Many requests to an etcd cluster fail.",
        _tell_requests(),
    ),
    Alert(
        "EtcdMembersNotScraped",
        f"({_READY} > on ({CLUSTER}) {_SCRAPED}) "
        f"or (({_READY} > 0) unless on ({CLUSTER}) {_SCRAPED})",
        "15m",
        "info",
        "Members of an etcd cluster are not scraped.",
        f"Prometheus has metrics of fewer members of {NAMED} than the {{{{ $value }}}} that are "
        "ready: alerts from them cannot fire.",
    ),
    Alert(
        "EtcdSlowRequests",
        quantile_99(
            "grpc_server_handling_seconds",
            f"{CLUSTER}, grpc_service, grpc_method",
            '{grpc_method!="Defragment",grpc_type="unary"}',
        )
        + " > 0.15",
        "10m",
        "warning",
        "Requests to an etcd cluster are slow.",
        f"{NAMED}: the 99th percentile of {{{{ $labels.grpc_service }}}}/"
        f"{{{{ $labels.grpc_method }}}} is {_SECONDS}. Only with the option metrics: extensive.",
    ),
)

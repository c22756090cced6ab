"""The dashboard of one cluster: leader, latency, traffic, database, members, operator."""

from __future__ import annotations

from typing import Final

from deploy.alerts.alert import CLUSTER
from deploy.dashboards.board import (
    RATE,
    Annotation,
    Board,
    Panel,
    Query,
    Row,
    Variable,
    lines,
    number,
    quantile,
)

_OF: Final = 'namespace="$namespace",cluster="$cluster"'
_POD: Final = "{{pod}}"
_MEMBER: Final = "{{member}}"


def _cluster(name: str, selector: str = "", by: str = CLUSTER) -> str:
    """A figure that the operator tells of the cluster, whichever replica shows it."""
    chosen = f"{_OF},{selector}" if selector else _OF
    return f"max by ({by}) (etcd_operator_cluster_{name}{{{chosen}}})"


def _rate(counter: str, by: str = "pod", selector: str = "") -> str:
    chosen = f"{_OF},{selector}" if selector else _OF
    return f"sum by ({by}) (rate({counter}{{{chosen}}}[{RATE}]))"


def _own(gauge: str) -> str:
    """A gauge of etcd itself, by member."""
    return f"max by (pod) ({gauge}{{{_OF}}})"


def _slow(title: str, histogram: str, by: str = "pod", legend: str = _POD) -> Panel:
    worst = Query(quantile(histogram, _OF, by), f"99 % {legend}")
    usual = Query(quantile(histogram, _OF, by, share=0.5), f"50 % {legend}")
    return lines(title, "s", worst, usual)


_VOTERS: Final = _cluster("voters")
_SIZE: Final = _cluster("member_db_size_bytes", by=f"{CLUSTER}, member")
_QUOTA: Final = _cluster("member_db_quota_bytes", by=f"{CLUSTER}, member")
_PROPOSALS: Final = "etcd_server_proposals"
_NETWORK: Final = "etcd_network"
_CLAIMS: Final = 'namespace="$namespace",persistentvolumeclaim=~"data-$cluster-[0-9]+"'
_FREE: Final = (
    f"min by (persistentvolumeclaim) (kubelet_volume_stats_available_bytes{{{_CLAIMS}}} "
    f"/ kubelet_volume_stats_capacity_bytes{{{_CLAIMS}}})"
)

# Of these False is the bad status; of the others that are shown, True.
_GOOD: Final = 'condition=~"Available|Ready|QuorumHealthy|CertificatesValid|BackupHealthy"'
_BAD: Final = (
    'condition=~"Degraded|SpecWarning|ChangedByOthers|QuorumLossApproved|DataLossPossible"'
)

_FAILED: Final = 'grpc_code!~"OK|Canceled"'
# Authorities last for ten years: beside them nobody would see a certificate expire.
_LEAF: Final = 'secret!~".+-ca"'

_OVERVIEW: Final = Row(
    "Overview",
    (
        number("Phase", "short", f"{_cluster('phase', by='phase')} == 1", "{{phase}}"),
        number(
            "Voters that may fail",
            "short",
            f"{_cluster('serving_voters')} - floor({_VOTERS} / 2) - 1",
        ),
        number("Members ready", "short", _cluster("ready_members")),
        number("Leader", "short", f"{_own('etcd_server_is_leader')} == 1", _POD),
        number("Quota that is used", "percentunit", f"max({_SIZE} / {_QUOTA})"),
        number(
            "Age of the verified backup",
            "s",
            f"time() - ({_cluster('last_verified_backup_timestamp_seconds')} > 0)",
        ),
    ),
)
_LEADER: Final = Row(
    "Leader",
    (
        Panel("Leads", "short", (Query(_own("etcd_server_is_leader"), _POD),), "steps"),
        lines(
            "Changes of the leader in an hour",
            "short",
            Query(f"max(increase(etcd_server_leader_changes_seen_total{{{_OF}}}[1h]))", "seen"),
        ),
        lines(
            "Proposals",
            "ops",
            Query(_rate(f"{_PROPOSALS}_committed_total"), f"committed {_POD}"),
            Query(_rate(f"{_PROPOSALS}_failed_total"), f"failed {_POD}"),
        ),
        lines(
            "Proposals that wait",
            "short",
            Query(_own(f"{_PROPOSALS}_pending"), f"for a quorum {_POD}"),
            Query(
                f"max by (pod) ({_PROPOSALS}_committed_total{{{_OF}}} "
                f"- {_PROPOSALS}_applied_total{{{_OF}}})",
                f"to be applied {_POD}",
            ),
        ),
        lines(
            "Heartbeats that failed",
            "ops",
            Query(_rate("etcd_server_heartbeat_send_failures_total"), _POD),
        ),
        _slow("Round trip to peers", f"{_NETWORK}_peer_round_trip_time_seconds"),
    ),
)
_LATENCY: Final = Row(
    "Latency",
    (
        _slow("fsync of the log", "etcd_disk_wal_fsync_duration_seconds"),
        _slow("Commit of the database", "etcd_disk_backend_commit_duration_seconds"),
        _slow("Apply", "etcd_server_apply_duration_seconds"),
        lines("Slow applies", "ops", Query(_rate("etcd_server_slow_apply_total"), _POD)),
        lines("Slow reads", "ops", Query(_rate("etcd_server_slow_read_indexes_total"), _POD)),
        _slow("Snapshots of the database", "etcd_disk_backend_snapshot_duration_seconds"),
    ),
)
_TRAFFIC: Final = Row(
    "Traffic",
    (
        lines(
            "Requests",
            "ops",
            Query(
                f"topk(8, {_rate('grpc_server_handled_total', 'grpc_method')} > 0)",
                "{{grpc_method}}",
            ),
        ),
        lines(
            "Requests that failed",
            "ops",
            Query(
                f"""{_rate("grpc_server_handled_total", "grpc_code", _FAILED)} > 0""",
                "{{grpc_code}}",
            ),
        ),
        lines(
            "Streams",
            "short",
            Query(_own("etcd_debugging_mvcc_watcher_total"), f"watchers {_POD}"),
            Query(_own("etcd_debugging_mvcc_watch_stream_total"), f"watch streams {_POD}"),
        ),
        lines(
            "From and to clients",
            "Bps",
            Query(_rate(f"{_NETWORK}_client_grpc_received_bytes_total"), f"in {_POD}"),
            Query(_rate(f"{_NETWORK}_client_grpc_sent_bytes_total"), f"out {_POD}"),
        ),
        lines(
            "From and to peers",
            "Bps",
            Query(_rate(f"{_NETWORK}_peer_received_bytes_total"), f"in {_POD}"),
            Query(_rate(f"{_NETWORK}_peer_sent_bytes_total"), f"out {_POD}"),
        ),
        lines(
            "Leases",
            "ops",
            Query(_rate("etcd_debugging_lease_granted_total", "cluster"), "granted"),
            Query(_rate("etcd_debugging_server_lease_expired_total", "cluster"), "expired"),
        ),
    ),
)
_DATABASE: Final = Row(
    "Database",
    (
        lines(
            "Size",
            "bytes",
            Query(_own("etcd_mvcc_db_total_size_in_bytes"), f"file {_POD}"),
            Query(_own("etcd_mvcc_db_total_size_in_use_in_bytes"), f"in use {_POD}"),
        ),
        lines("Keys", "short", Query(_own("etcd_debugging_mvcc_keys_total"), _POD)),
        lines("Volumes, free", "percentunit", Query(_FREE, "{{persistentvolumeclaim}}")),
        lines(
            "Operations",
            "ops",
            *(
                Query(f"max({_rate(f'etcd_mvcc_{name}_total')})", name)
                for name in ("put", "range", "txn", "delete")
            ),
        ),
        _slow("Defragmentation", "etcd_disk_backend_defrag_duration_seconds"),
        lines(
            "Used parts of the files",
            "percentunit",
            Query(
                f"{_cluster('member_db_in_use_bytes', by=f'{CLUSTER}, member')} / {_SIZE}", _MEMBER
            ),
        ),
    ),
)
_MEMBERS: Final = Row(
    "Members",
    (
        Panel(
            "Members",
            "short",
            (
                Query(
                    _cluster("member_info", by="member, role, version, node"),
                    "{{member}}: {{role}}, {{version}}, on {{node}}",
                ),
            ),
            "table",
        ),
        Panel(
            "Ready",
            "short",
            (Query(_cluster("member_ready", by="member"), _MEMBER),),
            "steps",
        ),
        lines(
            "Time since the start",
            "s",
            Query(f"time() - {_own('process_start_time_seconds')}", _POD),
        ),
        lines("Memory", "bytes", Query(_own("process_resident_memory_bytes"), _POD)),
        lines("CPU", "short", Query(_rate("process_cpu_seconds_total"), _POD)),
        lines(
            "Open files",
            "percentunit",
            Query(f"{_own('process_open_fds')} / {_own('process_max_fds')}", _POD),
        ),
    ),
)
_OPERATOR: Final = Row(
    "Operator",
    (
        Panel(
            "Conditions that are not as they should be",
            "short",
            (
                Query(
                    _cluster("condition", f'status="False",{_GOOD}', "condition, reason"),
                    "{{condition}}: {{reason}}",
                ),
                Query(
                    _cluster("condition", f'status="True",{_BAD}', "condition, reason"),
                    "{{condition}}: {{reason}}",
                ),
            ),
            "steps",
        ),
        lines(
            "Members under way",
            "short",
            Query(_cluster("outdated_pods"), "to be rolled"),
            Query(_cluster("joining_members"), "joining"),
            Query(_cluster("stuck_members"), "to be replaced"),
        ),
        lines(
            "Time until certificates expire",
            "s",
            Query(
                f"{_cluster('certificate_expiry_timestamp_seconds', _LEAF, 'secret')} - time()",
                "{{secret}}",
            ),
        ),
        lines(
            "Time since a pass succeeded",
            "s",
            Query(f"time() - {_cluster('last_pass_timestamp_seconds')}", "pass"),
        ),
        lines(
            "Time since the data was compared",
            "s",
            Query(f"time() - ({_cluster('last_comparison_timestamp_seconds')} > 0)", "comparison"),
        ),
        lines(
            "Time since a backup",
            "s",
            Query(f"time() - ({_cluster('last_backup_timestamp_seconds')} > 0)", "complete"),
            Query(
                f"time() - ({_cluster('last_verified_backup_timestamp_seconds')} > 0)", "verified"
            ),
        ),
    ),
)

ONE_CLUSTER: Final = Board(
    uid="etcd-operator-cluster",
    title="etcd: one cluster",
    description="Leader, latency, traffic, database and members of an EtcdCluster.",
    variables=(
        Variable("namespace", "label_values(etcd_operator_cluster_size, namespace)"),
        Variable(
            "cluster", 'label_values(etcd_operator_cluster_size{namespace="$namespace"}, cluster)'
        ),
    ),
    rows=(_OVERVIEW, _LEADER, _LATENCY, _TRAFFIC, _DATABASE, _MEMBERS, _OPERATOR),
    annotations=(
        Annotation(
            "Changes by the operator",
            _cluster("condition", 'condition="Progressing",status="True"', "reason"),
            "{{reason}}",
            "blue",
        ),
        Annotation(
            "Degraded",
            _cluster("condition", 'condition="Degraded",status="True"', "reason"),
            "{{reason}}",
            "red",
        ),
    ),
)

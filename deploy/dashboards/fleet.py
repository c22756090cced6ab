"""The dashboard of all clusters: health, versions, backups, certificates, capacity, operator."""

from __future__ import annotations

from typing import Final

from deploy.alerts.alert import CLUSTER
from deploy.dashboards.board import (
    RATE,
    Board,
    Panel,
    Query,
    Row,
    Variable,
    lines,
    number,
    quantile,
)

_IN: Final = 'namespace=~"$namespace"'
_NAMED: Final = "{{namespace}}/{{cluster}}"


def _of(name: str, selector: str = "", by: str = CLUSTER, largest: str = "max") -> str:
    """A figure of each cluster, whichever replica shows it."""
    chosen = f"{_IN},{selector}" if selector else _IN
    return f"{largest} by ({by}) (etcd_operator_cluster_{name}{{{chosen}}})"


def _count(name: str, selector: str, is_so: str = "== 1") -> str:
    """How many clusters have a figure; 0 and not nothing if none has it."""
    return f"count({_of(name, selector)} {is_so}) or vector(0)"


_SIZE: Final = _of("member_db_size_bytes", by=f"{CLUSTER}, member")
_QUOTA: Final = _of("member_db_quota_bytes", by=f"{CLUSTER}, member")
_VERSIONS: Final = _of("member_info", 'version!=""', f"{CLUSTER}, member, version")
_EXPIRY: Final = _of("certificate_expiry_timestamp_seconds", largest="min")
_VERIFIED: Final = _of("last_verified_backup_timestamp_seconds")
_BACKUP: Final = "namespace, name, cluster"
_FREE: Final = (
    f"min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes{{{_IN},"
    f'persistentvolumeclaim=~"data-.+"}} / kubelet_volume_stats_capacity_bytes{{{_IN},'
    'persistentvolumeclaim=~"data-.+"})'
)

_TASK: Final = "{{namespace}}/{{name}}"
_USED: Final = f"{_SIZE} / {_QUOTA}"
_CHANGING: Final = _of("condition", 'condition="Progressing",status="True"', f"{CLUSTER}, reason")
_RESTORED: Final = (
    "max by (namespace, name, cluster) "
    f"(etcd_operator_restore_completion_timestamp_seconds{{{_IN}}})"
)

_HEALTH: Final = Row(
    "Health",
    (
        number("Clusters", "short", f"count({_of('size')}) or vector(0)"),
        number("Without quorum", "short", _count("has_quorum", "", "== 0")),
        number("Not ready", "short", _count("condition", 'condition="Ready",status="False"')),
        number("Degraded", "short", _count("condition", 'condition="Degraded",status="True"')),
        number("Members ready", "short", f"sum({_of('ready_members')}) or vector(0)"),
        number("Members wanted", "short", f"sum({_of('size')}) or vector(0)"),
        Panel(
            "Clusters by phase",
            "short",
            (Query(f"sum by (phase) ({_of('phase', by=f'{CLUSTER}, phase')})", "{{phase}}"),),
            "steps",
        ),
        Panel(
            "Clusters that are not ready",
            "short",
            (
                Query(
                    _of("condition", 'condition="Ready",status="False"', f"{CLUSTER}, reason"),
                    "{{namespace}}/{{cluster}}: {{reason}}",
                ),
            ),
            "table",
        ),
        Panel(
            "Alerts that fire",
            "short",
            (
                Query(
                    "count by (alertname, severity) "
                    '(ALERTS{alertstate="firing",alertname=~"Etcd.+"})',
                    "{{alertname}}",
                ),
            ),
            "table",
        ),
    ),
)
_CHANGES: Final = Row(
    "Versions and changes",
    (
        Panel(
            "Members by version",
            "short",
            (Query(f"count by (version) ({_VERSIONS})", "{{version}}"),),
            "steps",
        ),
        Panel(
            "Clusters that change",
            "short",
            (Query(f"count by (reason) ({_CHANGING})", "{{reason}}"),),
            "steps",
        ),
        lines(
            "Members under way",
            "short",
            Query(f"sum({_of('outdated_pods')})", "to be rolled"),
            Query(f"sum({_of('joining_members')})", "joining"),
            Query(f"sum({_of('stuck_members')})", "to be replaced"),
        ),
    ),
)
_SAFETY: Final = Row(
    "Backups and certificates",
    (
        lines(
            "Age of the newest verified backup",
            "s",
            Query(f"time() - ({_VERIFIED} > 0)", _NAMED),
        ),
        lines(
            "Backups that failed in a row",
            "short",
            Query(
                f"max by ({_BACKUP}) (etcd_operator_backup_consecutive_failures{{{_IN}}})", _TASK
            ),
        ),
        lines(
            "Size of the newest backup",
            "bytes",
            Query(f"max by ({_BACKUP}) (etcd_operator_backup_size_bytes{{{_IN}}})", _TASK),
        ),
        lines("Time until a certificate expires", "s", Query(f"{_EXPIRY} - time()", _NAMED)),
        lines(
            "Duration of backups",
            "s",
            Query(f"max by ({_BACKUP}) (etcd_operator_backup_duration_seconds{{{_IN}}})", _TASK),
        ),
        lines(
            "Time since a restore was complete",
            "s",
            Query(f"time() - ({_RESTORED} > 0)", _TASK),
            description="The age of the last restore test, if you make one of EtcdRestores.",
        ),
    ),
)
_CAPACITY: Final = Row(
    "Capacity",
    (
        lines("Quota that is used", "percentunit", Query(f"max by ({CLUSTER}) ({_USED})", _NAMED)),
        lines("Databases", "bytes", Query(f"max by ({CLUSTER}) ({_SIZE})", _NAMED)),
        lines("Volumes, free", "percentunit", Query(_FREE, "{{persistentvolumeclaim}}")),
    ),
)
_OPERATOR: Final = Row(
    "Operator",
    (
        lines(
            "Passes",
            "ops",
            Query(f"sum by (result) (rate(etcd_operator_passes_total[{RATE}]))", "{{result}}"),
        ),
        lines(
            "Time of passes, and until they begin",
            "s",
            Query(quantile("etcd_operator_pass_seconds", "", "namespace"), "99 % of passes"),
            Query(quantile("etcd_operator_queue_wait_seconds", "", "kind"), "99 % wait, {{kind}}"),
        ),
        lines(
            "Requests to Kubernetes",
            "ops",
            Query(
                f"sum by (code) (rate(etcd_operator_kubernetes_requests_total[{RATE}]))", "{{code}}"
            ),
        ),
        lines(
            "Time since a pass succeeded",
            "s",
            Query(f"time() - {_of('last_pass_timestamp_seconds')}", _NAMED),
        ),
        lines(
            "Actions",
            "ops",
            Query(f"sum by (result) (rate(etcd_operator_actions_total[{RATE}]))", "{{result}}"),
            Query(
                f"sum by (guard) (rate(etcd_operator_vetoes_total[{RATE}]))", "refused by {{guard}}"
            ),
        ),
        lines(
            "Memory of the operator",
            "bytes",
            Query(
                "process_resident_memory_bytes and on (instance) etcd_operator_leading", "{{pod}}"
            ),
        ),
    ),
)

FLEET: Final = Board(
    uid="etcd-operator-fleet",
    title="etcd: all clusters",
    description="Health, versions, backups, certificates and capacity of all EtcdClusters.",
    variables=(
        Variable("namespace", "label_values(etcd_operator_cluster_size, namespace)", several=True),
    ),
    rows=(_HEALTH, _CHANGES, _SAFETY, _CAPACITY, _OPERATOR),
)

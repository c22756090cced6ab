"""Alerts about what a cluster is brought back from, and about certificates."""

from __future__ import annotations

from typing import Final

from deploy.alerts.alert import NAMED, Alert, condition, of_cluster
from etcd_operator.core.reasons import verdicts

# Longer than the week that the sparsest usual schedule leaves between two backups.
OLDEST_BACKUP: Final = 8 * 24 * 3600
_VERIFIED: Final = of_cluster("last_verified_backup_timestamp_seconds")
_LAST: Final = of_cluster("last_backup_timestamp_seconds")
# Suspended ones as well: who wants no backups any more deletes the EtcdBackup.
_SCHEDULES: Final = (
    "max by (namespace, name, cluster_namespace, cluster) "
    '(etcd_operator_backup_info{scheduled="true"})'
)
_CREATED: Final = (
    "max by (namespace, name) (etcd_operator_backup_created_timestamp_seconds) "
    f"* on (namespace, name) group_right {_SCHEDULES}"
)


def _by_cluster(operator: str, expression: str) -> str:
    """Return figures of EtcdBackups by their EtcdCluster, which may be in another namespace."""
    moved = f'label_replace({expression}, "namespace", "$1", "cluster_namespace", "(.+)")'
    return f"{operator} by (namespace, cluster) ({moved})"


_SCHEDULED: Final = _by_cluster("max", _SCHEDULES)
_SINCE: Final = _by_cluster("min", _CREATED)

_RESTORING_IN_PLACE: Final = of_cluster("phase", '{phase="Restoring"}')
# A cluster that does not exist yet has no phase.
_RESTORES: Final = (
    'max by (namespace, cluster) (etcd_operator_restore_phase{phase=~"Pending|Running"})'
)

SAFETY_ALERTS: Final = (
    Alert(
        "EtcdBackupFailing",
        "max by (namespace, name, cluster) (etcd_operator_backup_consecutive_failures) >= 2",
        "5m",
        "warning",
        "Backups of an etcd cluster fail.",
        "EtcdBackup {{ $labels.namespace }}/{{ $labels.name }} has failed {{ $value }} times in a "
        "row.",
    ),
    Alert(
        "EtcdBackupMissed",
        condition("BackupHealthy", "False", verdicts.BACKUP_OVERDUE),
        "10m",
        "warning",
        "A scheduled backup of an etcd cluster has not begun.",
        f"A backup of {NAMED} did not begin at the time of its schedule.",
    ),
    Alert(
        "EtcdBackupUnproven",
        f"({of_cluster('last_backup_timestamp_seconds')} > 0) and ({_VERIFIED} == 0)",
        "1h",
        "warning",
        "No backup of an etcd cluster was ever restored on trial.",
        f"There are backups of {NAMED}, and none was verified.",
    ),
    Alert(
        "EtcdBackupTooOld",
        f"((time() - {_VERIFIED} > {OLDEST_BACKUP}) and ({_VERIFIED} > 0) "
        f"and on (namespace, cluster) ({_SCHEDULED})) "
        f"or ((time() - {_SINCE} > {OLDEST_BACKUP}) and on (namespace, cluster) ({_LAST} == 0))",
        "1h",
        "critical",
        "An etcd cluster with a schedule has had no verified backup for eight days.",
        f"The newest verified backup of {NAMED} is {{{{ $value | humanizeDuration }}}} old, or "
        "there was none since a schedule was created so long ago.",
    ),
    Alert(
        "EtcdRestoreStuck",
        f"({_RESTORING_IN_PLACE} == 1) or ({_RESTORES} == 1)",
        "2h",
        "warning",
        "A restore of an etcd cluster does not end.",
        f"{NAMED} has been restoring, or an EtcdRestore of it has been waiting, for two hours.",
    ),
    Alert(
        "EtcdCertificateNotRenewed",
        condition(
            "CertificatesValid",
            "False",
            verdicts.EXPIRING_SOON,
            verdicts.RENEWAL_HELD,
            verdicts.NOT_ISSUED,
            verdicts.UNUSABLE,
        ),
        "30m",
        "warning",
        "A certificate of an etcd cluster is not renewed.",
        f"A certificate of {NAMED} is about to expire, was not issued, or cannot be used.",
    ),
    Alert(
        "EtcdCertificateExpired",
        "max by (namespace, cluster, secret) "
        "(etcd_operator_cluster_certificate_expiry_timestamp_seconds) - time() <= 0",
        "0m",
        "critical",
        "A certificate of an etcd cluster has expired.",
        f"The certificate in Secret {{{{ $labels.secret }}}} of {NAMED} has expired: connections "
        "fail.",
    ),
)

"""Series about each EtcdBackup and EtcdRestore, from what their passes report."""

from __future__ import annotations

from typing import Final

from etcd_operator.api.backup import EtcdBackup, EtcdBackupStatus, TaskPhase
from etcd_operator.api.parse import parse_time
from etcd_operator.api.restore import EtcdRestore, EtcdRestoreStatus
from etcd_operator.runtime.process.series import Family, Sample

TASK: Final = ("namespace", "name")


def _of_backup(name: str, text: str, *labels: str) -> Family:
    return Family(f"etcd_operator_backup_{name}", text, ("cluster", *labels))


def _of_restore(name: str, text: str, *labels: str) -> Family:
    return Family(f"etcd_operator_restore_{name}", text, ("cluster", *labels))


BACKUP_INFO: Final = _of_backup(
    "info",
    "1, with the namespace of the EtcdCluster, the kind of store, and whether backups are verified "
    "and have a schedule, suspended or not.",
    "cluster_namespace",
    "storage",
    "verify",
    "scheduled",
)
CREATED: Final = _of_backup("created_timestamp_seconds", "When an EtcdBackup was created.")
LAST_SUCCESS: Final = _of_backup(
    "last_success_timestamp_seconds", "When the last good backup of an EtcdBackup ended."
)
NEXT: Final = _of_backup(
    "next_timestamp_seconds", "When the next one is due; 0 without a schedule."
)
SIZE: Final = _of_backup("size_bytes", "Size of the last good backup in the store.")
DURATION: Final = _of_backup("duration_seconds", "How long the last good backup took.")
FAILURES: Final = _of_backup(
    "consecutive_failures", "Tries that failed since the last good backup."
)
BACKUP_FAMILIES: Final = (BACKUP_INFO, CREATED, LAST_SUCCESS, NEXT, SIZE, DURATION, FAILURES)

RESTORE_PHASE: Final = _of_restore(
    "phase", "1 for the phase that an EtcdRestore is in; `cluster` is what it makes.", "phase"
)
RESTORE_COMPLETION: Final = _of_restore(
    "completion_timestamp_seconds",
    "When an EtcdRestore was complete; 0 before. `backup` is the EtcdBackup it was made from.",
    "backup",
)
RESTORE_FAMILIES: Final = (RESTORE_PHASE, RESTORE_COMPLETION)


def measure_backup(backup: EtcdBackup, status: EtcdBackupStatus) -> tuple[Sample, ...]:
    """Return the figures of an EtcdBackup; none of one whose spec could not be read."""
    spec = backup.spec
    if spec is None:
        return ()
    cluster_namespace, name = backup.cluster_key
    cluster = (name,)
    verify, scheduled = (str(bool(each)).lower() for each in (spec.verify, spec.schedule))
    return (
        Sample(BACKUP_INFO, 1, (name, cluster_namespace, spec.storage_type, verify, scheduled)),
        Sample(CREATED, backup.created.timestamp() if backup.created else 0.0, cluster),
        Sample(LAST_SUCCESS, _seconds(status.completion_time), cluster),
        Sample(NEXT, _seconds(status.next_schedule_time), cluster),
        Sample(SIZE, status.backup_size, cluster),
        Sample(DURATION, status.duration_seconds, cluster),
        Sample(FAILURES, status.consecutive_failures, cluster),
    )


def measure_restore(restore: EtcdRestore, status: EtcdRestoreStatus) -> tuple[Sample, ...]:
    """Return the figures of an EtcdRestore; none of one whose spec could not be read."""
    spec = restore.spec
    if spec is None:
        return ()
    cluster = status.restored_cluster or spec.cluster_name
    phases = (Sample(RESTORE_PHASE, p is status.phase, (cluster, p.value)) for p in TaskPhase)
    completed = _seconds(status.completion_time)
    return (*phases, Sample(RESTORE_COMPLETION, completed, (cluster, spec.backup_name)))


def _seconds(text: str | None) -> float:
    moment = parse_time(text)
    return moment.timestamp() if moment else 0.0

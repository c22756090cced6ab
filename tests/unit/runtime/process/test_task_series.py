"""Series of EtcdBackups and EtcdRestores, from what their passes report."""

from __future__ import annotations

from etcd_operator.api.backup import EtcdBackupStatus, TaskPhase
from etcd_operator.api.restore import EtcdRestoreStatus
from etcd_operator.runtime.process.metrics import Metrics
from etcd_operator.runtime.process.series import Sample
from etcd_operator.runtime.process.task_series import (
    BACKUP_INFO,
    CREATED,
    FAILURES,
    LAST_SUCCESS,
    NEXT,
    RESTORE_COMPLETION,
    RESTORE_PHASE,
    measure_backup,
    measure_restore,
)
from tests.builders.backups import S3, backup_view
from tests.builders.restores import restore_view

ENDED = "2026-03-01T02:00:00Z"
ENDED_SECONDS = 1772330400.0
CREATED_SECONDS = 1772622000.0


def test_a_backup_is_shown_by_what_its_status_says() -> None:
    backup = backup_view().backup
    status = EtcdBackupStatus(completion_time=ENDED, consecutive_failures=2)
    figures = {
        (sample.family, sample.labels): sample.value for sample in measure_backup(backup, status)
    }
    assert figures[BACKUP_INFO, ("db", "team", "S3", "true", "false")] == 1
    assert figures[CREATED, ("db",)] == CREATED_SECONDS
    assert figures[LAST_SUCCESS, ("db",)] == ENDED_SECONDS
    assert figures[NEXT, ("db",)] == 0
    assert figures[FAILURES, ("db",)] == 2


def test_a_suspended_schedule_is_one() -> None:
    backup = backup_view({**S3, "schedule": "0 2 * * *", "suspend": True}).backup
    assert Sample(BACKUP_INFO, 1, ("db", "team", "S3", "true", "true")) in measure_backup(
        backup, EtcdBackupStatus()
    )


def test_a_backup_names_the_namespace_of_its_cluster() -> None:
    backup = backup_view({**S3, "clusterNamespace": "elsewhere"}).backup
    assert Sample(BACKUP_INFO, 1, ("db", "elsewhere", "S3", "true", "false")) in measure_backup(
        backup, EtcdBackupStatus()
    )


def test_a_restore_names_the_cluster_that_it_makes_and_its_backup() -> None:
    restore = restore_view().restore
    assert restore.spec is not None
    status = EtcdRestoreStatus(phase=TaskPhase.COMPLETED, completion_time=ENDED)
    figures = measure_restore(restore, status)
    cluster, backup = restore.spec.cluster_name, restore.spec.backup_name
    assert Sample(RESTORE_PHASE, True, (cluster, "Completed")) in figures
    assert Sample(RESTORE_PHASE, False, (cluster, "Running")) in figures
    assert Sample(RESTORE_COMPLETION, ENDED_SECONDS, (cluster, backup)) in figures


def test_all_of_a_kind_go_at_once_and_one_goes_alone() -> None:
    metrics = Metrics()
    for name in ("a", "b"):
        metrics.backups.show(("team", name), (Sample(FAILURES, 1, ("db",)),))
    metrics.restores.show(("team", "r"), (Sample(RESTORE_PHASE, 1, ("db", "Running")),))
    metrics.backups.forget(("team", "a"))
    text = metrics.expose().decode()
    assert 'name="a"' not in text
    assert (
        'etcd_operator_backup_consecutive_failures{namespace="team",name="b",cluster="db"}' in text
    )
    assert 'name="r"' in text
    for kind in ("EtcdBackup", "EtcdRestore"):
        metrics.series_of(kind).clear()
    assert 'cluster="db"' not in metrics.expose().decode()

"""Metrics of an operator that has clusters, backups and a restore: every family has samples."""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.api.backup import EtcdBackupSpec, EtcdBackupStatus
from etcd_operator.api.restore import EtcdRestoreStatus
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.core.status.report import report
from etcd_operator.runtime.process.cluster_series import CERTIFICATE_EXPIRY, measure
from etcd_operator.runtime.process.metrics import Metrics
from etcd_operator.runtime.process.series import Sample
from etcd_operator.runtime.process.task_series import measure_backup, measure_restore
from tests.builders.backups import backup_view
from tests.builders.restores import restore_view
from tests.builders.snapshots import NOW, formed

_SPEC = EtcdBackupSpec.model_validate({"clusterName": "db", "storageType": "S3"})
_VERBS = ("get", "list", "watch", "apply", "patch", "create", "delete")
_RESOURCES = ("pods", "secrets", "services", "configmaps", "statefulsets", "etcdclusters", "events")


def build(clusters: int) -> Metrics:
    """Return what a replica shows that has served so many clusters of three, each with a backup."""
    metrics = Metrics()
    backup = BackupState("nightly", NOW, None, spec=_SPEC, last_verified=NOW)
    snapshot = replace(formed(3), backups=(backup,))
    figures = measure(snapshot, report(snapshot, plan(snapshot).decision))
    figures += (Sample(CERTIFICATE_EXPIRY, NOW.timestamp(), ("db-peer",)),)
    for number in range(clusters):
        key = ("team", f"db-{number}")
        metrics.clusters.show(key, figures)
        metrics.clusters.note_pass(key, NOW.timestamp())
        metrics.backups.show(key, measure_backup(backup_view().backup, EtcdBackupStatus()))
    restore = restore_view().restore
    metrics.restores.show(("team", "r"), measure_restore(restore, EtcdRestoreStatus()))
    _count(metrics)
    return metrics


def _count(metrics: Metrics) -> None:
    for verb in _VERBS:
        for resource in _RESOURCES:
            for code in (200, 404, 409):
                metrics.count_request(verb, resource, code)
    metrics.show_shards(1, {0})
    for result in ("done", "failed"):
        metrics.passes.labels(result).inc()
    metrics.pass_seconds.observe(0.01)
    metrics.actions.labels("EvictPod", "done").inc()
    metrics.vetoes.labels("votes", "EvictPod").inc()
    metrics.queued.labels("EtcdCluster").set(0)
    metrics.queue_oldest.labels("EtcdCluster").set(0)
    metrics.queue_wait.labels("EtcdCluster").observe(0.001)

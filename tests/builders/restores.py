"""EtcdRestores and what a pass over one sees."""

from __future__ import annotations

from typing import Any

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse_backup import parse_restore
from etcd_operator.core.tasks.jobs.status import Task
from etcd_operator.core.tasks.restore import restore_planner as restore_planner
from etcd_operator.core.tasks.restore.source import RestoreView
from etcd_operator.json_types import Json
from tests.builders.backups import NOW, URL, backup_view, cluster, task


def restore_view(
    spec: Json | None = None, status: Json | None = None, **changes: Any
) -> RestoreView:
    """An EtcdRestore of a complete backup, to a cluster of two."""
    wanted = {
        "backupName": "b",
        "clusterName": "db",
        "clusterTemplate": {"size": 3, "version": "v3.6.16"},
        **(spec or {}),
    }
    raw = {
        "metadata": {"namespace": "team", "name": "r", "uid": "restore-uid", "generation": 1},
        "spec": wanted,
        "status": status or {},
    }
    good = {"storagePath": URL, "etcdVersion": "3.6.16", "completionTime": "2026-03-04T11:00:30Z"}
    known: Json = {
        "restore": parse_restore(raw),
        "backup": backup_view(status=good).backup,
        "original": None,
        "target": None,
        "claims": (),
        "tasks": (),
        "pods": (),
        "now": NOW,
        "domain": "cluster.local",
        "image": "operator:1",
    }
    return RestoreView(**{**known, **changes})


PINNED = {"sourceURL": URL}


def made(*, filled: bool = False, quorum: str = "False") -> EtcdCluster:
    """The cluster that the EtcdRestore made."""
    marks = {"etcd.etcd.io/restore": "restore-uid", "etcd.etcd.io/restore-size": "3"}
    if filled:
        marks["etcd.etcd.io/restored"] = "restore-uid"
    return cluster(quorum=quorum, annotations=marks)


def filler(ordinal: int, state: str = "succeeded", **changes: Any) -> Task:
    """The Job of a disk."""
    return task(f"r-{ordinal}", state, owner_uid="restore-uid", ordinal=ordinal, **changes)

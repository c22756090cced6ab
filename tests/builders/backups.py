"""EtcdBackups, their Jobs and Pods, as a pass over a backup sees them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.parse_backup import parse_backup
from etcd_operator.core.tasks.actions import CreateObject
from etcd_operator.core.tasks.backup import backup_planner as backup_planner
from etcd_operator.core.tasks.backup.backup_planner import BackupDecision
from etcd_operator.core.tasks.backup.outcome import BackupView
from etcd_operator.core.tasks.jobs.status import Task, TaskPod
from etcd_operator.core.tasks.restore.steps import RestoreDecision
from etcd_operator.json_types import Json
from tests.builders.snapshots import raw_cluster

NOW = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)


S3: Json = {"clusterName": "db", "storageType": "S3", "s3": {"bucket": "b"}}


URL = "s3://b/team/db/x.json"


RESULT: Json = {
    "url": URL,
    "revision": 7,
    "etcdVersion": "3.6.16",
    "snapshotSize": 100,
    "storedSize": 50,
    "keyCount": 3,
    "verified": "Restored for trial.",
}


def cluster(*, quorum: str = "True", **metadata: Any) -> EtcdCluster:
    """The cluster to back up, of one member."""
    raw = raw_cluster({"size": 1, "version": "v3.6.16"}, **metadata)
    raw["status"] = {
        "clusterID": "c1d",
        "members": [{"name": "db-0", "clientURL": "http://db-0.db-peer:2379"}],
        "conditions": [
            {"type": "QuorumHealthy", "status": quorum, "message": "db-1 did not answer."},
            {"type": "Available", "status": quorum},
        ],
    }
    return parse_cluster(raw)


def backup_view(spec: Json | None = None, status: Json | None = None, **changes: Any) -> BackupView:
    """An EtcdBackup an hour old, and its cluster."""
    raw = {
        "metadata": {
            "namespace": "team",
            "name": "b",
            "uid": "backup-uid",
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": "2026-03-04T11:00:00Z",
        },
        "spec": spec or S3,
        "status": {"observedGeneration": 1, **(status or {})},
    }
    known: Json = {
        "backup": parse_backup(raw),
        "cluster": cluster(),
        "tasks": (),
        "pods": (),
        "now": NOW,
        "zone": UTC,
        "image": "operator:1",
    }
    return BackupView(**{**known, **changes})


def task(name: str = "b-1", state: str = "running", **changes: Any) -> Task:
    """A Job of the EtcdBackup."""
    usual: Json = {
        "uid": f"uid-{name}",
        "owner_uid": "backup-uid",
        "created": NOW - timedelta(seconds=20),
        "finished": None if state == "running" else NOW - timedelta(seconds=5),
    }
    return Task(name=name, state=state, **{**usual, **changes})  # type: ignore[arg-type]  # text


def task_pod(job: str, result: Json | None = None, failure: str = "", **changes: Any) -> TaskPod:
    """The Pod that a Job controls."""
    return TaskPod("p", job, result, failure, job_uid=f"uid-{job}", uid=f"pod-{job}", **changes)


def created(decision: BackupDecision | RestoreDecision) -> list[Json]:
    """The Jobs that are to be created."""
    found = [a for a in decision.actions if isinstance(a, CreateObject) and a.kind == "Job"]
    return [action.manifest for action in found]


def ended(name: str, code: int, message: str, **more: Any) -> Json:
    """The status of a container that ended with these last words."""
    return {"name": name, "state": {"terminated": {"exitCode": code, "message": message, **more}}}

"""Outcome of the last Job of an EtcdBackup: taken into the status, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from etcd_operator.api.backup import EtcdBackup, EtcdBackupStatus, TaskPhase
from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import format_time
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.reasons import backups, condition_types
from etcd_operator.core.status.verdict import Verdict
from etcd_operator.core.tasks.actions import DeleteJob, TaskAction
from etcd_operator.core.tasks.decision import TaskEvent, date_conditions, find_block, pause_after
from etcd_operator.core.tasks.jobs.status import DEADLINE_EXCEEDED, Task, TaskPod, find_pod, newest
from etcd_operator.json_types import Json


@dataclass(frozen=True, slots=True)
class BackupView:
    """All that is known about an EtcdBackup; `zone` is None for a time zone nobody knows.

    `warnings` are those of Events about its Jobs and their Pods, by the uid of either.
    """

    backup: EtcdBackup
    cluster: EtcdCluster | None
    tasks: tuple[Task, ...]
    pods: tuple[TaskPod, ...]
    now: datetime
    zone: tzinfo | None
    image: str
    warnings: Mapping[str, PodProblem] = field(default_factory=dict, hash=False)


def absorb(view: BackupView) -> tuple[EtcdBackupStatus, tuple[TaskEvent, ...]]:
    """Take the end of the newest Job into the status, once."""
    status = view.backup.status
    last = newest(tuple(task for task in view.tasks if not task.deleting))
    if last is not None and last.run and last.run <= format_time(view.now):
        done = max(filter(None, (status.last_schedule_time, last.run)))
        status = status.model_copy(update={"last_schedule_time": done})
    if last is None or last.state == "running" or last.name == status.last_job:
        return status, ()
    pod = find_pod(last, view.pods)
    if last.state == "succeeded" and pod and pod.result:
        return _record_success(view, status, last, pod.result)
    return _record_failure(view, status, last, pod)


def _explain_failure(view: BackupView, task: Task, pod: TaskPod | None) -> str:
    if pod and pod.failure and task.why != DEADLINE_EXCEEDED:
        return pod.failure
    if task.why == DEADLINE_EXCEEDED:
        seconds = view.backup.spec.timeout_seconds if view.backup.spec else 0
        said = find_block(view.backup.status.conditions)
        trouble = f" {said}" if said else ""
        return (
            f"It was not complete within spec.timeoutSeconds, {seconds} s: raise that, or see what "
            f"is slow.{trouble}"
        )
    return f"The Pod of Job {task.name} was gone before its result could be read."


def _record_success(
    view: BackupView, status: EtcdBackupStatus, task: Task, result: Json
) -> tuple[EtcdBackupStatus, tuple[TaskEvent, ...]]:
    ended = task.finished or view.now
    took = int((ended - task.created).total_seconds()) if task.created else 0
    revision, size = result.get("revision", 0), result.get("storedSize", 0)
    message = f"Backed up revision {revision} to {result['url']} in {took} s ({size} bytes)."
    verified = _judge_verified(result)
    status = status.model_copy(
        update={
            "phase": TaskPhase.COMPLETED,
            "message": message,
            "last_job": task.name,
            "start_time": format_time(task.created) if task.created else None,
            "completion_time": format_time(ended),
            "storage_path": result["url"],
            "backup_size": size,
            "snapshot_size": result.get("snapshotSize", 0),
            "etcd_version": result.get("etcdVersion", ""),
            "etcd_revision": revision,
            "key_count": result.get("keyCount", 0),
            "key_fingerprint": result.get("keyFingerprint", ""),
            "duration_seconds": took,
            "consecutive_failures": 0,
            "retry_time": None,
            "conditions": date_conditions(
                (Verdict(condition_types.COMPLETED, "True", backups.BACKED_UP, message), verified),
                status.conditions,
                view.now,
                view.backup.generation,
            ),
        }
    )
    return status, (TaskEvent("Normal", backups.BACKED_UP, message), *_report_retention(result))


def _report_retention(result: Json) -> Iterator[TaskEvent]:
    for text in result.get("warnings", ()):
        yield TaskEvent("Warning", backups.RETENTION_FAILED, text)
    if deleted := result.get("deleted"):
        yield TaskEvent("Normal", backups.EXPIRED, f"Deleted {deleted} older backups.")


def _judge_verified(result: Json) -> Verdict:
    if not result.get("verified"):
        return Verdict(
            condition_types.VERIFIED, "Unknown", backups.NOT_ASKED, "spec.verify is false."
        )
    return Verdict(condition_types.VERIFIED, "True", backups.COMPARED, result["verified"])


def _record_failure(
    view: BackupView, status: EtcdBackupStatus, task: Task, pod: TaskPod | None
) -> tuple[EtcdBackupStatus, tuple[TaskEvent, ...]]:
    why = _explain_failure(view, task, pod)
    failures = status.consecutive_failures + 1
    ended = task.finished or view.now
    verdicts = [Verdict(condition_types.COMPLETED, "False", backups.BACKUP_FAILED, why)]
    if pod and pod.failure_reason == backups.DIFFERS.name:
        verdicts.append(Verdict(condition_types.VERIFIED, "False", backups.DIFFERS, why))
    status = status.model_copy(
        update={
            "phase": TaskPhase.FAILED,
            "message": why,
            "last_job": task.name,
            "start_time": format_time(task.created) if task.created else None,
            "consecutive_failures": failures,
            "retry_time": format_time(ended + pause_after(failures)),
            "conditions": date_conditions(
                tuple(verdicts), status.conditions, view.now, view.backup.generation
            ),
        }
    )
    return status, (TaskEvent("Warning", backups.BACKUP_FAILED, why),)


def sweep(finished: tuple[Task, ...], status: EtcdBackupStatus) -> tuple[TaskAction, ...]:
    """Keep the newest Job of each end, whose log may be wanted; nothing unread goes."""
    kept = {newest(tuple(t for t in finished if t.state == s)) for s in ("succeeded", "failed")}
    last = newest(finished)
    if last is None or last.name != status.last_job:
        return ()
    return tuple(DeleteJob(task.name, task.uid) for task in finished if task not in kept)

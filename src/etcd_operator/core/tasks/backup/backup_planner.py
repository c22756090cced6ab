"""Decide about one EtcdBackup: look at what became of the last Job, then whether one is due.

A Job is one try. It is named after what it is for, so it can exist once only; what it said is
recorded in the status before another may begin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

from etcd_operator.api.backup import EtcdBackupSpec, EtcdBackupStatus, TaskPhase
from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.cluster import Condition, EtcdCluster
from etcd_operator.api.job_template import check_job_template
from etcd_operator.api.parse import format_time, parse_time
from etcd_operator.core.auth.login import find_account_of_jobs
from etcd_operator.core.model.naming import ANNOTATION_BACKUP_FROM
from etcd_operator.core.reasons import backups, condition_types, tasks
from etcd_operator.core.status.verdict import Verdict
from etcd_operator.core.tasks.actions import CreateObject, DeleteJob
from etcd_operator.core.tasks.backup.outcome import BackupView, absorb, sweep
from etcd_operator.core.tasks.backup.schedule import find_schedule_problem, last_time, next_time
from etcd_operator.core.tasks.consent import allows
from etcd_operator.core.tasks.decision import (
    TaskDecision,
    TaskEvent,
    date_conditions,
    seconds_until,
)
from etcd_operator.core.tasks.jobs.render import render_backup_job
from etcd_operator.core.tasks.jobs.status import Task, find_pod, find_pod_problem
from etcd_operator.core.tasks.store_problems import find_store_problem

WAITING: Final = 5.0
RUNNING: Final = 30.0
# Reasons that the condition Completed leaves when its Job gets on.
_HELD_UP: Final = (backups.JOB_BLOCKED.name, tasks.REFUSED_BY_KUBERNETES.name)


@dataclass(frozen=True, slots=True)
class BackupDecision(TaskDecision[EtcdBackupStatus]):
    """What to do about an EtcdBackup, and what to show."""


def decide(view: BackupView) -> BackupDecision:
    """Return what to do about a backup."""
    backup, spec = view.backup, view.backup.spec
    problem = _find_problem(view)
    zone = view.zone
    if problem or spec is None or zone is None:
        return _refuse(view, problem or "The spec cannot be read.")
    own = tuple(task for task in view.tasks if task.owner_uid == backup.uid)
    view = replace(view, tasks=own)
    status, events = absorb(view)
    if status.last_job != backup.status.last_job:
        # On record before another begins: what the Job said is nowhere else.
        return BackupDecision(_finish(view, spec, status), events=events, requeue_after=0.0)
    running = [task for task in own if task.state == "running" and not task.deleting]
    finished = tuple(task for task in own if task.state != "running" and not task.deleting)
    swept = sweep(finished, status)
    due = _find_due(view, spec, status, zone)
    if running:
        made = _follow(view, spec, status, running, due)
    elif due is None:
        made = _rest(view, spec, status)
    else:
        made = _begin(view, spec, status, due)
    begins = any(isinstance(action, CreateObject) for action in made.actions)
    return replace(
        made,
        status=_finish(view, spec, made.status, begins=begins),
        actions=(*swept, *made.actions),
    )


def _find_problem(view: BackupView) -> str | None:
    """Problem that makes the spec impossible, in one sentence."""
    spec = view.backup.spec
    if spec is None:
        return " ".join(view.backup.flaws)
    if spec.destination is None:
        field = spec.storage_type.lower()
        return f"spec.storageType is {spec.storage_type}, but spec.{field} is missing: set it."
    if view.zone is None:
        return f"spec.timeZone {spec.time_zone} is not known: use a name such as Europe/Berlin."
    if spec.schedule and (wrong := find_schedule_problem(spec.schedule)):
        return f"spec.schedule {spec.schedule} is not a schedule ({wrong}): use one like 0 2 * * *."
    wrong_settings = " ".join(check_job_template(spec.job_template))
    place = f"spec.{spec.storage_type.lower()}"
    return wrong_settings or find_store_problem(spec.destination, place) or None


def _refuse(view: BackupView, problem: str) -> BackupDecision:
    backup = view.backup
    verdict = Verdict(condition_types.COMPLETED, "False", backups.INVALID_SPEC, problem)
    status = backup.status.model_copy(
        update={
            "phase": TaskPhase.FAILED,
            "message": problem,
            "conditions": date_conditions(
                (verdict,), backup.status.conditions, view.now, backup.generation
            ),
            "observed_generation": backup.generation,
        }
    )
    return BackupDecision(status, events=(TaskEvent("Warning", backups.INVALID_SPEC, problem),))


# Whether one is due


@dataclass(frozen=True, slots=True)
class _Due:
    run: str  # the time of the schedule, empty without one
    moment: datetime


def _find_due(
    view: BackupView, spec: EtcdBackupSpec, status: EtcdBackupStatus, zone: tzinfo
) -> _Due | None:
    if spec.suspend:
        return None
    changed = view.backup.generation != view.backup.status.observed_generation
    retry = parse_time(status.retry_time)
    again = retry is not None and (changed or retry <= view.now)
    if not spec.schedule:
        if status.completion_time is not None or (retry is not None and not again):
            return None
        return _Due("", view.now)
    since = _last_run(view, status)
    latest = last_time(spec.schedule, view.now, zone)
    if latest > since:
        return _Due(format_time(latest), latest)
    return _Due(status.last_schedule_time or "", view.now) if again else None


def _last_run(view: BackupView, status: EtcdBackupStatus) -> datetime:
    """The time of the schedule that was handled last, or before which there is none to handle."""
    return parse_time(status.last_schedule_time) or view.backup.created or view.now


def _begin(
    view: BackupView, spec: EtcdBackupSpec, status: EtcdBackupStatus, due: _Due
) -> BackupDecision:
    late = view.now - due.moment
    deadline = spec.starting_deadline_seconds
    if due.run and deadline is not None and late > timedelta(seconds=deadline):
        missed = f"The backup of {due.run} is left out: it could not begin within {deadline} s."
        status = status.model_copy(update={"last_schedule_time": due.run, "message": missed})
        return BackupDecision(
            status, events=(TaskEvent("Warning", backups.MISSED_SCHEDULE, missed),), requeue_after=0
        )
    obstacle = _find_obstacle(view)
    if obstacle or view.cluster is None:
        return _wait(view, status, obstacle or "")
    seed = f"{status.last_job} {due.run} {view.backup.generation}"
    manifest = render_backup_job(view.backup, spec, view.cluster, view.image, seed, due.run)
    name = manifest["metadata"]["name"]
    why = f"Started to back up {view.cluster.name} with Job {name}."
    status = status.model_copy(
        update={
            "phase": TaskPhase.RUNNING,
            "message": f"Job {name} is to begin.",
            "retry_time": None,
            "start_time": format_time(view.now),
        }
    )
    return BackupDecision(status, (CreateObject("Job", manifest, why),), requeue_after=RUNNING)


def _find_obstacle(view: BackupView) -> str | None:
    """Why the cluster cannot be backed up now."""
    namespace, name = view.backup.cluster_key
    cluster = view.cluster
    if cluster is None:
        return f"EtcdCluster {name} does not exist in namespace {namespace}."
    if namespace != view.backup.namespace and not allows(
        cluster.annotations, view.backup.namespace
    ):
        return (
            f"EtcdCluster {name} of namespace {namespace} does not allow it: annotate it with "
            f"{ANNOTATION_BACKUP_FROM}={view.backup.namespace}."
        )
    if namespace != view.backup.namespace and cluster.spec.client_tls_mode is ClientTls.STRICT:
        return (
            f"EtcdCluster {name} of namespace {namespace} has TLS, and its certificates are there: "
            "create the EtcdBackup in that namespace."
        )
    if namespace != view.backup.namespace and _asks_for_password(cluster):
        return (
            f"EtcdCluster {name} of namespace {namespace} has users with passwords, and that of "
            "the operator is there: create the EtcdBackup in that namespace."
        )
    if not any(member.client_url for member in cluster.status.members):
        return f"EtcdCluster {name} has no members that run: {cluster.status.message}"
    quorum = next(
        (c for c in cluster.status.conditions if c.type == condition_types.QUORUM_HEALTHY), None
    )
    if quorum is None or quorum.status != "True":
        why = quorum.message if quorum else "it is not formed yet."
        return f"EtcdCluster {name} has no quorum, and its newest writes may be unknown: {why}"
    if cluster.spec.release == (0, 0, 0):
        return f"EtcdCluster {name} has no version of etcd that is understood."
    return None


def _asks_for_password(cluster: EtcdCluster) -> bool:
    auth = cluster.spec.auth
    off = auth is not None and auth.mode != "Unmanaged" and not auth.enabled
    return not off and find_account_of_jobs(cluster) is not None


def _wait(view: BackupView, status: EtcdBackupStatus, obstacle: str) -> BackupDecision:
    message = f"The backup waits: {obstacle}"
    verdict = Verdict(condition_types.COMPLETED, "False", backups.WAITING, message)
    status = status.model_copy(
        update={
            "phase": TaskPhase.PENDING,
            "message": message,
            "conditions": date_conditions(
                (verdict,), status.conditions, view.now, view.backup.generation
            ),
        }
    )
    return BackupDecision(
        status, events=(TaskEvent("Warning", backups.WAITING, message),), requeue_after=WAITING
    )


def _follow(
    view: BackupView,
    spec: EtcdBackupSpec,
    status: EtcdBackupStatus,
    running: list[Task],
    due: _Due | None,
) -> BackupDecision:
    """A Job runs: say how it stands, and end it where another is to take its place."""
    task = running[0]
    trouble = find_pod_problem(task, view.pods, view.warnings)
    message = f"Job {task.name} is running."
    if trouble:
        message = f"Job {task.name} cannot go on: {trouble.reason}: {trouble.message}"
    status = status.model_copy(
        update={
            "phase": TaskPhase.RUNNING,
            "message": message,
            "start_time": format_time(task.created) if task.created else status.start_time,
            "conditions": _judge_running(view, status, message, blocked=trouble is not None),
        }
    )
    overtaken = due is not None and due.run > task.run
    if spec.suspend or not overtaken or spec.concurrency_policy == "Forbid":
        return BackupDecision(status, requeue_after=_look_again(view, task))
    events = TaskEvent(
        "Warning", backups.REPLACED, f"Ended Job {task.name}: the next backup is due."
    )
    return BackupDecision(
        status, tuple(DeleteJob(t.name, t.uid) for t in running), (events,), requeue_after=1.0
    )


def _judge_running(
    view: BackupView, status: EtcdBackupStatus, message: str, *, blocked: bool
) -> tuple[Condition, ...]:
    """The conditions are about the backup before, but for a Job that cannot go on."""
    was_blocked = any(c.reason in _HELD_UP for c in status.conditions)
    if not blocked and not was_blocked:
        return status.conditions
    verdict = Verdict(
        condition_types.COMPLETED,
        "False",
        backups.JOB_BLOCKED if blocked else backups.RUNNING,
        message,
    )
    return date_conditions((verdict,), status.conditions, view.now, view.backup.generation)


def _look_again(view: BackupView, task: Task) -> float:
    """Of a Pod that does not exist or begin no watch tells why."""
    pod = find_pod(task, view.pods)
    return WAITING if pod is None or pod.idle or pod.problem else RUNNING


def _rest(view: BackupView, spec: EtcdBackupSpec, status: EtcdBackupStatus) -> BackupDecision:
    """Nothing is due."""
    wakes = [seconds_until(parse_time(status.retry_time), view.now)]
    if spec.schedule and view.zone is not None and not spec.suspend:
        wakes.append(seconds_until(next_time(spec.schedule, view.now, view.zone), view.now))
    refused = status.phase is TaskPhase.FAILED and status.retry_time is None
    if refused or status.phase in (None, TaskPhase.PENDING, TaskPhase.RUNNING):
        status = _show_rest(view, spec, status)
    known = [wake for wake in wakes if wake is not None]
    return BackupDecision(status, requeue_after=min(known, default=None))


def _show_rest(
    view: BackupView, spec: EtcdBackupSpec, status: EtcdBackupStatus
) -> EtcdBackupStatus:
    message = "It waits for the time of the schedule."
    if spec.suspend:
        message = "No backup is begun while spec.suspend is true."
    done = status.completion_time is not None
    verdict = Verdict(
        condition_types.COMPLETED, "True" if done else "False", backups.WAITING, message
    )
    return status.model_copy(
        update={
            "phase": TaskPhase.COMPLETED if done else TaskPhase.PENDING,
            "message": message,
            "conditions": date_conditions(
                (verdict,), status.conditions, view.now, view.backup.generation
            ),
        }
    )


def _finish(
    view: BackupView, spec: EtcdBackupSpec, status: EtcdBackupStatus, *, begins: bool = False
) -> EtcdBackupStatus:
    """Status with what every one says: the next time, and which spec it is about.

    That time is past while a backup that is due has not begun: BackupHealthy tells by it.
    """
    upcoming = None
    if spec.schedule and view.zone is not None and not spec.suspend:
        since = view.now if begins else min(_last_run(view, status), view.now)
        upcoming = format_time(next_time(spec.schedule, since, view.zone))
    return status.model_copy(
        update={"next_schedule_time": upcoming, "observed_generation": view.backup.generation}
    )

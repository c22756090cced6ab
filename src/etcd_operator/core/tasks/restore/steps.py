"""Steps of both kinds of restore: fill a disk for each member, count failures, report."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Final

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import format_time, parse_time
from etcd_operator.api.restore import EtcdRestoreSpec, EtcdRestoreStatus
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.objects.statefulset import render_claim
from etcd_operator.core.reasons import condition_types, restores
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.status.verdict import Verdict
from etcd_operator.core.tasks.actions import CreateObject, DeleteJob, TaskAction
from etcd_operator.core.tasks.decision import (
    TaskDecision,
    date_conditions,
    pause_after,
    seconds_until,
)
from etcd_operator.core.tasks.jobs.render import render_restore_job
from etcd_operator.core.tasks.jobs.status import (
    DEADLINE_EXCEEDED,
    Task,
    find_pod,
    find_pod_problem,
    newest,
)
from etcd_operator.core.tasks.restore.source import RestoreView, Source, Stop, name_flaws
from etcd_operator.json_types import Json
from etcd_operator.wording import part_of

WAITING: Final = 5.0
NEXT_STEP: Final = 1.0  # what was asked of Kubernetes takes no longer


@dataclass(frozen=True, slots=True)
class RestoreDecision(TaskDecision[EtcdRestoreStatus]):
    """What to do about an EtcdRestore, and what to show."""


@dataclass(frozen=True, slots=True)
class TargetIdentity:
    """The etcd cluster to be: how many members it has, and the uid that its token is made of.

    The token sets it apart from every other; `old_claims` are uids of claims that are not its.
    """

    size: int
    uid: str
    old_claims: frozenset[str] = frozenset()


def delete_jobs(view: RestoreView) -> tuple[TaskAction, ...]:
    """Delete the Jobs: even a Pod that has ended keeps its disk from being deleted."""
    return tuple(DeleteJob(task.name, task.uid) for task in own_tasks(view))


def own_tasks(view: RestoreView) -> tuple[Task, ...]:
    """The Jobs that this very EtcdRestore has made and keeps."""
    return tuple(t for t in view.tasks if t.owner_uid == view.restore.uid and not t.deleting)


def find_running_problem(view: RestoreView, own: tuple[Task, ...]) -> str:
    """Problem that keeps a Job's Pod waiting, as a sentence to append; empty if there is none."""
    for task in own:
        trouble = (
            find_pod_problem(task, view.pods, view.warnings) if task.state == "running" else None
        )
        if trouble is not None:
            return f" Job {task.name} cannot go on: {trouble.reason}: {trouble.message}"
    return ""


def know_result(view: RestoreView, status: EtcdRestoreStatus) -> Json:
    """Findings of the Jobs about the snapshot, as fields of the status."""
    pods = (find_pod(task, view.pods) for task in own_tasks(view))
    known: Json = next((pod.result for pod in pods if pod and pod.result), {})
    return {
        "restored_size": known.get("snapshotSize") or status.restored_size,
        "restored_revision": known.get("revision") or status.restored_revision,
    }


def say_filled(size: int, source: Source) -> str:
    """Return the sentence of disks that are all filled."""
    disks = f"All {size} disks are" if size > 1 else "The disk is"
    return f"{disks} filled from {source.url}."


def fill_disks(
    view: RestoreView,
    spec: EtcdRestoreSpec,
    source: Source,
    target: EtcdCluster,
    identity: TargetIdentity,
) -> RestoreDecision | None:
    """Make the disks and fill each by a Job of its own; None when all of them are filled."""
    size, naming = identity.size, Naming.of(target, view.domain)
    actions: list[TaskAction] = list(_make_claims(view, target, naming, identity))
    own = own_tasks(view)
    last = {o: newest(tuple(t for t in own if t.ordinal == o)) for o in range(size)}
    failed = [task for task in last.values() if task and task.state == "failed"]
    filled = [o for o, task in last.items() if task and task.state == "succeeded"]
    status = count_failures(view, own)
    retry = parse_time(status.retry_time)
    if len(filled) == size:
        return None
    if target.flaws:  # no disk of a default size, and nothing of a default version
        raise Stop(TaskPhase.PENDING, restores.INVALID_CLUSTER, name_flaws(target))
    if failed and retry is not None and retry > view.now:
        return RestoreDecision(status, tuple(actions), requeue_after=seconds_until(retry, view.now))
    for ordinal, task in last.items():
        if task is None or task.state == "failed":
            seed = f"{target.uid} {ordinal} {task.name if task else ''} {view.restore.generation}"
            job = render_restore_job(
                view.restore, spec, source, target,
                replace(naming, uid=identity.uid), ordinal, size, view.image, seed,
            )  # fmt: skip
            why = f"Started to fill the disk of {naming.member(ordinal)}."
            actions.append(CreateObject("Job", job, why))
    done = part_of(len(filled), size, "disk", "are")
    message = f"{done} filled from {source.url}."
    message += find_running_problem(view, own)
    shown = show(view, TaskPhase.RUNNING, restores.RESTORING, message)
    shown = shown.model_copy(update={"failures": status.failures, "retry_time": status.retry_time})
    return RestoreDecision(shown, tuple(actions), requeue_after=WAITING)


def _make_claims(
    view: RestoreView, target: EtcdCluster, naming: Naming, identity: TargetIdentity
) -> list[TaskAction]:
    ours = (claim for claim in view.claims if claim.owner_uid == target.uid)
    there = {claim.name for claim in ours if claim.uid not in identity.old_claims}
    made: list[TaskAction] = []
    kinds = (False, True) if target.spec.storage.wal else (False,)
    for ordinal, wal in itertools.product(range(identity.size), kinds):
        name = naming.claim(ordinal, wal=wal)
        if name not in there:
            manifest = render_claim(target.spec, naming, wal=wal)
            manifest["metadata"] = {
                **manifest["metadata"], "name": name, "namespace": naming.namespace,
            }  # fmt: skip
            made.append(
                CreateObject(
                    "PersistentVolumeClaim", manifest, f"Created PersistentVolumeClaim {name}."
                )
            )
    return made


def count_failures(view: RestoreView, own: tuple[Task, ...]) -> EtcdRestoreStatus:
    """The status after the failures so far: each failed Job is one."""
    failures = [task for task in own if task.state == "failed"]
    last = newest(tuple(failures))
    status = view.restore.status
    if last is None or len(failures) <= status.failures:
        return status
    pod = find_pod(last, view.pods)
    why = pod.failure if pod and pod.failure else ""
    if not why and last.why == DEADLINE_EXCEEDED:
        why = "It was not complete within spec.timeoutSeconds: raise that, or see what is slow."
        found = find_pod_problem(last, view.pods, view.warnings)
        why += f" It waited for this: {found.reason}: {found.message}" if found else ""
    why = why or f"The Pod of Job {last.name} was gone before its result could be read."
    retry = (last.finished or view.now) + pause_after(len(failures))
    shown = show(view, TaskPhase.FAILED, restores.RESTORE_FAILED, why)
    return shown.model_copy(update={"failures": len(failures), "retry_time": format_time(retry)})


def show(view: RestoreView, phase: TaskPhase, reason: Reason, message: str) -> EtcdRestoreStatus:
    """The status with this phase and sentence; the condition Completed says the same."""
    done = phase is TaskPhase.COMPLETED
    verdict = Verdict(condition_types.COMPLETED, "True" if done else "False", reason, message)
    status, restore = view.restore.status, view.restore
    return status.model_copy(
        update={
            "phase": phase,
            "message": message,
            "start_time": status.start_time or format_time(view.now),
            "conditions": date_conditions(
                (verdict,), status.conditions, view.now, restore.generation
            ),
            "observed_generation": restore.generation,
        }
    )

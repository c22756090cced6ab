"""Decide about an EtcdRestore of type Replace: check the backup, then have the cluster replaced.

The EtcdCluster's own rules stop the members, set their disks aside and start the new ones; what is
decided here is when they may: the wish is put on the EtcdCluster only when a Job has fetched the
backup and restored it for trial. Taking the wish away undoes it. The finalizer sees to that when
the EtcdRestore is deleted.
"""

from __future__ import annotations

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import SIZES, EtcdCluster
from etcd_operator.api.parse import format_time, parse_time
from etcd_operator.api.restore import EtcdRestoreSpec
from etcd_operator.api.validation import find_problems
from etcd_operator.core.bootstrap.gate_record import (
    ANNOTATION_RESTORE,
    ANNOTATION_RESTORE_SIZE,
    ANNOTATION_RESTORED,
)
from etcd_operator.core.in_place_restore.record import (
    ANNOTATION_WISH,
    RestoreRecord,
    Stage,
    find_restore_record,
    find_restore_request,
    is_unreadable,
)
from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.core.reasons import condition_types, restores
from etcd_operator.core.status.verdict import Verdict
from etcd_operator.core.tasks.actions import (
    AnnotateCluster,
    CreateObject,
    SetRestoreFinalizer,
    TaskAction,
)
from etcd_operator.core.tasks.decision import TaskEvent, date_conditions, seconds_until
from etcd_operator.core.tasks.jobs.render import render_check_job
from etcd_operator.core.tasks.jobs.status import newest
from etcd_operator.core.tasks.restore.source import (
    RestoreView,
    Source,
    Stop,
    check_version,
    find_source,
)
from etcd_operator.core.tasks.restore.steps import (
    NEXT_STEP,
    WAITING,
    RestoreDecision,
    TargetIdentity,
    count_failures,
    delete_jobs,
    fill_disks,
    find_running_problem,
    know_result,
    own_tasks,
    say_filled,
    show,
)


def continue_in_place(view: RestoreView, spec: EtcdRestoreSpec) -> RestoreDecision:
    """Return what to do next about a restore in place; raises Stop."""
    target, begun = view.target, bool(view.restore.status.restored_cluster)
    wished = target is not None and find_restore_request(target) == view.restore.uid
    record = _find_own_record(view)
    if target is None or target.deleting:
        raise _refuse_absent(view, spec)
    if record is None and not wished:
        if target.annotations.get(ANNOTATION_RESTORED) == view.restore.uid:
            return _complete(view, target)
        if begun:
            return _tell_undone(view, target)
        _check_target(target)
    if record is not None and not wished and record.stage is not Stage.SERVE:
        message = f"EtcdCluster {target.name}: {target.status.message}"
        status = show(view, TaskPhase.RUNNING, restores.UNDOING, message)
        return RestoreDecision(status, delete_jobs(view), requeue_after=NEXT_STEP)
    source = find_source(view, spec)
    if view.restore.status.source_url != source.url:
        status = show(view, TaskPhase.RUNNING, restores.RESTORING, f"Restoring {source.url}.")
        return RestoreDecision(
            status.model_copy(update={"source_url": source.url}), requeue_after=NEXT_STEP
        )
    if not wished and record is None:
        if not _is_verified(view):
            check_version(source, target.spec, "spec.version of the EtcdCluster")
            return _verify(view, spec, source, target)
        return _request_restore(view, target, source)
    if record is not None and record.stage is Stage.FILL:
        return _fill(view, spec, source, target, record)
    status = show(view, TaskPhase.RUNNING, restores.RESTORING, target.status.message)
    status = status.model_copy(update={"restored_cluster": target.name})
    return RestoreDecision(status, delete_jobs(view), requeue_after=NEXT_STEP)


def undo_in_place(view: RestoreView) -> RestoreDecision:
    """The EtcdRestore is being deleted: take the wish away, and go when nothing is left of it."""
    target, record = view.target, _find_own_record(view)
    wished = target is not None and find_restore_request(target) == view.restore.uid
    serves = record is not None and record.stage is Stage.SERVE
    if target is None or target.deleting or serves or (record is None and not wished):
        return RestoreDecision(view.restore.status, (*delete_jobs(view), *_hold(view, held=False)))
    actions: tuple[TaskAction, ...] = delete_jobs(view)
    if wished:
        why = f"The restore into EtcdCluster {target.name} is undone: its EtcdRestore is deleted."
        marks = {ANNOTATION_WISH: None}
        mark = AnnotateCluster(
            target.name, target.uid, target.resource_version, marks, why, restores.RESTORE_UNDONE
        )
        actions = (mark, *actions)
    status = show(
        view,
        TaskPhase.RUNNING,
        restores.UNDOING,
        f"EtcdCluster {target.name}: {target.status.message}",
    )
    return RestoreDecision(status, actions, requeue_after=NEXT_STEP)


def _find_own_record(view: RestoreView) -> RestoreRecord | None:
    record = find_restore_record(view.target) if view.target else None
    return record if record and record.restore == view.restore.uid else None


def _hold(view: RestoreView, *, held: bool) -> tuple[TaskAction, ...]:
    """The finalizer keeps the EtcdRestore until the EtcdCluster is as it was, or serves."""
    restore = view.restore
    if (FINALIZER in restore.finalizers) is held:
        return ()
    others = tuple(name for name in restore.finalizers if name != FINALIZER)
    finalizers = (*others, FINALIZER) if held else others
    return (SetRestoreFinalizer(restore.name, restore.uid, restore.resource_version, finalizers),)


def _refuse_absent(view: RestoreView, spec: EtcdRestoreSpec) -> Stop:
    name = spec.cluster_name
    if view.restore.status.restored_cluster:
        return Stop(
            TaskPhase.FAILED,
            restores.CLUSTER_DELETED,
            f"EtcdCluster {name} was deleted before it was restored. PersistentVolumes that were "
            "set aside have the annotation etcd.etcd.io/quarantined-from: delete them if their "
            "data is not needed.",
        )
    return Stop(
        TaskPhase.PENDING,
        restores.NO_CLUSTER,
        f"EtcdCluster {name} does not exist, so nothing can be replaced: restore with restoreType "
        "New.",
    )


def _check_target(target: EtcdCluster) -> None:
    """Refuse a cluster that cannot be restored in place now; each of these can change."""
    name = f"EtcdCluster {target.name}"
    if find_restore_request(target) or find_restore_record(target) or is_unreadable(target):
        raise Stop(
            TaskPhase.PENDING,
            restores.CLUSTER_BUSY,
            f"{name} is being restored by another EtcdRestore.",
        )
    if not target.status.cluster_id:
        raise Stop(
            TaskPhase.PENDING,
            restores.NOT_FORMED,
            f"{name} was never formed: wait for that, or delete it and restore with restoreType "
            "New.",
        )
    if target.spec.size == 0:
        raise Stop(
            TaskPhase.PENDING,
            restores.STOPPED,
            f"{name} is stopped: set its spec.size to restore it.",
        )
    if target.spec.paused:
        raise Stop(
            TaskPhase.PENDING,
            restores.PAUSED,
            f"spec.paused of {name} is true: set it to false first.",
        )
    _check_spec(target)


def _check_spec(target: EtcdCluster) -> None:
    name = f"EtcdCluster {target.name}"
    if target.spec.storage.ephemeral is not None:
        raise Stop(
            TaskPhase.FAILED,
            restores.INVALID_CLUSTER,
            f"{name} has spec.storage.ephemeral, so no disk keeps its data until the restored one "
            "serves: restore with restoreType New into a cluster with disks.",
        )
    problems = find_problems(target)
    if problems:
        said = " ".join(problem.sentence for problem in problems)
        raise Stop(
            TaskPhase.PENDING, restores.INVALID_CLUSTER, f"{name} has to be corrected: {said}"
        )


# Before anything is touched


def _is_verified(view: RestoreView) -> bool:
    return any(
        c.type == condition_types.VERIFIED and c.status == "True"
        for c in view.restore.status.conditions
    )


def _verify(
    view: RestoreView, spec: EtcdRestoreSpec, source: Source, target: EtcdCluster
) -> RestoreDecision:
    """Have a Job fetch the backup and restore it for trial, while the cluster serves."""
    own = own_tasks(view)
    last = newest(own)
    if last is not None and last.state == "succeeded":
        message = f"{source.url} was downloaded, verified and restored for trial."
        status = show(view, TaskPhase.RUNNING, restores.VERIFIED, message)
        verdict = (Verdict(condition_types.VERIFIED, "True", restores.RESTORABLE, message),)
        generation = view.restore.generation
        known = {
            **know_result(view, status),
            "conditions": date_conditions(verdict, status.conditions, view.now, generation),
            "retry_time": None,
        }
        return RestoreDecision(status.model_copy(update=known), requeue_after=0.0)
    failed = count_failures(view, own)
    retry = parse_time(failed.retry_time)
    if last is not None and last.state == "failed" and retry is not None and retry > view.now:
        return RestoreDecision(failed, requeue_after=seconds_until(retry, view.now))
    message = (
        f"{source.url} is downloaded and verified; EtcdCluster {target.name} is not touched yet."
    )
    message += find_running_problem(view, own)
    status = show(view, TaskPhase.RUNNING, restores.VERIFYING, message)
    counted = {"failures": failed.failures, "retry_time": failed.retry_time}
    status = status.model_copy(update=counted)
    if last is not None and last.state == "running":
        return RestoreDecision(status, requeue_after=WAITING)
    seed = f"check {target.uid} {last.name if last else ''} {view.restore.generation}"
    job = render_check_job(view.restore, spec, source, target, view.image, seed)
    create = CreateObject("Job", job, f"Started to download and verify {source.url}.")
    return RestoreDecision(status, (create,), requeue_after=WAITING)


def _request_restore(view: RestoreView, target: EtcdCluster, source: Source) -> RestoreDecision:
    """From here on the EtcdCluster is ours, and no other restore's."""
    why = f"EtcdCluster {target.name} is restored in place from {source.url}."
    marks = {ANNOTATION_WISH: view.restore.uid}
    request = AnnotateCluster(
        target.name, target.uid, target.resource_version, marks, why, restores.RESTORING_IN_PLACE
    )
    status = show(view, TaskPhase.RUNNING, restores.RESTORING, why)
    status = status.model_copy(update={"restored_cluster": target.name})
    actions = (*_hold(view, held=True), request, *delete_jobs(view))
    return RestoreDecision(status, actions, requeue_after=NEXT_STEP)


# Afterwards


def _fill(
    view: RestoreView,
    spec: EtcdRestoreSpec,
    source: Source,
    target: EtcdCluster,
    record: RestoreRecord,
) -> RestoreDecision:
    if record.size not in SIZES[1:]:
        message = f"The record of the restore on EtcdCluster {target.name} was edited: undo it."
        raise Stop(TaskPhase.FAILED, restores.RECORD_UNREADABLE, message)
    old = frozenset(disk.claim_uid for disk in record.disks)
    decision = fill_disks(
        view, spec, source, target, TargetIdentity(record.size, view.restore.uid, old)
    )
    if decision is not None:
        return decision
    uid, size = view.restore.uid, str(record.size)
    marks = {
        ANNOTATION_RESTORE: uid,
        ANNOTATION_RESTORE_SIZE: size,
        ANNOTATION_RESTORED: uid,
        "etcd.etcd.io/restored-from": source.url,
    }
    why = say_filled(record.size, source)
    mark = AnnotateCluster(target.name, target.uid, target.resource_version, marks, why)
    status = show(view, TaskPhase.RUNNING, restores.STARTING, f"{why} The members start.")
    known = {**know_result(view, status), "retry_time": None}
    return RestoreDecision(status.model_copy(update=known), (mark,), requeue_after=NEXT_STEP)


def _complete(view: RestoreView, target: EtcdCluster) -> RestoreDecision:
    message = f"EtcdCluster {target.name} serves what {view.restore.status.source_url} held."
    status = show(view, TaskPhase.COMPLETED, restores.RESTORED, message)
    known = {
        "completion_time": format_time(view.now),
        "restored_cluster": target.name,
        "retry_time": None,
    }
    events = TaskEvent("Normal", restores.RESTORED, message)
    actions = (*delete_jobs(view), *_hold(view, held=False))
    return RestoreDecision(status.model_copy(update=known), actions, (events,))


def _tell_undone(view: RestoreView, target: EtcdCluster) -> RestoreDecision:
    message = (
        f"The restore in place was undone: the annotation {ANNOTATION_WISH} was taken from "
        f"EtcdCluster {target.name}, which has its earlier disks again. Create another "
        "EtcdRestore to restore."
    )
    status = show(view, TaskPhase.FAILED, restores.UNDONE, message)
    actions = (*delete_jobs(view), *_hold(view, held=False))
    return RestoreDecision(status, actions, (TaskEvent("Warning", restores.UNDONE, message),))

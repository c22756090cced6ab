"""Decide about one EtcdRestore: make the EtcdCluster, fill a disk for each member, let it form.

The EtcdCluster exists first: its uid is part of the token that keeps it apart from the cluster that
was backed up, and its annotation keeps it from forming before every disk is filled. Each step is
seen in the objects themselves, so that it goes on from wherever it was interrupted.
"""

from __future__ import annotations

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import GROUP, SIZES, VERSION, EtcdCluster, EtcdClusterSpec
from etcd_operator.api.job_template import check_job_template
from etcd_operator.api.metadata import InheritedMetadata
from etcd_operator.api.parse import format_time
from etcd_operator.api.restore import EtcdRestore, EtcdRestoreSpec
from etcd_operator.core.bootstrap.gate_record import (
    ANNOTATION_RESTORE,
    ANNOTATION_RESTORE_SIZE,
    ANNOTATION_RESTORED,
)
from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.core.reasons import condition_types, restores
from etcd_operator.core.tasks.actions import AnnotateCluster, CreateObject
from etcd_operator.core.tasks.decision import TaskEvent
from etcd_operator.core.tasks.restore.in_place import continue_in_place, undo_in_place
from etcd_operator.core.tasks.restore.source import (
    RestoreView,
    Source,
    Stop,
    check_template,
    choose_template,
    find_source,
)
from etcd_operator.core.tasks.restore.steps import (
    NEXT_STEP,
    WAITING,
    RestoreDecision,
    TargetIdentity,
    delete_jobs,
    fill_disks,
    know_result,
    say_filled,
    show,
)
from etcd_operator.json_types import Json


def decide(view: RestoreView) -> RestoreDecision:
    """Return what to do about a restore."""
    if view.restore.deleting:
        return undo_in_place(view)
    if view.restore.status.phase is TaskPhase.COMPLETED:
        return RestoreDecision(view.restore.status, delete_jobs(view))
    try:
        return _go_on(view)
    except Stop as stop:
        events = TaskEvent("Warning", stop.reason, stop.message)
        status = show(view, stop.phase, stop.reason, stop.message)
        abandoned = view.target is None or view.target.deleting
        actions = delete_jobs(view) if abandoned else ()
        return RestoreDecision(status, actions, events=(events,), requeue_after=WAITING)


def _go_on(view: RestoreView) -> RestoreDecision:
    spec = view.restore.spec
    if spec is None:
        raise Stop(TaskPhase.FAILED, restores.INVALID_SPEC, " ".join(view.restore.flaws))
    if problem := " ".join(check_job_template(spec.job_template)):
        raise Stop(TaskPhase.FAILED, restores.INVALID_SPEC, problem)
    if spec.restore_type == "Replace":
        return continue_in_place(view, spec)
    target = view.target
    restored = target is not None and _annotation(target, ANNOTATION_RESTORED) == view.restore.uid
    if target is not None:
        _check_target(view, target)
        if restored:
            return _await_cluster(view, target)
    source = find_source(view, spec)
    if view.restore.status.source_url != source.url:
        # On record before anything is made: every member is restored from this very backup.
        status = show(view, TaskPhase.RUNNING, restores.RESTORING, f"Restoring {source.url}.")
        status = status.model_copy(update={"source_url": source.url})
        return RestoreDecision(status, requeue_after=0.0)
    if target is None:
        return _make_cluster(view, spec, source)
    identity = TargetIdentity(_read_size(target), target.uid)
    decision = fill_disks(view, spec, source, target, identity)
    return decision or _release(view, target, source, identity.size)


def _annotation(cluster: EtcdCluster, name: str) -> str:
    return cluster.annotations.get(name, "")


def _read_size(target: EtcdCluster) -> int:
    """How many disks are to be filled; the annotation may have been edited."""
    text = _annotation(target, ANNOTATION_RESTORE_SIZE)
    if text not in {str(size) for size in SIZES if size}:
        raise Stop(
            TaskPhase.FAILED,
            restores.RECORD_UNREADABLE,
            f"The annotation {ANNOTATION_RESTORE_SIZE} of EtcdCluster {target.name} was edited and "
            f"is no size ({text[:20]}): delete that EtcdCluster, and create another EtcdRestore.",
        )
    return int(text)


def _check_target(view: RestoreView, target: EtcdCluster) -> None:
    mark = _annotation(target, ANNOTATION_RESTORE)
    if mark == view.restore.uid and not target.deleting:
        return
    if target.deleting:
        raise Stop(
            TaskPhase.PENDING,
            restores.NAME_TAKEN,
            f"EtcdCluster {target.name} is still being deleted.",
        )
    if mark and not _annotation(target, ANNOTATION_RESTORED):
        raise Stop(
            TaskPhase.FAILED,
            restores.NAME_TAKEN,
            f"EtcdCluster {target.name} was begun by another EtcdRestore that never completed: "
            "delete that EtcdCluster, and it is made anew.",
        )
    raise Stop(
        TaskPhase.FAILED,
        restores.NAME_TAKEN,
        f"EtcdCluster {target.name} exists, and a restore never touches a cluster that it did not "
        "make: choose another spec.clusterName in a new EtcdRestore, or delete that EtcdCluster.",
    )


# The cluster


def _make_cluster(view: RestoreView, spec: EtcdRestoreSpec, source: Source) -> RestoreDecision:
    if view.restore.status.restored_cluster:
        raise Stop(
            TaskPhase.FAILED,
            restores.CLUSTER_DELETED,
            f"EtcdCluster {spec.cluster_name} was deleted before it was restored: create a new "
            "EtcdRestore to begin again.",
        )
    template = choose_template(view, spec, source)
    check_template(view, spec, template, source)
    manifest = _render_cluster(view.restore, spec, template, source)
    message = f"Created EtcdCluster {spec.cluster_name}, whose disks are filled from {source.url}."
    status = show(view, TaskPhase.RUNNING, restores.RESTORING, message)
    status = status.model_copy(update={"restored_cluster": spec.cluster_name})
    return RestoreDecision(
        status, (CreateObject("EtcdCluster", manifest, message),), requeue_after=0.0
    )


def _render_cluster(
    restore: EtcdRestore, spec: EtcdRestoreSpec, template: EtcdClusterSpec, source: Source
) -> Json:
    inherited = template.inherited_metadata or InheritedMetadata()
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "EtcdCluster",
        "metadata": {
            "name": spec.cluster_name,
            "namespace": restore.namespace,
            "finalizers": [FINALIZER],
            **({"labels": dict(inherited.labels)} if inherited.labels else {}),
            "annotations": {
                **(inherited.annotations or {}),
                ANNOTATION_RESTORE: restore.uid,
                ANNOTATION_RESTORE_SIZE: str(template.size),
                "etcd.etcd.io/restored-from": source.url,
            },
        },
        "spec": template.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def _release(
    view: RestoreView,
    target: EtcdCluster,
    source: Source,
    size: int,
) -> RestoreDecision:
    """Every disk is filled: let the cluster form from them."""
    why = say_filled(size, source)
    mark = {ANNOTATION_RESTORED: view.restore.uid}
    action = AnnotateCluster(target.name, target.uid, target.resource_version, mark, why)
    shown = show(view, TaskPhase.RUNNING, restores.STARTING, f"{why} The members start.")
    known = know_result(view, view.restore.status)
    shown = shown.model_copy(update={**known, "retry_time": None})
    return RestoreDecision(shown, (action,), requeue_after=NEXT_STEP)


def _await_cluster(view: RestoreView, target: EtcdCluster) -> RestoreDecision:
    available = any(
        c.type == condition_types.AVAILABLE and c.status == "True" for c in target.status.conditions
    )
    if not available:
        message = f"The disks are filled, and the members start: {target.status.message}"
        status = show(view, TaskPhase.RUNNING, restores.STARTING, message)
        return RestoreDecision(status, delete_jobs(view), requeue_after=NEXT_STEP)
    status = view.restore.status
    message = f"EtcdCluster {target.name} serves what {status.source_url} held."
    shown = show(view, TaskPhase.COMPLETED, restores.RESTORED, message)
    shown = shown.model_copy(
        update={
            "completion_time": format_time(view.now),
            "restored_cluster": target.name,
            "retry_time": None,
        }
    )
    return RestoreDecision(
        shown, delete_jobs(view), (TaskEvent("Normal", restores.RESTORED, message),)
    )

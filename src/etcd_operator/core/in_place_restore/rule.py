"""Restore in place: an EtcdRestore replaces what the cluster holds, undoable until that serves.

Two rules walk the table of `machine`, at their places among the rules: until members start from the
restored disks no other rule decides; the earlier disks are let go when the usual rules have nothing
more urgent to do. A stage is recorded here, with what its transition does, and nowhere else.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import RecordRestore
from etcd_operator.core.bootstrap.gate import lay_out
from etcd_operator.core.in_place_restore.machine import MACHINE
from etcd_operator.core.in_place_restore.record import (
    RestoreRecord,
    Stage,
    find_restore_record,
    find_restore_request,
    is_unreadable,
)
from etcd_operator.core.in_place_restore.steps import Restoring, find_disks
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.state_machine import Transition
from etcd_operator.core.reasons import attention


def restore_in_place(snapshot: Snapshot) -> Decision | None:
    """Take the next step of a restore in place, or of undoing it."""
    if is_unreadable(snapshot.cluster):
        return _refuse_unreadable()
    view = Restoring(snapshot, find_restore_record(snapshot.cluster))
    return None if view.stage is Stage.SERVE else _walk(view)


def release_old_disks(snapshot: Snapshot) -> Decision | None:
    """Let the earlier cluster's disks go when every member of the restored one serves."""
    view = Restoring(snapshot, find_restore_record(snapshot.cluster))
    return _walk(view) if view.stage is Stage.SERVE else None


def _walk(view: Restoring) -> Decision | None:
    row = MACHINE.find_row(view.stage, view)
    if row is None:
        return None
    decision = row.do(view)
    if isinstance(row, Transition):
        return replace(decision, actions=(*decision.actions, _record(view, row.to)))
    return decision


def _record(view: Restoring, to: Enum | None) -> RecordRestore:
    """The write of the record onto the EtcdCluster as it was looked at; at the end it goes."""
    cluster, following = view.snapshot.cluster, None
    undone = to is None and view.stage is not Stage.SERVE
    if to is not None:
        record = view.record or _begin(view.snapshot)
        following = replace(record, stage=Stage(to), disks=find_disks(view))
    return RecordRestore(following, cluster.uid, cluster.resource_version, undone)


def _begin(snapshot: Snapshot) -> RestoreRecord:
    """The first record: who wants it, how many members there are to be, and who there are."""
    cluster_id = snapshot.recorded_cluster_id or 0
    return RestoreRecord(
        stage=Stage.KEEP,
        restore=find_restore_request(snapshot.cluster),
        cluster_id=cluster_id,
        size=snapshot.spec.size,
        members=lay_out(snapshot, cluster_id).listed,
        version=snapshot.template_version,
    )


def _refuse_unreadable() -> Decision:
    return Decision(
        reason=attention.RESTORE_UNREADABLE,
        message=(
            "The annotation etcd.etcd.io/replacement was edited and cannot be read: put back what "
            "it was. PersistentVolumes with etcd.etcd.io/quarantined-from hold the earlier data."
        ),
        phase=Phase.FAILED,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )

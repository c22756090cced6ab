"""Take a backup before an upgrade, a deletion, or the end of a take-over; none begins before.

The version of an upgrade that waits is not in the spec that the other rules see: so members heal,
join and leave meanwhile. A deletion that waits changes nothing, but that with --cascade=foreground
Kubernetes deletes all but the disks at once: then members are brought back, to be backed up.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import RequestBackup
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention
from etcd_operator.core.required_backup.requirement import (
    DELETION,
    TAKE_OVER,
    find_backup,
    render_backup,
    waits_for_deletion,
    waits_for_take_over,
)
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.core.rollout.upgrade_route import describe_route

# Kubernetes' own finalizer: until it is off, whatever the EtcdCluster owns is deleted again.
FOREGROUND: Final = "foregroundDeletion"


def back_up_before_deletion(snapshot: Snapshot) -> Decision | None:
    """Delete nothing before the backup that `spec.backup.beforeDeletion` asks for."""
    if not waits_for_deletion(snapshot):
        return None
    template = snapshot.spec.backup.before_deletion
    said, blocked = _explain(snapshot, DELETION, template, "spec.backup.beforeDeletion")
    actions = _request(snapshot, DELETION, template)
    lost = snapshot.statefulset is None
    if lost and FOREGROUND in snapshot.cluster.finalizers:
        said = "Kubernetes deletes its objects first, as --cascade=foreground asks; they come back."
    return Decision(
        reason=attention.BACKUP_BEFORE_DELETION,
        message=f"The deletion waits for a backup: {said}",
        phase=Phase.DELETING,
        actions=actions,
        requeue_after=OUTSIDE_CHANGE if blocked and not lost else POD_START,
        corrects_objects=lost and FOREGROUND not in snapshot.cluster.finalizers,
        passing=not blocked,
    )


def back_up_before_upgrade(snapshot: Snapshot) -> Decision | None:
    """Keep the version until the backup that `spec.backup.beforeUpgrade` asks for is taken."""
    version = snapshot.held_version
    if not version:
        return None
    template = snapshot.spec.backup.before_upgrade
    said, blocked = _explain(snapshot, version, template, "spec.backup.beforeUpgrade")
    actions = _request(snapshot, version, template)
    return Decision(
        reason=attention.BACKUP_BEFORE_UPGRADE,
        message=f"The upgrade to {version} waits for a backup: {said}{describe_route(snapshot)}",
        phase=Phase.UPGRADING,
        actions=actions,
        requeue_after=OUTSIDE_CHANGE if blocked else POD_START,
        passing=not blocked,
    )


def back_up_before_take_over(snapshot: Snapshot) -> Decision | None:
    """Let no old member go until the backup that `spec.backup.beforeTakeOver` asks for is taken."""
    if not waits_for_take_over(snapshot):
        return None
    template = snapshot.spec.backup.before_take_over
    said, blocked = _explain(snapshot, TAKE_OVER, template, "spec.backup.beforeTakeOver")
    return Decision(
        reason=attention.BACKUP_BEFORE_TAKE_OVER,
        message=f"The take-over waits for a backup: {said}",
        phase=Phase.SCALING,
        actions=_request(snapshot, TAKE_OVER, template),
        requeue_after=OUTSIDE_CHANGE if blocked else POD_START,
        passing=not blocked,
    )


def _request(snapshot: Snapshot, risk: str, template: str) -> tuple[RequestBackup, ...]:
    """The EtcdBackup to create; none if it is there, or nothing is known to make it from."""
    found = _find_template(snapshot, template)
    if found is None or found.spec is None or find_backup(snapshot, risk) is not None:
        return ()
    manifest = render_backup(snapshot, risk, found.spec)
    known = {DELETION: "the cluster is deleted", TAKE_OVER: "old members go"}
    what = known.get(risk, f"it becomes {risk}")
    return (RequestBackup(manifest["metadata"]["name"], f"before {what}", manifest),)


def _explain(snapshot: Snapshot, risk: str, template: str, field: str) -> tuple[str, bool]:
    """Sentence about what is waited for, with the remedy where only a person can help."""
    without = f"or remove {field} to go on without."
    backup = find_backup(snapshot, risk)
    if backup is not None:
        said = backup.message or "it begins."
        stuck = bool(backup.failures) or backup.phase in (TaskPhase.PENDING, TaskPhase.COMPLETED)
        if backup.phase is TaskPhase.COMPLETED:
            said = "it is complete, but was not verified: delete it, and it is taken anew."
        remedy = f" Mend that, {without}" if stuck else ""
        return f"EtcdBackup {backup.name}: {said}{remedy}", stuck
    found = _find_template(snapshot, template)
    if found is None or found.spec is None:
        name, namespace = snapshot.naming.name, snapshot.naming.namespace
        where = f"EtcdBackup {template} of EtcdCluster {name} does not exist in {namespace}"
        return f"{where}, and {field} names it: create it, {without}", True
    return f"one like EtcdBackup {template} is begun.", False


def _find_template(snapshot: Snapshot, name: str) -> BackupState | None:
    own = (b for b in snapshot.backups if b.namespace == snapshot.naming.namespace)
    return next((backup for backup in own if backup.name == name), None)

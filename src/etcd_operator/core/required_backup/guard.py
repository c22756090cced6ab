"""Whether a backup that was asked for is there, judged anew before what cannot be undone."""

from __future__ import annotations

from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    DeleteObject,
    QuarantineDisk,
    RemoveSourceMember,
    RequestBackup,
    ScaleSource,
    SetFinalizer,
)
from etcd_operator.core.lifecycle.orphans import is_orphaning
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_version


def refuse_without_backup(action: Action, snapshot: Snapshot) -> str | None:
    """Return why an action may not happen without the backup before it; None if it may."""
    if snapshot.recorded_cluster_id is None or is_orphaning(snapshot):
        return None  # what is left behind is not lost
    wishes = snapshot.spec.backup
    if snapshot.cluster.deleting:
        lets_go = isinstance(action, SetFinalizer) and not action.present
        destroys = isinstance(action, DeleteObject | QuarantineDisk)
        if (
            wishes.before_deletion
            and (lets_go or destroys)
            and not _is_verified_backup(snapshot, "deletion")
            and _has_data(snapshot)
        ):
            return "the backup before the deletion is not complete and verified"
        return None
    if wishes.before_take_over and isinstance(action, ScaleSource | RemoveSourceMember):
        taken = _is_verified_backup(snapshot, "take-over")
        return None if taken else "the backup before old members go is not complete and verified"
    if wishes.before_upgrade and isinstance(action, ApplyObject) and action.kind == "StatefulSet":
        return _refuse_version(action, snapshot)
    return None


def _has_data(snapshot: Snapshot) -> bool:
    """Whether anything is left that could be backed up, or be lost."""
    uid = snapshot.cluster.uid
    return bool(snapshot.pods) or any(claim.owner_uid == uid for claim in snapshot.claims)


def _refuse_version(action: ApplyObject, snapshot: Snapshot) -> str | None:
    live = snapshot.statefulset
    before = read_version(live.body if live else {}).text
    after = read_version(action.manifest).text
    answers = {f"v{probe.status.version}" for probe in snapshot.probes.values() if probe.status}
    if before in ("", after) or after in answers or _is_verified_backup(snapshot, after):
        return None
    if snapshot.pods and not any(pod.running or pod.ever_ran for pod in snapshot.pods):
        return None  # the version before never ran
    return f"the backup before the upgrade to {after} is not complete and verified"


def _is_verified_backup(snapshot: Snapshot, risk: str) -> bool:
    mark = f"{snapshot.cluster.uid} {risk}"
    taken = [backup for backup in snapshot.backups if backup.verified and backup.mark == mark]
    if risk == "deletion":
        return bool(taken)
    # Not that of an earlier upgrade to the same version: every Pod was made since.
    made = [pod.created for pod in snapshot.pods if pod.created]
    return any(b.created and (not made or b.created >= min(made)) for b in taken)


def refuse_request(action: RequestBackup, snapshot: Snapshot) -> str | None:
    """One backup for each risk, and only of a cluster that has one to take."""
    if snapshot.recorded_cluster_id is None:
        return "the cluster was never formed"
    if any(backup.name == action.name for backup in snapshot.backups):
        return "an EtcdBackup of this name exists"
    return None

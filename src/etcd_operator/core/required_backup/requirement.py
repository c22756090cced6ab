"""Backups before what cannot be undone: an upgrade of etcd, the end of a take-over, a deletion.

Such a backup is an EtcdBackup of its own, made once from one that the spec names, and marked with
what it comes before. It outlives the cluster. It counts when it is complete and verified, and, for
an upgrade and a take-over, was begun while a Pod of now was there: one of an earlier upgrade to the
same version is not about the data of now.
"""

from __future__ import annotations

import hashlib
from typing import Final

from etcd_operator.api.backup import EtcdBackupSpec
from etcd_operator.api.cluster import GROUP, VERSION
from etcd_operator.api.release import Version
from etcd_operator.core.model.naming import LABEL_MANAGED_BY, MANAGED_BY
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.core.takeover.record import Stage
from etcd_operator.json_types import Json

# On an EtcdBackup that the operator made: the uid of the cluster, and what it comes before.
ANNOTATION_BEFORE: Final = "etcd.etcd.io/taken-before"
DELETION: Final = "deletion"
TAKE_OVER: Final = "take-over"
# What a backup that is taken once, and kept, does not take from the one that it is made from.
_LEFT_OUT: Final = {
    "schedule",
    "time_zone",
    "suspend",
    "starting_deadline_seconds",
    "concurrency_policy",
    "retention_policy",
    "verify",
}


def mark_before(snapshot: Snapshot, risk: str) -> str:
    """Return what marks the backup before a risk: a version's tag, `take-over` or `deletion`."""
    return f"{snapshot.naming.uid} {risk}"


def find_backup(snapshot: Snapshot, risk: str) -> BackupState | None:
    """Return the newest backup that was begun for this, however it stands; None if none was."""
    pods = [pod.created for pod in snapshot.pods if pod.created]
    oldest = min(pods, default=None) if risk != DELETION else None
    marked = [
        backup
        for backup in snapshot.backups
        if backup.mark == mark_before(snapshot, risk)
        and (oldest is None or (backup.created is not None and backup.created >= oldest))
    ]
    return max(marked, key=lambda backup: (backup.verified, backup.name), default=None)


def is_taken(snapshot: Snapshot, risk: str) -> bool:
    """Whether the backup before this is complete and verified."""
    backup = find_backup(snapshot, risk)
    return backup is not None and backup.verified


def waits_for_deletion(snapshot: Snapshot) -> bool:
    """Whether the cluster is being deleted, and the backup before that is still to be taken.

    It never is where no Pod and no disk is left: whoever deletes a namespace deletes those at once,
    and nothing can be created there any more. What was set aside elsewhere is not lost by that.
    """
    asked = snapshot.cluster.deleting and snapshot.cluster.spec.backup.before_deletion
    formed = snapshot.recorded_cluster_id is not None
    ours = [claim for claim in snapshot.claims if claim.owner_uid == snapshot.cluster.uid]
    left = snapshot.pods or ours or snapshot.unlabelled_claims
    return bool(asked and left) and formed and not is_taken(snapshot, DELETION)


def waits_for_take_over(snapshot: Snapshot) -> bool:
    """Whether old members are about to go, or go, and the backup before that is to be taken.

    The members of the operator have all data by then, and are backed up like any others.
    """
    record, cluster = snapshot.take_over, snapshot.cluster
    if record is None or cluster.deleting or not cluster.spec.backup.before_take_over:
        return False
    begins = record.stage in (Stage.APPROVE, Stage.REMOVE)
    return begins and not is_taken(snapshot, TAKE_OVER)


def find_version_to_keep(snapshot: Snapshot, wanted: Version) -> Version | None:
    """Return the version to stay with until the backup before the wanted one is taken, if any.

    All else goes on as if nobody had asked for another version: members heal, join and leave.
    """
    cluster = snapshot.cluster
    if (
        not cluster.spec.backup.before_upgrade
        or cluster.deleting
        or snapshot.recorded_cluster_id is None
    ):
        return None
    running = _find_version(snapshot, Version(wanted.tag))
    same = running is not None and running.tag == wanted.tag
    return None if same or is_taken(snapshot, wanted.tag) else running


def _find_version(snapshot: Snapshot, wanted: Version) -> Version | None:
    """The version that is to stay: what members run, else the template's; None if unknown.

    What members say comes first: a template that somebody has edited is no upgrade. As soon as a
    member runs the wanted one, it is that.
    """
    recorded = snapshot.recorded_cluster_id
    answers = [probe.status for probe in snapshot.probes.values() if probe.status]
    said = {Version(f"v{answer.version}") for answer in answers if answer.cluster_id == recorded}
    known = [version for version in said if version.is_plain]
    if wanted in known:
        return wanted
    if known:
        return max(known, key=lambda version: version.release or ())
    if snapshot.pods and not any(pod.ever_ran for pod in snapshot.pods):
        return None  # what was asked for never ran: whoever takes it back changes nothing
    return snapshot.template_version if snapshot.template_version.is_plain else None


def render_backup(snapshot: Snapshot, risk: str, spec: EtcdBackupSpec) -> Json:
    """Render the EtcdBackup to take before this: like one of the user's, once, and verified."""
    naming = snapshot.naming
    first = min((f"{p.created} {p.uid}" for p in snapshot.pods), default="")
    seed = f"{naming.uid} {'' if risk == DELETION else first}"
    unique = hashlib.sha256(seed.encode()).hexdigest()[:8]
    kept = spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=_LEFT_OUT)
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "EtcdBackup",
        "metadata": {
            "name": f"{naming.name}-before-{risk}-{unique}",
            "namespace": naming.namespace,
            "labels": {**dict(naming.inherited_labels), LABEL_MANAGED_BY: MANAGED_BY},
            "annotations": {
                **dict(naming.inherited_annotations),
                ANNOTATION_BEFORE: mark_before(snapshot, risk),
            },
        },
        "spec": {**kept, "verify": True},
    }

"""Clusters that wait for a backup before an upgrade or a deletion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from etcd_operator.api.backup import EtcdBackupSpec, TaskPhase
from etcd_operator.core.lifecycle import delete as delete
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.required_backup.state import BackupState
from tests.builders.snapshots import NOW, UID, formed, with_cluster, with_spec

WISHES = {"beforeUpgrade": "nightly", "beforeDeletion": "nightly"}


SPEC = EtcdBackupSpec.model_validate(
    {
        "clusterName": "db",
        "storageType": "S3",
        "s3": {"bucket": "b", "credentialsSecret": "keys"},
        "schedule": "0 2 * * *",
        "suspend": True,
        "verify": False,
        "retentionPolicy": {"maxBackups": 1},
        "encryption": {"keySecret": "backup-key"},
    }
)


NIGHTLY = BackupState("nightly", None, None, namespace="team", spec=SPEC)


def taken(risk: str, **changes: Any) -> BackupState:
    """The backup before a risk: complete and verified, begun after the Pods were there."""
    usual: dict[str, Any] = {
        "namespace": "team",
        "phase": TaskPhase.COMPLETED,
        "created": NOW,
        "mark": f"{UID} {risk}",
        "verified": True,
        "spec": SPEC,
    }
    return BackupState(f"db-before-{risk}-1", NOW, None, **{**usual, **changes})


def pending(risk: str, **changes: Any) -> BackupState:
    """One that is not complete yet."""
    return taken(risk, **{"phase": TaskPhase.RUNNING, "verified": False, **changes})


def protected(snapshot: Snapshot, *backups: BackupState) -> Snapshot:
    """A cluster whose spec asks for backups before risks."""
    wished = with_spec(snapshot, backup=WISHES)
    return replace(wished, backups=(NIGHTLY, *backups))


def upgrading(*backups: BackupState, size: int = 3) -> Snapshot:
    """The user has asked for 3.5.35; the members run 3.5.21."""
    return with_spec(protected(formed(size), *backups), version="v3.5.35")


def leaving(*backups: BackupState) -> Snapshot:
    """The cluster is being deleted."""
    return with_cluster(protected(formed(1), *backups), deleting=True)

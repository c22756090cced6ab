"""Tasks of Jobs, and a snapshot laid in their spool."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from etcd_operator.jobs.io import files
from etcd_operator.json_types import Json

OWNER = "0a1b2c3d-0000"


def snapshot(size: int = 512 * 64) -> bytes:
    """A database with the hash that etcd appends."""
    body = os.urandom(size // 2) + bytes(size - size // 2)
    return body + hashlib.sha256(body).digest()


def lay_snapshot(spool: Path, content: bytes, taken: datetime) -> None:
    """What the step before left."""
    digest = files.SnapshotDigest()
    digest.update(content)
    (spool / "spool" / "snapshot.db").write_bytes(content)
    files.write_notes(
        {
            "source": "db-0:2379",
            "clusterId": "c1d",
            "etcdVersion": "3.6.16",
            "leastRevision": 7,
            "taken": taken.isoformat(),
            "size": digest.size,
            "sha256": digest.hexdigest,
            "members": [],
        }
    )


def backup_task(**changes: Any) -> Json:
    """What an EtcdBackup to a disk asks for."""
    return {
        "backup": "b",
        "backupUid": OWNER,
        "cluster": "db",
        "namespace": "team",
        "storageType": "Local",
        "destination": {"claimName": "c", "path": "etcd"},
        "compression": True,
        "keySecret": "",
        "verify": False,
        "retention": {},
        **changes,
    }


def restore_task(spool: Path, url: str, **changes: Any) -> Json:
    """What an EtcdRestore asks for."""
    disk = spool / "disk"
    return {
        "url": url,
        "access": {"claimName": "c"},
        "keySecret": "",
        "onlyEncrypted": False,
        "restoreUid": "restore-uid",
        "version": "v3.6.16",
        "skipHashCheck": False,
        "mount": str(disk),
        "restoring": str(disk / "restoring"),
        "data": str(disk / "data"),
        **changes,
    }

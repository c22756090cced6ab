"""How an EtcdBackup of a cluster stands, as passes over the cluster need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from etcd_operator.api.backup import EtcdBackupSpec, TaskPhase


@dataclass(frozen=True, slots=True)
class BackupState:
    """How an EtcdBackup of the cluster stands: when one is due next, and why the last one failed.

    `message` is about what is under way, `failure` about the last one that ended, if it failed.

    `last` is when the last good one ended, None before the first, `last_verified` the same if that
    one was verified, whatever the spec asks for since; `due` only with a schedule.
    `mark` says what the operator made it for, if it did; `verified` that it is complete and
    verified.
    """

    name: str
    last: datetime | None
    due: datetime | None
    failures: int = 0
    message: str = ""
    namespace: str = ""
    phase: TaskPhase | None = None
    created: datetime | None = None
    mark: str = ""
    verified: bool = False
    spec: EtcdBackupSpec | None = None
    last_verified: datetime | None = None
    failure: str = ""

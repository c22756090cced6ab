"""Reasons of conditions and Events of an EtcdBackup."""

from __future__ import annotations

from typing import Final

from etcd_operator.core.reasons.reason import Reason

INVALID_SPEC: Final = Reason(
    "InvalidSpec", "The spec cannot be carried out.", "Correct the field that the message names.",
    blocks=True,
)  # fmt: skip
WAITING: Final = Reason(
    "Waiting",
    "No backup is made now: none is due, it is suspended, or the cluster cannot be backed up.",
    "Nothing if none is due; otherwise what the message says.",
)
RUNNING: Final = Reason("Running", "The Job of a backup is running.")
JOB_BLOCKED: Final = Reason(
    "JobBlocked",
    "The Pod of the Job does not exist or cannot start.",
    "Remove what Kubernetes says in the message.",
    blocks=True,
)
BACKED_UP: Final = Reason("BackedUp", "The newest backup is complete.")
BACKUP_FAILED: Final = Reason(
    "BackupFailed",
    "The newest backup failed; another is tried after a pause that grows up to 10 minutes.",
    "Correct what the message says.",
    alert="EtcdBackupFailing",
)

# Verified

COMPARED: Final = Reason(
    "Compared", "The backup was restored for trial, and holds what the cluster has."
)
NOT_ASKED: Final = Reason("NotAsked", "spec.verify is false: the backup was not verified.")
DIFFERS: Final = Reason(
    "Differs",
    "Restored for trial, the backup holds other data than the cluster.",
    "Look whether members differ (DataDiffers) and whether the disk of the Job is sound.",
)

# Events alone

EXPIRED: Final = Reason("Expired", "Deleted older backups, as spec.retentionPolicy asks.")
RETENTION_FAILED: Final = Reason(
    "RetentionFailed",
    "Older backups could not be deleted; the new one is complete.",
    "Let the credentials list and delete objects; the next backup tries again.",
)
MISSED_SCHEDULE: Final = Reason(
    "MissedSchedule",
    "A backup is left out: it could not begin within spec.startingDeadlineSeconds.",
    "Look whether the operator ran, or raise spec.startingDeadlineSeconds.",
)
REPLACED: Final = Reason(
    "Replaced",
    "A Job that was still at work was ended, since spec.concurrencyPolicy is Replace.",
    "Make the schedule longer, or see what is slow.",
)

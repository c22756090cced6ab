"""The EtcdBackup kind: one backup of a cluster, or one at every time of a schedule.

The fields of the earlier operator of this group keep their names and meaning, so its manifests
apply unmodified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from etcd_operator.api.cluster import Condition
from etcd_operator.api.job_template import JobTemplate
from etcd_operator.api.storage import (
    ApiModel,
    AzureAccess,
    AzureDestination,
    BackupEncryption,
    GcsAccess,
    GcsDestination,
    LocalAccess,
    LocalDestination,
    S3Access,
    S3Destination,
    Scratch,
    StorageType,
)

KIND: Final = "EtcdBackup"
PLURAL: Final = "etcdbackups"


class TaskPhase(StrEnum):
    """How far a backup or a restore is, in one word."""

    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETED = "Completed"
    FAILED = "Failed"


class BackupRetention(ApiModel):
    """Which backups of this EtcdBackup are kept. The newest one always is."""

    max_backups: int | None = Field(
        None,
        ge=1,
        le=100000,
        description="Maximal number of backups.",
        json_schema_extra={"format": "int32"},
    )
    max_age: str = Field(
        "",
        max_length=16,
        pattern="^$|^[1-9][0-9]{0,6}(s|m|h|d|w)$",
        description="Maximal age of backups, such as 12h or 30d.",
    )


class EtcdBackupSpec(ApiModel):
    """What is backed up, when, and where."""

    cluster_name: str = Field(
        min_length=1, max_length=253, description="The EtcdCluster to back up."
    )
    cluster_namespace: str = Field(
        "",
        max_length=63,
        description=(
            "Namespace of the EtcdCluster; that of the EtcdBackup if unset. A cluster in another "
            "namespace has to allow it with the annotation etcd.etcd.io/backup-from."
        ),
    )
    storage_type: StorageType = Field(description="Which kind of store; its field has to be set.")
    s3: S3Destination | None = Field(None, description="Location in an S3 bucket.")
    gcs: GcsDestination | None = Field(None, description="Location in Google Cloud Storage.")
    azure: AzureDestination | None = Field(None, description="Location in Azure Blob Storage.")
    local: LocalDestination | None = Field(None, description="A PersistentVolumeClaim.")
    schedule: str = Field(
        "",
        max_length=128,
        description="When to back up, as in a CronJob: 0 2 * * *. Once and at once if unset.",
    )
    time_zone: str = Field(
        "", max_length=64, description="Time zone of the schedule, such as Europe/Berlin; UTC."
    )
    suspend: bool = Field(False, description="While true, no backup starts.")
    starting_deadline_seconds: int | None = Field(
        None, ge=0, description="A backup that could not start within this time is skipped."
    )
    concurrency_policy: Literal["Forbid", "Replace"] = Field(
        "Forbid",
        description=(
            "What happens if a backup is due while the previous one still runs: Forbid skips the "
            "new one, Replace ends the old one."
        ),
    )
    retention_policy: BackupRetention | None = Field(
        None, description="Which backups are kept; all if unset."
    )
    compression: bool = Field(True, description="Whether the backup is compressed, with zstd.")
    encryption: BackupEncryption | None = Field(
        None,
        description="Encrypts the backup with your own key (AES-256-GCM); not encrypted if unset.",
    )
    verify: bool = Field(
        True,
        description=(
            "Whether each backup is restored on trial and compared with the cluster before it "
            "counts."
        ),
    )
    timeout_seconds: int = Field(
        3600, ge=10, le=604800, description="Time limit of one attempt, in seconds."
    )
    scratch: Scratch | None = Field(
        None, description="Working volume of the Job; if unset, an emptyDir."
    )
    service_account_name: str = Field(
        "",
        max_length=253,
        description="ServiceAccount of the Job, for workload identity; it needs no permissions.",
    )
    job_template: JobTemplate | None = Field(
        None, description="Additions to the Jobs and their Pods; by default as for members."
    )

    @property
    def destination(
        self,
    ) -> S3Destination | GcsDestination | AzureDestination | LocalDestination | None:
        """The store that `storageType` names; None if its field is missing."""
        return {"S3": self.s3, "GCS": self.gcs, "Azure": self.azure, "Local": self.local}[
            self.storage_type
        ]


class EtcdBackupStatus(ApiModel):
    """The observed state. Sizes are in bytes; a backup's fields are of the last complete one."""

    phase: TaskPhase | None = Field(None, description="Phase of the current or last backup.")
    message: str = Field(
        "", description="What is in progress or waited for, or the cause of a failure."
    )
    conditions: tuple[Condition, ...] = Field((), max_length=8, description="The state in detail.")
    start_time: str | None = Field(
        None, description="When the last backup started.", json_schema_extra={"format": "date-time"}
    )
    completion_time: str | None = Field(
        None,
        description="When the last complete backup ended.",
        json_schema_extra={"format": "date-time"},
    )
    storage_path: str = Field(
        "",
        max_length=2048,
        description="URL of the last complete backup: spec.source.url of a restore.",
    )
    backup_size: int = Field(0, description="Its size in the store.")
    snapshot_size: int = Field(0, description="Its size before compression.")
    etcd_version: str = Field("", max_length=32, description="Version of etcd of the cluster.")
    etcd_revision: int = Field(0, description="Revision of the backup.")
    key_count: int = Field(0, description="Number of keys in it; 0 unless verified.")
    key_fingerprint: str = Field(
        "", max_length=64, description="Fingerprint of the key it is encrypted with, if it is."
    )
    duration_seconds: int = Field(0, description="Duration of the backup.")
    last_schedule_time: str | None = Field(
        None,
        description="The last time of the schedule that was handled.",
        json_schema_extra={"format": "date-time"},
    )
    next_schedule_time: str | None = Field(
        None,
        description="When the next backup is due; past while that one has not begun.",
        json_schema_extra={"format": "date-time"},
    )
    consecutive_failures: int = Field(
        0,
        description="Failed attempts since the last complete backup.",
        json_schema_extra={"format": "int32"},
    )
    retry_time: str | None = Field(
        None,
        description="When a failed backup is retried.",
        json_schema_extra={"format": "date-time"},
    )
    last_job: str = Field("", max_length=63, description="Job whose result was last recorded.")
    observed_generation: int = Field(
        0, description="The generation of the spec that this status describes."
    )


@dataclass(frozen=True, slots=True)
class EtcdBackup:
    """An EtcdBackup as the API server has it; `flaws` are parts that could not be understood."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    deleting: bool
    spec: EtcdBackupSpec | None
    status: EtcdBackupStatus
    created: datetime | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    flaws: tuple[str, ...] = ()

    @property
    def cluster_key(self) -> tuple[str, str]:
        """Namespace and name of the EtcdCluster."""
        if self.spec is None:
            return self.namespace, ""
        return self.spec.cluster_namespace or self.namespace, self.spec.cluster_name


class BackupSource(ApiModel):
    """A backup by its URL, for when no EtcdBackup is left."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        pattern="^(s3|gs|az|file)://.+",
        description=(
            "storagePath of a backup (s3://bucket/…, gs://bucket/…, az://container/…, "
            "file:///… on the disk that `local` names), or a snapshot that etcdctl saved."
        ),
    )
    s3: S3Access | None = Field(None, description="Access to s3://.")
    gcs: GcsAccess | None = Field(None, description="Access to gs://.")
    azure: AzureAccess | None = Field(None, description="Access to az://.")
    local: LocalAccess | None = Field(None, description="The PersistentVolumeClaim of file://.")

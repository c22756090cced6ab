"""The EtcdRestore kind: a cluster made from a backup. The earlier operator's fields keep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from etcd_operator.api.backup import BackupSource, TaskPhase
from etcd_operator.api.cluster import Condition, EtcdClusterSpec
from etcd_operator.api.job_template import JobTemplate
from etcd_operator.api.storage import ApiModel, BackupEncryption, Scratch

KIND: Final = "EtcdRestore"
PLURAL: Final = "etcdrestores"


class EtcdRestoreSpec(ApiModel):
    """Which backup is restored, and into which cluster."""

    backup_name: str = Field(
        "", max_length=253, description="EtcdBackup whose last complete backup is restored."
    )
    backup_namespace: str = Field(
        "",
        max_length=63,
        description=(
            "Namespace of the EtcdBackup; that of the EtcdRestore if unset. An EtcdBackup of "
            "another namespace has to allow it with the annotation etcd.etcd.io/backup-from. The "
            "Secrets that it names have to exist in the namespace of the EtcdRestore."
        ),
    )
    source: BackupSource | None = Field(
        None, description="A backup by its URL, instead of `backupName`."
    )
    encryption: BackupEncryption | None = Field(
        None,
        description=(
            "The key of an encrypted backup. If unset, that of the EtcdBackup; set it with "
            "`source`, or if the EtcdBackup has another key now. The Secret must exist in the "
            "namespace of the EtcdRestore, and a backup that is not encrypted is refused."
        ),
    )
    cluster_name: str = Field(
        min_length=1,
        max_length=52,
        description="The EtcdCluster to create, or to restore in place, in this namespace.",
    )
    cluster_template: EtcdClusterSpec | None = Field(
        None,
        description=(
            "Spec of the EtcdCluster to create. If unset, the spec of the cluster that was backed "
            "up, which then must still exist. Not with Replace."
        ),
    )
    restore_type: Literal["New", "Replace"] = Field(
        "New",
        description=(
            "New creates an EtcdCluster. Replace replaces the data of an existing EtcdCluster, "
            "with as many members as its own spec says; deleting the EtcdRestore undoes it until "
            "the restored members serve."
        ),
    )
    data_dir: str = Field(
        "", max_length=512, description="Accepted and ignored: members have a fixed directory."
    )
    wal_dir: str = Field(
        "",
        max_length=512,
        description="Accepted and ignored: the write-ahead log is stored with the data.",
    )
    skip_hash_check: bool = Field(
        False,
        description="Whether a snapshot without etcd's hash, or with a wrong hash, is restored.",
    )
    bump_revision: int = Field(
        1000000000,
        ge=0,
        description=(
            "Increase of the revision, with all earlier revisions compacted, so that watches of "
            "the earlier cluster get an error. 0 keeps the revision of the backup."
        ),
    )
    timeout_seconds: int = Field(
        3600, ge=10, le=604800, description="Time limit of one attempt, in seconds."
    )
    scratch: Scratch | None = Field(
        None, description="Working volume of the Job; if unset, an emptyDir."
    )
    service_account_name: str = Field(
        "", max_length=253, description="ServiceAccount of the Jobs, for workload identity."
    )
    job_template: JobTemplate | None = Field(
        None, description="Additions to the Jobs and their Pods; by default as for members."
    )


class EtcdRestoreStatus(ApiModel):
    """What became of it."""

    phase: TaskPhase | None = Field(None, description="How far it is.")
    message: str = Field(
        "", description="What is in progress or waited for, or the cause of a failure."
    )
    conditions: tuple[Condition, ...] = Field((), max_length=8, description="The state in detail.")
    start_time: str | None = Field(
        None, description="When it began.", json_schema_extra={"format": "date-time"}
    )
    completion_time: str | None = Field(
        None, description="When it was complete.", json_schema_extra={"format": "date-time"}
    )
    restored_cluster: str = Field(
        "", max_length=253, description="The EtcdCluster it made, or began to restore in place."
    )
    restored_size: int = Field(0, description="Size of the snapshot in bytes.")
    restored_revision: int = Field(
        0, description="The revision that the snapshot was taken at; 0 if nobody recorded it."
    )
    source_url: str = Field(
        "", alias="sourceURL", max_length=2048, description="The backup that it is made from."
    )
    failures: int = Field(
        0, description="Tries that failed.", json_schema_extra={"format": "int32"}
    )
    retry_time: str | None = Field(
        None,
        description="When a failed backup is retried.",
        json_schema_extra={"format": "date-time"},
    )
    observed_generation: int = Field(
        0, description="The generation of the spec that this status describes."
    )


@dataclass(frozen=True, slots=True)
class EtcdRestore:
    """An EtcdRestore as the API server has it; `flaws` are parts that could not be understood."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    deleting: bool
    spec: EtcdRestoreSpec | None
    status: EtcdRestoreStatus
    created: datetime | None = None
    finalizers: tuple[str, ...] = ()
    flaws: tuple[str, ...] = ()

    @property
    def cluster_key(self) -> tuple[str, str]:
        """Namespace and name of the EtcdCluster that it makes, or restores in place."""
        return self.namespace, self.spec.cluster_name if self.spec else ""

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
    """Which backup becomes which cluster."""

    backup_name: str = Field(
        "", max_length=253, description="EtcdBackup whose last good backup is restored."
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
            "The key of an encrypted backup. If unset it is that of the EtcdBackup; set it with "
            "`source`, or where the EtcdBackup has another key by now. The Secret has to exist in "
            "the namespace of the EtcdRestore, and a backup that is not encrypted is refused."
        ),
    )
    cluster_name: str = Field(
        min_length=1,
        max_length=52,
        description="The EtcdCluster to make, or to restore in place, in this namespace.",
    )
    cluster_template: EtcdClusterSpec | None = Field(
        None,
        description=(
            "Spec of the EtcdCluster to make. If unset it is the spec of the cluster that was "
            "backed up, which then has to exist still. Not with Replace."
        ),
    )
    restore_type: Literal["New", "Replace"] = Field(
        "New",
        description=(
            "New makes an EtcdCluster that did not exist. Replace replaces what an EtcdCluster "
            "holds, with all members that its own spec says; deleting the EtcdRestore undoes it, "
            "until the restored members serve."
        ),
    )
    data_dir: str = Field(
        "", max_length=512, description="Accepted and not used: members have a fixed directory."
    )
    wal_dir: str = Field(
        "", max_length=512, description="Accepted and not used: the log is beside the data."
    )
    skip_hash_check: bool = Field(
        False, description="Whether a snapshot without etcd's own hash is restored, or a wrong one."
    )
    bump_revision: int = Field(
        1000000000,
        ge=0,
        description=(
            "How far revisions jump ahead, with all older ones compacted, so that watchers of the "
            "lost cluster notice. 0 keeps the revision of the backup."
        ),
    )
    timeout_seconds: int = Field(
        3600, ge=10, le=604800, description="How long one try may take, in seconds."
    )
    scratch: Scratch | None = Field(
        None, description="Disk to work on; if unset, the node's own (an emptyDir)."
    )
    service_account_name: str = Field(
        "", max_length=253, description="ServiceAccount of the Jobs, for workload identity."
    )
    job_template: JobTemplate | None = Field(
        None, description="Additions to the Jobs and their Pods, which are as the members if unset."
    )


class EtcdRestoreStatus(ApiModel):
    """What became of it."""

    phase: TaskPhase | None = Field(None, description="How far it is.")
    message: str = Field("", description="What is being done or waited for, or what went wrong.")
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
        description="When a failed one is tried again.",
        json_schema_extra={"format": "date-time"},
    )
    observed_generation: int = Field(0, description="The spec's generation that this is about.")


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

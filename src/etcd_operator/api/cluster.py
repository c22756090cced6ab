"""The EtcdCluster kind: what users write and what they read back.

Field names, defaults and phases are a contract: manifests written for the earlier operator of this
group apply unmodified. Descriptions become the text of `kubectl explain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP: Final = "etcd.etcd.io"
VERSION: Final = "v1alpha1"
KIND: Final = "EtcdCluster"
PLURAL: Final = "etcdclusters"

SIZES: Final = (0, 1, 3, 5, 7, 9)

Json = dict[str, Any]


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class Phase(StrEnum):
    """The cluster's phase in one word."""

    CREATING = "Creating"
    RUNNING = "Running"
    SCALING = "Scaling"
    UPGRADING = "Upgrading"
    FAILED = "Failed"
    DELETING = "Deleting"
    STOPPED = "Stopped"


class RetentionPolicy(_Model):
    """What happens to disks that are no longer needed."""

    when_deleted: Literal["Delete", "Retain"] = Field(
        "Delete", description="What happens to the disks when the EtcdCluster is deleted."
    )
    when_scaled: Literal["Delete", "Retain"] = Field(
        "Delete",
        description=(
            "What happens to a member's disk when the cluster shrinks. A kept disk has to be "
            "deleted by hand before the cluster can grow to that member again."
        ),
    )


class Storage(_Model):
    """The disk of each member."""

    storage_class_name: str | None = Field(
        None,
        max_length=253,
        description="StorageClass of the disks; the default class if unset. Fixed once formed.",
    )
    size: str = Field(
        "10Gi",
        description="Size of each member's disk. It may grow, never shrink.",
        json_schema_extra={"x-quantity": True},
    )
    volume_claim_template: Json | None = Field(
        None,
        description=(
            "A PersistentVolumeClaim template to start from: labels, annotations, accessModes, "
            "selector. Fixed once the StatefulSet exists."
        ),
    )
    retention_policy: RetentionPolicy = Field(
        RetentionPolicy(), description="What happens to disks that are no longer needed."
    )


class Tls(_Model):
    """TLS for clients and between members. Not available in this version: see `enabled`."""

    enabled: bool = Field(
        True,
        description=(
            "Whether TLS is wanted. This version cannot provide it and refuses the cluster "
            "rather than run it in plain text."
        ),
    )
    client_tls_enabled: bool = Field(
        True, alias="clientTLSEnabled", description="TLS between clients and members."
    )
    peer_tls_enabled: bool = Field(True, alias="peerTLSEnabled", description="TLS between members.")
    certificate_secret: str | None = Field(
        None, max_length=253, description="Secret with the certificate to use."
    )
    ca_secret: str | None = Field(
        None, alias="caSecret", max_length=253, description="Secret with the CA to trust."
    )
    auto_tls: bool = Field(
        True, alias="autoTLS", description="Whether the operator issues the certificates."
    )


class Security(_Model):
    """Encryption. Left out, everything is plain text."""

    tls: Tls | None = Field(None, description="TLS for clients and between members.")


class Resources(_Model):
    """Compute resources of each etcd container."""

    requests: Mapping[str, str | int] | None = Field(
        None, description="What the scheduler reserves.", json_schema_extra={"x-quantity": True}
    )
    limits: Mapping[str, str | int] | None = Field(
        None,
        description="What the container may use at most.",
        json_schema_extra={"x-quantity": True},
    )


class PodTemplate(_Model):
    """Additions to the members' Pods."""

    labels: Mapping[str, str] | None = Field(None, description="More labels for the Pods.")
    annotations: Mapping[str, str] | None = Field(None, description="Annotations for the Pods.")
    node_selector: Mapping[str, str] | None = Field(
        None, description="Labels a node must have to run a member."
    )
    tolerations: tuple[Json, ...] | None = Field(
        None, max_length=64, description="Taints that the Pods tolerate."
    )
    affinity: Json | None = Field(
        None,
        description="Affinity of the Pods; if unset, members prefer to be on different nodes.",
    )
    topology_spread_constraints: tuple[Json, ...] | None = Field(
        None, max_length=16, description="How members spread over zones and nodes."
    )
    priority_class_name: str | None = Field(
        None, max_length=253, description="PriorityClass of the Pods."
    )
    image_pull_secrets: tuple[Json, ...] | None = Field(
        None, max_length=16, description="Secrets for pulling the image."
    )
    service_account_name: str | None = Field(
        None, max_length=253, description="ServiceAccount of the Pods; no token is mounted."
    )
    security_context: Json | None = Field(
        None, description="Pod security context; given fields replace the restricted defaults."
    )


class EtcdConfig(_Model):
    """Settings of etcd itself; anything left out has etcd's own default."""

    quota_backend_bytes: int | None = Field(
        None, ge=0, description="Largest database size in bytes before writes are refused."
    )
    auto_compaction_mode: Literal["periodic", "revision"] | None = Field(
        None, description="Whether old revisions are compacted by age or by number."
    )
    auto_compaction_retention: str | None = Field(
        None, max_length=32, description="How much history compaction keeps, e.g. 1h or 1000."
    )
    snapshot_count: int | None = Field(
        None, ge=1, description="Committed transactions between two snapshots to disk."
    )
    heartbeat_interval: int | None = Field(
        None, ge=1, description="Milliseconds between heartbeats of the leader."
    )
    election_timeout: int | None = Field(
        None, ge=1, le=50000, description="Milliseconds without heartbeat before an election."
    )
    max_request_bytes: int | None = Field(
        None, ge=1, description="Largest client request in bytes."
    )


class EtcdClusterSpec(_Model):
    """The wanted state."""

    size: int = Field(
        3, description="Number of members: 1, 3, 5, 7 or 9; 0 stops the cluster, disks are kept."
    )
    version: str = Field(
        "v3.5.21", max_length=32, description="Version of etcd, with or without a leading v."
    )
    repository: str = Field(
        "quay.io/coreos/etcd",
        min_length=1,
        max_length=512,
        description="Image repository; the version is the tag.",
    )
    storage: Storage = Field(Storage(), description="The disk of each member.")
    security: Security | None = Field(None, description="Encryption; plain text if left out.")
    resources: Resources | None = Field(None, description="Compute resources of each member.")
    pod_template: PodTemplate | None = Field(None, description="Additions to the members' Pods.")
    etcd_config: EtcdConfig | None = Field(None, description="Settings of etcd itself.")
    paused: bool = Field(
        False, description="While true the operator changes nothing and only reports status."
    )

    @property
    def tag(self) -> str:
        """The image tag: published images carry a leading v."""
        return f"v{self.version.removeprefix('v')}"

    @property
    def image(self) -> str:
        """The image of the members."""
        return f"{self.repository}:{self.tag}"

    @property
    def release(self) -> tuple[int, int, int]:
        """The version as numbers; (0, 0, 0) if it is none."""
        parts = self.version.removeprefix("v").split(".")
        if len(parts) != 3 or not all(part.isdecimal() for part in parts):
            return (0, 0, 0)
        major, minor, patch = (int(part) for part in parts)
        return (major, minor, patch)

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor version, e.g. (3, 5)."""
        return self.release[:2]


class Condition(_Model):
    """One aspect of the cluster's state."""

    type: str = Field(max_length=316, description="Which aspect.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: str = Field("", max_length=1024, description="Why, in one CamelCase word.")
    message: str = Field("", max_length=32768, description="Why, in a sentence.")
    last_transition_time: str = Field(
        "", description="When the status last changed.", json_schema_extra={"format": "date-time"}
    )
    observed_generation: int = Field(0, description="The spec's generation that this is about.")


class MemberView(_Model):
    """One member of the cluster."""

    name: str = Field(max_length=253, description="Name of the member and of its Pod.")
    id: str = Field("", description="Member ID in hexadecimal.")
    peer_url: str = Field("", alias="peerURL", description="Where other members reach it.")
    client_url: str = Field("", alias="clientURL", description="Where clients reach it.")
    ready: bool = Field(False, description="Whether it serves and its Pod is Ready.")
    role: Literal["leader", "follower", "learner", ""] = Field(
        "", description="leader, follower or learner; empty while unknown."
    )
    version: str = Field("", description="The etcd version it runs.")
    db_size: int = Field(
        0,
        alias="dbSize",
        description="Database size in bytes, refreshed when it changed by a tenth.",
    )
    message: str = Field("", description="What is wrong with it, if anything.")


class EtcdClusterStatus(_Model):
    """The observed state."""

    phase: Phase | None = Field(None, description="The state in one word.")
    message: str = Field("", description="What is being done or waited for, and why.")
    conditions: tuple[Condition, ...] = Field((), max_length=16, description="The state in detail.")
    members: tuple[MemberView, ...] = Field((), max_length=32, description="The members, by name.")
    replicas: int = Field(0, description="Number of members in etcd, learners included.")
    ready_replicas: int = Field(0, description="Number of members that serve and are Ready.")
    selector: str = Field("", description="Label selector of the members' Pods.")
    leader_id: str = Field("", alias="leaderID", description="Member ID of the leader.")
    cluster_id: str = Field("", alias="clusterID", description="ID of the etcd cluster.")
    client_endpoints: tuple[str, ...] = Field(
        (), max_length=32, description="Client URLs of the members that serve."
    )
    last_backup_time: str | None = Field(
        None,
        description="When the last backup was completed.",
        json_schema_extra={"format": "date-time"},
    )
    last_update_time: str | None = Field(
        None, description="When the status last changed.", json_schema_extra={"format": "date-time"}
    )
    observed_generation: int = Field(0, description="The spec's generation this is about.")


@dataclass(frozen=True, slots=True)
class EtcdCluster:
    """An EtcdCluster as the API server has it; `flaws` are parts that could not be understood."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    deleting: bool
    finalizers: tuple[str, ...]
    annotations: Mapping[str, str]
    spec: EtcdClusterSpec
    status: EtcdClusterStatus
    created: datetime | None = None
    flaws: tuple[str, ...] = ()

"""The EtcdCluster kind: what users write and what they read back.

Field names, defaults and phases are a contract: manifests written for the earlier operator of this
group apply unmodified. Descriptions become the text of `kubectl explain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from etcd_operator.api.bootstrap import Bootstrap, JoinExisting
from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.disk import Storage
from etcd_operator.api.etcd_config import EtcdConfig
from etcd_operator.api.image import Image
from etcd_operator.api.image_catalog import ImageCatalogRef
from etcd_operator.api.maintenance import Maintenance, Precautions, Recovery
from etcd_operator.api.metadata import InheritedMetadata
from etcd_operator.api.mirror import MirrorView
from etcd_operator.api.model import Model
from etcd_operator.api.network import NetworkRules
from etcd_operator.api.peer_tls import PeerTls
from etcd_operator.api.pod_template import PodTemplate
from etcd_operator.api.release import Minor, Release, Version
from etcd_operator.api.resources import Resources
from etcd_operator.api.security import Auth, Security, Tls, User
from etcd_operator.api.service import ClientService, MemberAddresses

GROUP: Final = "etcd.etcd.io"
VERSION: Final = "v1alpha1"
KIND: Final = "EtcdCluster"
PLURAL: Final = "etcdclusters"

# The newest patch that the tests run with, of the minor version that manifests without one always
# had: where Kubernetes fills it in for a cluster that is there, that is no upgrade to another.
DEFAULT_VERSION: Final = "v3.5.35"

SIZES: Final = (0, 1, 3, 5, 7, 9)


class Phase(StrEnum):
    """The cluster's phase in one word."""

    CREATING = "Creating"
    RUNNING = "Running"
    SCALING = "Scaling"
    UPGRADING = "Upgrading"
    FAILED = "Failed"
    DELETING = "Deleting"
    STOPPED = "Stopped"
    RESTORING = "Restoring"


class EtcdClusterSpec(Model):
    """The desired state."""

    size: int = Field(
        3,
        description="Number of members: 1, 3, 5, 7 or 9. 0 stops the cluster and keeps its disks.",
        json_schema_extra={"format": "int32"},
    )
    version: Version = Field(
        Version(DEFAULT_VERSION), description="Version of etcd, with or without a leading v."
    )
    repository: str = Field(
        "quay.io/coreos/etcd",
        min_length=1,
        max_length=512,
        description="Image repository; the version is the tag.",
    )
    image: Image | None = Field(
        None,
        description=(
            "Full name of the image, with tag or digest, instead of `repository` and the tag, "
            "e.g. registry.k8s.io/etcd:3.6.4-0. `version` is the version of etcd in it: change "
            "both together."
        ),
    )
    image_catalog_ref: ImageCatalogRef | None = Field(
        None,
        description=(
            "ConfigMap of the namespace that says which image has which version of etcd, instead "
            "of `repository` and the tag; `image` goes before it."
        ),
    )
    bootstrap: Bootstrap | None = Field(
        None, description="How the cluster begins; as an empty one if unset."
    )
    storage: Storage = Field(Storage(), description="The disk of each member.")
    security: Security | None = Field(
        None,
        description="TLS, users, network policy; no encryption if unset.",
    )
    service: ClientService = Field(
        ClientService(), description="The Service NAME-client, for clients."
    )
    member_addresses: MemberAddresses | None = Field(
        None,
        description=(
            "Addresses of each member for clients outside Kubernetes: they are in the server "
            "certificate and among the client URLs that members advertise. A change restarts the "
            "members whose address it is, one at a time."
        ),
    )
    connection_secrets: bool = Field(
        False,
        description=(
            "Whether the operator writes a Secret NAME-connection for the cluster, and "
            "NAME-connection-USER for each user of security.auth: address, certificate and "
            "password under the keys of kubernetes.io/tls, servicebinding.io, etcdctl and others."
        ),
    )
    resources: Resources | None = Field(None, description="Compute resources of each member.")
    in_place_resize: bool = Field(
        False,
        description=(
            "Whether a change of CPU and memory is made in the running Pods, one at a time and "
            "without a restart, where Kubernetes can; otherwise the Pods are replaced."
        ),
    )
    pod_template: PodTemplate | None = Field(None, description="Additions to the members' Pods.")
    inherited_metadata: InheritedMetadata | None = Field(
        None,
        description=(
            "Labels and annotations for every object of the cluster: its StatefulSet, Pods, "
            "disks, Services, Secrets and all others, and the Jobs of its backups. A change rolls "
            "the Pods; existing disks keep their labels."
        ),
    )
    etcd_config: EtcdConfig | None = Field(None, description="Options of etcd.")
    recovery: Recovery = Field(
        Recovery(),
        description="Replacement of members, and recovery from a lost majority.",
    )
    maintenance: Maintenance = Field(
        Maintenance(), description="Maintenance of the database: quota and defragmentation."
    )
    backup: Precautions = Field(
        Precautions(), description="Backups before an upgrade, a take-over, and the deletion."
    )
    paused: bool = Field(
        False, description="While true the operator changes nothing and only reports status."
    )

    @property
    def joins(self) -> JoinExisting | None:
        """The running etcd cluster that this one begins in; None if it begins empty."""
        return self.bootstrap.join_existing if self.bootstrap else None

    @property
    def client_tls(self) -> bool:
        """Whether clients and members speak mutual TLS."""
        return self.client_tls_mode.tls

    @property
    def client_tls_mode(self) -> ClientTls:
        """What members are to serve clients: plain text, mutual TLS, or both."""
        tls = self.security.tls if self.security else None
        if tls is None or not tls.enabled or not tls.client_tls_enabled:
            return ClientTls.OFF
        return ClientTls(tls.client_tls_mode)

    def serving_clients(self, mode: ClientTls) -> EtcdClusterSpec:
        """This spec, with members that serve clients so."""
        if mode is self.client_tls_mode:
            return self
        security = self.security or Security()
        wishes: dict[str, object] = {"client_tls_enabled": mode.tls}
        if mode.tls:
            wishes["client_tls_mode"] = mode.value
        tls = (security.tls or Tls()).model_copy(update=wishes)
        return self.model_copy(update={"security": security.model_copy(update={"tls": tls})})

    @property
    def auth(self) -> Auth | None:
        """What is said of etcd's users and roles; None if nothing is."""
        return self.security.auth if self.security else None

    @property
    def source_password_secret(self) -> str:
        """The Secret with the password of root at members that are taken over; empty if none."""
        return (self.auth.root_password_secret or "") if self.auth and self.joins else ""

    @property
    def users(self) -> tuple[User, ...]:
        """The users that are listed."""
        return self.auth.users if self.auth else ()

    @property
    def metrics_tls(self) -> bool:
        """Whether members serve their metrics with mutual TLS, at a port of its own."""
        tls = self.security.tls if self.security else None
        return tls is not None and self.client_tls and tls.metrics_tls_enabled

    @property
    def grpc_gateway(self) -> bool:
        """Whether members answer JSON over HTTP, as etcd does unless it is told otherwise.

        With TLS it takes a server certificate that is a client's too, so it has to be asked for,
        but for those who are still served in plain text.
        """
        wanted = self.etcd_config.enable_grpc_gateway if self.etcd_config else None
        return self.client_tls_mode.plain if wanted is None else wanted

    @property
    def peer_tls(self) -> bool:
        """Whether members speak mutual TLS with each other."""
        tls = self.security.tls if self.security else None
        return tls is not None and tls.enabled and tls.peer_tls_enabled

    @property
    def network_rules(self) -> NetworkRules | None:
        """Who may reach the ports; None while nobody is to be kept away."""
        rules = self.security.network_policy if self.security else None
        return rules if rules is not None and rules.enabled else None

    @property
    def tag(self) -> str:
        """The image tag: published images carry a leading v."""
        return self.version.tag

    @property
    def names_by_catalog(self) -> bool:
        """Whether an image catalog says which image counts."""
        return self.image_catalog_ref is not None and not self.image

    @property
    def etcd_image(self) -> Image:
        """The image of the members."""
        return self.image or Image(f"{self.repository}:{self.tag}")

    def at_version(self, version: Version, image: Image | None = None) -> EtcdClusterSpec:
        """This spec with another version, which `image` runs; without one, the repository's tag.

        An image that the spec names is of the spec's own version, and of no other.
        """
        if version.release == self.version.release:
            image = self.image
        return self.model_copy(update={"version": version, "image": image})

    @property
    def release(self) -> Release:
        """The version as numbers; (0, 0, 0) if it is none."""
        return self.version.release or (0, 0, 0)

    @property
    def minor(self) -> Minor:
        """Major and minor version, e.g. (3, 5)."""
        return self.version.minor


class Condition(Model):
    """One aspect of the cluster's state."""

    type: str = Field(max_length=316, description="Type of the condition.")
    status: Literal["True", "False", "Unknown"] = Field(description="Status of the condition.")
    reason: str = Field("", max_length=1024, description="Reason in CamelCase.")
    message: str = Field("", max_length=32768, description="Message for people.")
    last_transition_time: str = Field(
        "", description="When the status last changed.", json_schema_extra={"format": "date-time"}
    )
    observed_generation: int = Field(0, description="Generation of the spec that this describes.")


class MemberView(Model):
    """One member of the cluster."""

    name: str = Field(max_length=253, description="Name of the member and of its Pod.")
    id: str = Field("", description="Member ID in hexadecimal.")
    peer_url: str = Field("", alias="peerURL", description="URL for other members.")
    client_url: str = Field("", alias="clientURL", description="URL for clients.")
    external_url: str = Field(
        "", alias="externalURL", description="URL for clients outside Kubernetes, if there is one."
    )
    ready: bool = Field(False, description="Whether it serves and its Pod is Ready.")
    role: Literal["leader", "follower", "learner", ""] = Field(
        "", description="leader, follower or learner; empty while unknown."
    )
    version: str = Field("", max_length=32, description="The etcd version it runs.")
    db_size: int = Field(
        0,
        alias="dbSize",
        description="Database size in bytes, refreshed when it changed by a tenth.",
    )
    message: str = Field("", description="Problem of the member, if any.")


class CertificateView(Model):
    """One certificate of the cluster."""

    secret: str = Field(max_length=253, description="The Secret that holds it.")
    not_after: str = Field(
        "", description="When it expires.", json_schema_extra={"format": "date-time"}
    )


class Binding(Model):
    """A reference of the Service Binding Specification."""

    name: str = Field(max_length=253, description="The Secret that tells how to connect.")


class EtcdClusterStatus(Model):
    """The observed state."""

    phase: Phase | None = Field(None, description="The state in one word.")
    message: str = Field("", description="What the operator does or waits for, and why.")
    conditions: tuple[Condition, ...] = Field((), max_length=16, description="The state in detail.")
    members: tuple[MemberView, ...] = Field((), max_length=20, description="The members, by name.")
    replicas: int = Field(
        0,
        description="Number of members in etcd, learners included.",
        json_schema_extra={"format": "int32"},
    )
    ready_replicas: int = Field(
        0,
        description="Number of members that serve and are Ready.",
        json_schema_extra={"format": "int32"},
    )
    selector: str = Field("", description="Label selector of the members' Pods.")
    leader_id: str = Field("", alias="leaderID", description="Member ID of the leader.")
    cluster_id: str = Field("", alias="clusterID", description="ID of the etcd cluster.")
    client_endpoints: tuple[str, ...] = Field(
        (), max_length=32, description="Client URLs of the members that serve."
    )
    client_tls: ClientTls | None = Field(
        None,
        alias="clientTLS",
        description=(
            "What every member serves clients: Off is plain text alone, Strict mutual TLS alone, "
            "Permissive both. While members restart one by one, what all of them have in common."
        ),
    )
    peer_tls: PeerTls | None = Field(
        None,
        alias="peerTLS",
        description="TLS between members: Off, On, or Changing, on the way from one to the other.",
    )
    disk_size: str = Field("", max_length=32, description="Requested size of each disk.")
    wal_disk_size: str = Field(
        "", max_length=32, description="Requested size of each disk for a write-ahead log."
    )
    certificates: tuple[CertificateView, ...] = Field(
        (), max_length=16, description="The certificates in use, by Secret."
    )
    binding: Binding | None = Field(
        None,
        description="The connection Secret, for servicebinding.io; only with connectionSecrets.",
    )
    mirror: MirrorView | None = Field(
        None, description="How far the mirror of bootstrap.mirror is, and what it was when removed."
    )
    last_backup_time: str | None = Field(
        None,
        description="When the last backup was completed.",
        json_schema_extra={"format": "date-time"},
    )
    last_update_time: str | None = Field(
        None, description="When the status last changed.", json_schema_extra={"format": "date-time"}
    )
    last_recovery: str = Field(
        "",
        max_length=64,
        description="The last recovery from a lost majority: approval and revision.",
    )
    spent_approvals: tuple[str, ...] = Field(
        (),
        max_length=256,
        description=(
            "Spent approvals of spec.recovery.quorumLoss, as cluster ID and revision: carried "
            "out, or given while the quorum was not lost."
        ),
    )
    observed_generation: int = Field(0, description="Generation of the spec that this describes.")


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

"""The disks of members: size, class, template, and what becomes of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from etcd_operator.api.ephemeral import EphemeralVolume
from etcd_operator.api.model import Model
from etcd_operator.api.quantity import Quantity, read_quantity
from etcd_operator.api.wal import WAL, WalVolume
from etcd_operator.json_types import Json


class RetentionPolicy(Model):
    """What happens to disks that are no longer needed."""

    when_deleted: Literal["Delete", "Retain"] = Field(
        "Delete", description="What happens to the disks when the EtcdCluster is deleted."
    )
    when_scaled: Literal["Delete", "Retain"] = Field(
        "Delete",
        description=(
            "What happens to a member's disk when the cluster is scaled in. A kept disk has to be "
            "deleted by hand before the cluster can grow to that ordinal again."
        ),
    )


class Storage(Model):
    """The disk of each member."""

    storage_class_name: str | None = Field(
        None,
        max_length=253,
        description="StorageClass of the disks; the default if unset. Immutable once formed.",
    )
    size: Quantity = Field(
        Quantity.parse("10Gi"),
        description="Size of each member's disk. It can be increased, not decreased.",
    )
    volume_attributes_class_name: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        description=(
            "VolumeAttributesClass of the disks, such as their IOPS, from Kubernetes 1.34 on. A "
            "change is made in the disks while the members run, if the CSI driver can. Once set it "
            "cannot be removed. That of a disk for the write-ahead log is `wal`'s own."
        ),
    )
    volume_claim_template: Json | None = Field(
        None,
        description=(
            "Base of the PersistentVolumeClaim template: labels, annotations, accessModes, "
            "selector. No volumeName, dataSource or dataSourceRef: members start on empty disks. "
            "Immutable once the StatefulSet exists."
        ),
    )
    wal: WalVolume | None = Field(
        None,
        description=(
            "A second disk for each member, for the write-ahead log, such as one with less latency "
            "(etcd's wal-dir). A member that loses either disk is replaced on two new ones. Cannot "
            "be added or removed."
        ),
    )
    retention_policy: RetentionPolicy = Field(
        RetentionPolicy(), description="What happens to disks that are no longer needed."
    )
    ephemeral: EphemeralVolume | None = Field(
        None,
        description=(
            "For tests: members keep their data in an emptyDir of their Pod instead of a disk, and "
            "a member whose Pod is deleted is replaced by one that copies the data of the others. "
            "All data is lost if a majority of the Pods is deleted at a time, or the only one. "
            "Cannot be added or removed."
        ),
    )

    @property
    def size_of_template(self) -> Any:
        """What the template names as the size, which has no schema; None if it names none."""
        found: Any = self.volume_claim_template
        for key in ("spec", "resources", "requests", "storage"):
            found = found.get(key) if isinstance(found, dict) else None
        return found or None

    @property
    def requested(self) -> Quantity:
        """The size that each disk is to have: the template's own, if it names one."""
        return read_quantity(self.size_of_template) or self.size

    @property
    def requested_wal(self) -> Quantity | None:
        """The size that the disk of each write-ahead log is to have; None where there are none."""
        return self.wal.size if self.wal else None

    def find_attributes_class(self, *, wal: bool) -> str | None:
        """Return the VolumeAttributesClass of the disks with the data, or of those for the logs."""
        kind = self.wal if wal else self
        return kind.volume_attributes_class_name if kind else None


def name_attributes_field(*, wal: bool) -> str:
    """Return the path of the field that names the VolumeAttributesClass of these disks."""
    return f"{WAL if wal else 'spec.storage'}.volumeAttributesClassName"

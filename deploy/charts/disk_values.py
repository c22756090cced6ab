"""Values of the chart `etcd-cluster` about the disks of members."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from deploy.charts.values_file import ChartValues, becomes, refused
from etcd_operator.json_types import Json

Labels = dict[str, str]
Keep = Literal["Delete", "Retain"]


class WalValues(ChartValues):
    """The disk of each write-ahead log."""

    enabled: bool = becomes(
        default=False,
        field="storage.wal",
        text="Whether there is one; fixed when the cluster is created.",
    )
    storage_class: str = becomes(
        "", "storage.wal.storageClassName", "StorageClass; a dash for the one without a name."
    )
    volume_attributes_class: str = becomes(
        "",
        "storage.wal.volumeAttributesClassName",
        "VolumeAttributesClass; another one restarts none.",
    )
    size: str = becomes("4Gi", "storage.wal.size", "Size; it can be increased.")


class PersistenceValues(ChartValues):
    """The disk of each member."""

    enabled: bool = becomes(
        default=True,
        field="storage.ephemeral",
        text="Whether members have disks; fixed when the cluster is created. Without, for tests "
        "alone, the other values have no meaning, and who deletes the Pods deletes the data.",
    )
    ephemeral: Json = becomes(
        {}, "storage.ephemeral", "If not enabled: medium and sizeLimit, as in the EtcdCluster."
    )
    storage_class: str = becomes(
        "", "storage.storageClassName", "StorageClass; a dash for the one without a name."
    )
    volume_attributes_class: str = becomes(
        "", "storage.volumeAttributesClassName", "VolumeAttributesClass; another one restarts none."
    )
    size: str = becomes("8Gi", "storage.size", "Size; it can be increased.")
    access_modes: list[str] = becomes([], "storage.volumeClaimTemplate", "Access modes.")
    labels: Labels = becomes({}, "storage.volumeClaimTemplate", "Labels for the claims.")
    annotations: Labels = becomes({}, "storage.volumeClaimTemplate", "Annotations for the claims.")
    selector: Json = becomes({}, "storage.volumeClaimTemplate", "Selector of volumes.")
    wal: WalValues = Field(WalValues(), description="A second disk, for the write-ahead log.")


class RetentionValues(ChartValues):
    """What happens to disks."""

    when_deleted: Keep = becomes(
        "Retain", "storage.retentionPolicy.whenDeleted", "When the release is uninstalled."
    )
    when_scaled: Keep = becomes(
        "Delete", "storage.retentionPolicy.whenScaled", "When the cluster is scaled in."
    )
    enabled: Any = refused("it always counts: set whenDeleted and whenScaled")

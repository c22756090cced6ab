"""A disk of its own for the write-ahead log of each member, beside the one with its data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from pydantic import Field

from etcd_operator.api.model import Model
from etcd_operator.api.mount_paths import is_below
from etcd_operator.api.quantity import Quantity

if TYPE_CHECKING:
    from etcd_operator.api.cluster import EtcdClusterSpec

WAL: Final = "spec.storage.wal"
# Names that a Pod template cannot use for something else then.
WAL_VOLUME: Final = "wal"
WAL_MOUNT: Final = "/var/lib/etcd-wal"


class WalVolume(Model):
    """A disk for the write-ahead log of each member."""

    storage_class_name: str | None = Field(
        None,
        max_length=253,
        description="StorageClass of these disks; the default if unset. Immutable once formed.",
    )
    size: Quantity = Field(
        Quantity.parse("10Gi"),
        description="Size of the disk of each write-ahead log. It can be increased, not decreased.",
    )
    volume_attributes_class_name: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        description=(
            "VolumeAttributesClass of these disks, as that of the disks with the data. Once set it "
            "cannot be removed."
        ),
    )


VOLUME_TAKEN: Final = (
    f"has a volume {WAL_VOLUME}, or a mount at {WAL_MOUNT}, which are those of storage.wal: use "
    "others"
)


def check_wal(spec: EtcdClusterSpec) -> Iterator[tuple[str, str]]:
    """Yield what does not go with a disk for the write-ahead log: the field, and the sentence."""
    storage, template = spec.storage, spec.pod_template
    if storage.wal is None:
        return
    if storage.wal.size.value <= 0:
        path = f"{WAL}.size"
        yield path, f"{path} {storage.wal.size} is not a size: use a positive quantity such as 2Gi."
    named = {volume.name for volume in (template and template.volumes) or ()}
    mounted = [mount.mount_path for mount in (template and template.volume_mounts) or ()]
    if WAL_VOLUME in named or any(is_below(path, WAL_MOUNT) for path in mounted):
        yield "spec.podTemplate", f"spec.podTemplate {VOLUME_TAKEN}."

"""Storage of a test cluster: an emptyDir in each Pod in place of a disk, gone when the Pod is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from etcd_operator.api.model import Model
from etcd_operator.api.quantity import Quantity

if TYPE_CHECKING:
    from etcd_operator.api.cluster import EtcdClusterSpec

EPHEMERAL: Final = "spec.storage.ephemeral"


class EphemeralVolume(Model):
    """An emptyDir in each Pod."""

    medium: Literal["", "Memory"] = Field(
        "",
        description="Memory for a tmpfs, which counts as memory of the container; else the node's.",
    )
    size_limit: Quantity | None = Field(
        None,
        description=(
            "Limit of the volume. Kubernetes evicts a Pod whose volume on the node's disk exceeds "
            "it, and its data is lost. Without one, the limit is that of the node."
        ),
    )


# What is said of claims, where there are none: the field of `storage`, and its remedy.
OF_CLAIMS: Final = {
    "storageClassName": "is that of disks, and with ephemeral there are none: remove it",
    "volumeAttributesClassName": "is that of disks, and with ephemeral there are none: remove it",
    "volumeClaimTemplate": "is for disks, and with ephemeral there are none: remove it",
    "wal": "is a disk, and with ephemeral there are none: remove it",
}
SIZE_OF_DISKS: Final = (
    "is that of disks, and with ephemeral there are none: remove it, and set ephemeral.sizeLimit"
)
RETAINED: Final = (
    "cannot be Retain with ephemeral, because an emptyDir goes with its Pod: remove it"
)
NO_STOP: Final = (
    "would lose all data of a cluster with storage.ephemeral: delete the EtcdCluster instead"
)
NO_QUOTA: Final = "follows disks, and with storage.ephemeral there are none: set quotaBackendBytes"
NO_JOIN: Final = "cannot be used together with storage.ephemeral: give the new members disks"
NO_RECOVERY: Final = (
    "goes on from a disk that was kept, and with storage.ephemeral none is: save what members that "
    "run still hold with `kubectl etcd snapshot save`, and create the cluster again"
)


def check_ephemeral(spec: EtcdClusterSpec) -> Iterator[tuple[str, str]]:
    """Yield what does not go with storage in the Pods: the field, and the sentence."""
    storage = spec.storage
    if storage.ephemeral is None:
        return
    limit = storage.ephemeral.size_limit
    if limit is not None and limit.value <= 0:
        path = f"{EPHEMERAL}.sizeLimit"
        yield path, f"{path} {limit} is not a size: use a positive quantity such as 1Gi."
    given = {
        "storageClassName": storage.storage_class_name,
        "volumeAttributesClassName": storage.volume_attributes_class_name,
        "volumeClaimTemplate": storage.volume_claim_template,
        "wal": storage.wal,
    }
    for field, words in OF_CLAIMS.items():
        if given[field] is not None:
            yield f"spec.storage.{field}", f"spec.storage.{field} {words}."
    if storage.requested != type(storage)().size:
        yield "spec.storage.size", f"spec.storage.size {storage.requested} {SIZE_OF_DISKS}."
    policy = storage.retention_policy
    if "Retain" in (policy.when_deleted, policy.when_scaled):
        yield "spec.storage.retentionPolicy", f"spec.storage.retentionPolicy {RETAINED}."
    yield from _check_rest(spec)


def _check_rest(spec: EtcdClusterSpec) -> Iterator[tuple[str, str]]:
    if spec.size == 0:
        yield "spec.size", f"spec.size 0 {NO_STOP}."
    if spec.etcd_config and spec.etcd_config.quota:
        path = "spec.etcdConfig.quota"
        yield path, f"{path} {spec.etcd_config.quota} {NO_QUOTA}."
    if spec.joins is not None:
        yield "spec.bootstrap.joinExisting", f"spec.bootstrap.joinExisting {NO_JOIN}."
    if spec.recovery.quorum_loss is not None:
        yield "spec.recovery.quorumLoss", f"spec.recovery.quorumLoss {NO_RECOVERY}."

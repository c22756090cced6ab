"""The rules of where members keep their data that the API server itself checks, in CEL.

They say what `api.ephemeral` and `api.wal` say of an object that got past them.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cel.rule import Said, build_rule
from etcd_operator.api.ephemeral import (
    NO_JOIN,
    NO_QUOTA,
    NO_RECOVERY,
    NO_STOP,
    OF_CLAIMS,
    RETAINED,
    SIZE_OF_DISKS,
)
from etcd_operator.api.wal import VOLUME_TAKEN, WAL_MOUNT, WAL_VOLUME
from etcd_operator.json_types import Json

ATTRIBUTES_STAY: Final = (
    "a VolumeAttributesClass cannot be removed from disks that have one: name another one"
)
FORMED: Final = "has(self.status) && has(self.status.clusterID) && self.status.clusterID != ''"
_LASTS: Final = "!has(self.storage) || !has(self.storage.ephemeral)"


def _is_ephemeral(whose: str) -> str:
    return f"(has({whose}.spec.storage) && has({whose}.spec.storage.ephemeral))"


def _has_wal(whose: str) -> str:
    return f"(has({whose}.spec.storage) && has({whose}.spec.storage.wal))"


def _names_wal_attributes(whose: str) -> str:
    return f"has({whose}.spec.storage.wal.volumeAttributesClassName)"


def _wal_class(whose: str) -> str:
    named = f"{whose}.spec.storage.wal.storageClassName"
    return f"(has({named}) ? {named} : '')"


# On the whole object: what it was.
OBJECT_RULES: Final[tuple[Json, ...]] = (
    build_rule(
        f"{_is_ephemeral('self')} == {_is_ephemeral('oldSelf')}",
        "ephemeral cannot be added or removed, because the members' data is where it is: create "
        "another cluster and move the data",
        reason="FieldValueForbidden",
        path=".spec.storage",
    ),
    build_rule(
        f"{_has_wal('self')} == {_has_wal('oldSelf')}",
        "wal cannot be added or removed, because the members' write-ahead logs are where they are: "
        "create another cluster and move the data",
        reason="FieldValueForbidden",
        path=".spec.storage",
    ),
    build_rule(
        f"!({FORMED}) || !{_has_wal('self')} || !{_has_wal('oldSelf')} || "
        f"{_wal_class('self')} == {_wal_class('oldSelf')}",
        "the StorageClass cannot change on an existing cluster: create another cluster and move "
        "the data",
        reason="FieldValueForbidden",
        path=".spec.storage.wal.storageClassName",
    ),
    build_rule(
        f"!({FORMED}) || !{_has_wal('self')} || !{_has_wal('oldSelf')} || "
        f"!{_names_wal_attributes('oldSelf')} || {_names_wal_attributes('self')}",
        ATTRIBUTES_STAY,
        reason="FieldValueForbidden",
        path=".spec.storage.wal",
    ),
    build_rule(
        f"!({FORMED}) || !{_has_wal('self')} || !{_has_wal('oldSelf')} || "
        "!has(self.status.walDiskSize) || self.status.walDiskSize == '' || "
        "string(self.spec.storage.wal.size) == string(oldSelf.spec.storage.wal.size) || "
        "quantity(string(self.spec.storage.wal.size)).compareTo("
        "quantity(self.status.walDiskSize)) >= 0",
        Said(
            "'disks cannot shrink below the ' + self.status.walDiskSize + ' that they have: keep "
            "that size, or use a larger one'"
        ),
        reason="FieldValueForbidden",
        path=".spec.storage.wal.size",
    ),
)
# On `spec`.
SPEC_RULES: Final[tuple[Json, ...]] = (
    build_rule(f"{_LASTS} || self.size != 0", f"size 0 {NO_STOP}", path=".size"),
    build_rule(
        f"{_LASTS} || !has(self.etcdConfig) || !has(self.etcdConfig.quota)",
        f"quota {NO_QUOTA}",
        path=".etcdConfig",
    ),
    build_rule(
        f"{_LASTS} || !has(self.bootstrap) || !has(self.bootstrap.joinExisting)",
        f"joinExisting {NO_JOIN}",
        path=".bootstrap",
    ),
    build_rule(
        f"{_LASTS} || !has(self.recovery) || !has(self.recovery.quorumLoss)",
        f"quorumLoss {NO_RECOVERY}",
        path=".recovery",
    ),
    build_rule(
        "!has(self.storage) || !has(self.storage.wal) || !has(self.podTemplate) || "
        "((!has(self.podTemplate.volumes) || "
        f"!self.podTemplate.volumes.exists(v, v.name == '{WAL_VOLUME}')) && "
        "(!has(self.podTemplate.volumeMounts) || "
        "!self.podTemplate.volumeMounts.exists(m, "
        f"m.mountPath == '{WAL_MOUNT}' || m.mountPath.startsWith('{WAL_MOUNT}/'))))",
        f"podTemplate {VOLUME_TAKEN}",
        path=".podTemplate",
    ),
)


def storage_rules(path: str, default_size: str) -> dict[str, list[Json]]:
    """Build the rules of `storage` itself, whose default size is that of nobody's disks."""
    return {
        path: [
            *(
                build_rule(f"!has(self.ephemeral) || !has(self.{field})", f"{field} {words}")
                for field, words in OF_CLAIMS.items()
            ),
            build_rule(
                "!has(self.ephemeral) || !isQuantity(string(self.size)) || "
                f"quantity(string(self.size)).compareTo(quantity('{default_size}')) == 0",
                f"size {SIZE_OF_DISKS}",
                path=".size",
            ),
            build_rule(
                "!has(self.ephemeral) || !has(self.retentionPolicy) || "
                "(self.retentionPolicy.whenDeleted != 'Retain' && "
                "self.retentionPolicy.whenScaled != 'Retain')",
                f"retentionPolicy {RETAINED}",
                path=".retentionPolicy",
            ),
        ],
        f"{path}.wal.size": [
            build_rule(
                "isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",
                Said(
                    "'size ' + string(self) + ' is not a size: use a positive quantity such as 2Gi'"
                ),
            )
        ],
        f"{path}.ephemeral.sizeLimit": [
            build_rule(
                "isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",
                Said(
                    "'sizeLimit ' + string(self) + ' is not a size: use a positive quantity such "
                    "as 1Gi'"
                ),
            )
        ],
    }

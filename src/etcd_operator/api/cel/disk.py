"""The rules of `spec.storage.ephemeral` that the API server itself checks, in CEL.

They say what `api.ephemeral` says of an object that got past them.
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
from etcd_operator.json_types import Json

_LASTS: Final = "!has(self.storage) || !has(self.storage.ephemeral)"


def _is_ephemeral(whose: str) -> str:
    return f"(has({whose}.spec.storage) && has({whose}.spec.storage.ephemeral))"


# On the whole object: what it was.
OBJECT_RULES: Final[tuple[Json, ...]] = (
    build_rule(
        f"{_is_ephemeral('self')} == {_is_ephemeral('oldSelf')}",
        "ephemeral cannot be added or removed, because the members' data is where it is: create "
        "another cluster and move the data",
        reason="FieldValueForbidden",
        path=".spec.storage",
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
)


def ephemeral_rules(path: str, default_size: str) -> dict[str, list[Json]]:
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

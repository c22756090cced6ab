"""The rules of `spec.bootstrap` that the API server itself checks, in CEL.

They say what `api.bootstrap` says of an object that got past them.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.bootstrap import (
    LEAST_SIZE,
    NO_AUTH,
    NO_POLICY,
    NO_TLS,
    SAME_NAME,
    TOO_SMALL,
)
from etcd_operator.api.cel.rule import build_rule
from etcd_operator.json_types import Json

_JOINS: Final = "has(self.bootstrap) && has(self.bootstrap.joinExisting)"
_TLS: Final = (
    "has(self.security) && has(self.security.tls) && self.security.tls.enabled && "
    "(self.security.tls.clientTLSEnabled || self.security.tls.peerTLSEnabled)"
)
_POLICY: Final = (
    "has(self.security) && has(self.security.networkPolicy) && self.security.networkPolicy.enabled"
)


def _source(whose: str) -> str:
    return f"{whose}.spec.bootstrap.joinExisting.source"


def _joins(whose: str) -> str:
    return f"has({whose}.spec.bootstrap) && has({whose}.spec.bootstrap.joinExisting)"


# On the whole object: its name, its status and what it was.
OBJECT_RULES: Final[tuple[Json, ...]] = (
    build_rule(
        f"!({_joins('self')}) || {_source('self')}.statefulSet != self.metadata.name",
        f"source.statefulSet {SAME_NAME}",
        path=".spec.bootstrap",
    ),
    build_rule(
        "!(has(self.status) && has(self.status.clusterID) && self.status.clusterID != '') || "
        f"!({_joins('self')}) || !({_joins('oldSelf')}) || "
        f"{_source('self')} == {_source('oldSelf')}",
        "joinExisting.source cannot change on an existing cluster: keep it, or remove bootstrap "
        "when the take-over is over",
        path=".spec.bootstrap",
        reason="FieldValueForbidden",
    ),
)
# On `spec`.
SPEC_RULES: Final[tuple[Json, ...]] = (
    build_rule(
        f"!({_JOINS}) || self.size == 0 || self.size >= {LEAST_SIZE}",
        f"size is too small for bootstrap.joinExisting: {TOO_SMALL}",
        path=".size",
    ),
    build_rule(f"!({_JOINS}) || !({_TLS})", f"security.tls {NO_TLS}", path=".security"),
    build_rule(
        f"!({_JOINS}) || !has(self.security) || !has(self.security.auth) || "
        "has(self.security.auth.rootPasswordSecret)",
        f"security.auth {NO_AUTH}",
        path=".security",
    ),
    build_rule(
        f"!({_JOINS}) || !({_POLICY})", f"security.networkPolicy {NO_POLICY}", path=".security"
    ),
)

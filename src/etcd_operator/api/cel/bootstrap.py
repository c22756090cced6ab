"""The rules of `spec.bootstrap` that the API server itself checks, in CEL.

They say what `api.bootstrap` says of an object that got past them.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.bootstrap import (
    CLIENTS_ALIKE,
    EACH_ONCE,
    LEAST_SIZE,
    NO_AUTH,
    NO_POLICY,
    ONE_SOURCE,
    PEERS_ALIKE,
    SAME_NAME,
    SCHEMES_ALIKE,
    TOO_SMALL,
)
from etcd_operator.api.cel.rule import build_rule
from etcd_operator.api.security import NO_LOGIN
from etcd_operator.json_types import Json

_JOINS: Final = "has(self.bootstrap) && has(self.bootstrap.joinExisting)"
_SOURCE: Final = "self.bootstrap.joinExisting.source"


def _tls(field: str) -> str:
    return (
        "(has(self.security) && has(self.security.tls) && self.security.tls.enabled && "
        f"self.security.tls.{field})"
    )


_CLIENT_TLS: Final = _tls("clientTLSEnabled")
_AUTH: Final = "has(self.security) && has(self.security.auth)"
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
        f"!({_joins('self')}) || !has({_source('self')}.statefulSet) || "
        f"{_source('self')}.statefulSet != self.metadata.name",
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
    build_rule(
        f"!({_JOINS}) || has({_SOURCE}.statefulSet) != has({_SOURCE}.endpoints)",
        f"joinExisting.source {ONE_SOURCE}",
        path=".bootstrap",
    ),
    build_rule(
        f"!({_JOINS}) || !has({_SOURCE}.endpoints) || "
        f"{_SOURCE}.endpoints.all(each, each.startsWith('https://') == {_CLIENT_TLS})",
        f"joinExisting.source.endpoints {SCHEMES_ALIKE}",
        path=".bootstrap",
    ),
    build_rule(
        f"!({_JOINS}) || !has({_SOURCE}.endpoints) || {_SOURCE}.endpoints.all(each, "
        f"{_SOURCE}.endpoints.exists_one(other, other == each))",
        f"joinExisting.source.endpoints {EACH_ONCE}",
        path=".bootstrap",
    ),
    build_rule(
        f"!({_JOINS}) || {_CLIENT_TLS} == has({_SOURCE}.clientCertificateSecret)",
        f"joinExisting.source.clientCertificateSecret {CLIENTS_ALIKE}",
        path=".bootstrap",
    ),
    build_rule(
        f"!({_JOINS}) || {_tls('peerTLSEnabled')} == has({_SOURCE}.peerCASecret)",
        f"joinExisting.source.peerCASecret {PEERS_ALIKE}",
        path=".bootstrap",
    ),
    build_rule(
        f"!({_JOINS}) || !({_AUTH}) || (self.security.auth.mode == 'Unmanaged' && "
        f"(has(self.security.auth.rootPasswordSecret) || {_CLIENT_TLS}))",
        f"security.auth {NO_AUTH}",
        path=".security",
    ),
    build_rule(
        f"{_JOINS} || !({_AUTH}) || !{_CLIENT_TLS} || !has(self.security.auth.rootPasswordSecret) "
        "|| self.security.tls.clientTLSMode == 'Permissive'",
        f"security.auth.rootPasswordSecret {NO_LOGIN}",
        path=".security",
    ),
    build_rule(
        f"!({_JOINS}) || !({_POLICY})", f"security.networkPolicy {NO_POLICY}", path=".security"
    ),
)

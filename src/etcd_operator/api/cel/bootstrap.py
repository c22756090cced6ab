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
from etcd_operator.api.mirror import NOT_BOTH, ONE_TRUST, SAME_RANGE
from etcd_operator.api.mirror import SCHEMES_ALIKE as MIRROR_SCHEMES_ALIKE
from etcd_operator.api.security import NO_LOGIN
from etcd_operator.json_types import Json

_JOINS: Final = "has(self.bootstrap) && has(self.bootstrap.joinExisting)"
_SOURCE: Final = "self.bootstrap.joinExisting.source"
_MIRRORS: Final = "has(self.bootstrap) && has(self.bootstrap.mirror)"
_MIRRORED: Final = "self.bootstrap.mirror.source"
_SECURE: Final = f"{_MIRRORED}.endpoints[0].startsWith('https://')"


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


def _mirror(whose: str) -> str:
    return f"{whose}.spec.bootstrap.mirror"


def _mirrors(whose: str) -> str:
    return f"has({whose}.spec.bootstrap) && has({_mirror(whose)})"


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
    build_rule(
        f"!({_mirrors('self')}) || !({_mirrors('oldSelf')}) || "
        f"({_mirror('self')}.prefix == {_mirror('oldSelf')}.prefix && "
        f"{_mirror('self')}.leasedKeys == {_mirror('oldSelf')}.leasedKeys)",
        f"mirror {SAME_RANGE}",
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
    build_rule(f"!({_MIRRORS}) || !({_JOINS})", f"mirror {NOT_BOTH}", path=".bootstrap"),
    build_rule(
        f"!({_MIRRORS}) || {_MIRRORED}.endpoints.all(each, "
        f"each.startsWith('https://') == {_SECURE})",
        f"mirror.source.endpoints {MIRROR_SCHEMES_ALIKE}",
        path=".bootstrap",
    ),
    build_rule(
        f"!({_MIRRORS}) || ({_SECURE} ? has({_MIRRORED}.clientCertificateSecret) != "
        f"has({_MIRRORED}.caSecret) : !has({_MIRRORED}.clientCertificateSecret) && "
        f"!has({_MIRRORED}.caSecret))",
        f"mirror.source {ONE_TRUST}",
        path=".bootstrap",
    ),
    build_rule(
        f"!({_JOINS}) || !({_POLICY})", f"security.networkPolicy {NO_POLICY}", path=".security"
    ),
)

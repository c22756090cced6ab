"""CEL rules about TLS; see `cel/cluster.py`.

TLS for clients is turned on and off by way of the phase in which members serve both, and only when
the status says that all of them do: so no client is cut off by a change of the spec alone. TLS
between members is for the operator to turn on and off: nobody else speaks at that port.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cel.rule import build_rule
from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.release import READS_ALLOWED_NAMES
from etcd_operator.json_types import Json

_FORMED: Final = "has(self.status) && has(self.status.clusterID) && self.status.clusterID != ''"
_ALL_SERVE: Final = "has(self.status.clientTLS) && self.status.clientTLS"


def _is_on(whose: str, field: str) -> str:
    tls = f"{whose}.spec.security.tls"
    return (
        f"has({whose}.spec.security) && has({tls}) && (!has({tls}.enabled) || {tls}.enabled) && "
        f"(!has({tls}.{field}) || {tls}.{field})"
    )


def _mode_of(whose: str) -> str:
    mode = f"{whose}.spec.security.tls.clientTLSMode"
    return (
        f"({_is_on(whose, 'clientTLSEnabled')} ? "
        f"(has({mode}) ? {mode} : '{ClientTls.STRICT}') : '{ClientTls.OFF}')"
    )


def _names(whose: str, field: str) -> str:
    tls = f"{whose}.spec.security.tls"
    return f"has({whose}.spec.security) && has({tls}) && has({tls}.{field})"


_LEAST: Final = ".".join(map(str, READS_ALLOWED_NAMES))

OBJECT_RULES: Final[tuple[Json, ...]] = (
    build_rule(
        f"!({_FORMED}) || {_mode_of('self')} == {_mode_of('oldSelf')} || "
        f"{_mode_of('self')} == '{ClientTls.PERMISSIVE}' || "
        f"({_ALL_SERVE} in ['{ClientTls.PERMISSIVE}', {_mode_of('self')}])",
        "TLS for clients cannot be turned on or off at once, because clients could no longer "
        "connect: set tls.clientTLSMode to Permissive, and make this change when "
        "status.clientTLS is Permissive",
        reason="FieldValueForbidden",
        path=".spec.security",
    ),
    build_rule(
        f"!({_names('self', 'peerIssuerRef')}) || !self.spec.version.matches('^v?3[.]5[.][0-9]+$') "
        f"|| int(self.spec.version.split('.')[2]) >= {READS_ALLOWED_NAMES[2]}",
        f"peerIssuerRef needs etcd {_LEAST} or later, which lets members in by their common name "
        "alone: upgrade first",
        reason="FieldValueForbidden",
        path=".spec.security",
    ),
)
FIELD_RULES: Final[tuple[Json, ...]] = (
    build_rule(
        "!self.enabled || !self.clientTLSEnabled || self.autoTLS || has(self.issuerRef) || "
        "(has(self.certificateSecret) && self.certificateSecret != '')",
        "autoTLS is false and certificateSecret names no certificate: name a Secret or an "
        "issuer in issuerRef, or set autoTLS to true",
    ),
    build_rule(
        "!has(self.issuerRef) || !has(self.certificateSecret) || self.certificateSecret == ''",
        "issuerRef and certificateSecret cannot both be given: remove one of them",
    ),
    build_rule(
        "!has(self.peerIssuerRef) || !self.enabled || self.peerTLSEnabled",
        "peerIssuerRef is for TLS between members, which is off: remove it, or set peerTLSEnabled "
        "to true",
    ),
    build_rule(
        "!self.enabled || !self.metricsTLSEnabled || self.clientTLSEnabled",
        "metricsTLSEnabled uses the certificates for clients: set clientTLSEnabled",
    ),
)

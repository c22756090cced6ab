"""What the gate says of TLS: which connections are encrypted, and what an issuer signs."""

from __future__ import annotations

from typing import Final

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.model.client_tls import CLIENT, PERMISSIVE
from etcd_operator.core.model.issuer_record import ISSUER
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.model.peer_issuer import RECORDED
from etcd_operator.core.model.peer_tls import PEER

# What the gate says of a cluster in which nothing is encrypted, if it says anything.
PLAIN: Final = "none"


def describe_tls(spec: EtcdClusterSpec, naming: Naming) -> str:
    """Connections that are encrypted, and whether cert-manager issues, as the gate records it."""
    facts = {
        CLIENT: spec.client_tls,
        PERMISSIVE: spec.client_tls_mode is ClientTls.PERMISSIVE,
        PEER: naming.peer_stage.listens_with_tls,
        ISSUER: spec.client_tls and naming.issuer_stage.signs_server,
        naming.peer_issuer: naming.peer_stage.has_certificates and bool(naming.peer_issuer),
    }
    return ",".join(word for word, on in facts.items() if on) or PLAIN


def is_tls_record(text: str) -> bool:
    """Whether `describe_tls` can have written this."""
    return text == PLAIN or set(text.split(",")) <= {CLIENT, PERMISSIVE, PEER, ISSUER, *RECORDED}

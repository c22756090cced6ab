"""The Certificates that ask cert-manager for what clients and members show."""

from __future__ import annotations

from typing import Final

from etcd_operator.api.hosts import is_ip_address
from etcd_operator.api.security import IssuerReference
from etcd_operator.core.certificates.settings import tls_of
from etcd_operator.core.certificates.state import Leaf
from etcd_operator.core.certificates.wanted import (
    is_signed_by_own,
    issued_leaves,
    issued_peer_leaves,
)
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.metadata import build_object
from etcd_operator.json_types import Json

# Of ECDSA, as the operator makes its own keys; and of what takes the place of one of those.
KEY_SIZE: Final = 256
OTHER_KEY_SIZE: Final = 384


def render_certificates(snapshot: Snapshot) -> list[Json]:
    """Render them; none where the operator or the user sees to certificates."""
    spec, naming = snapshot.spec, snapshot.naming
    lifetime = tls_of(spec).certificate_lifetime
    asked = (
        (tls_of(spec).issuer_ref, issued_leaves(spec, naming)),
        (tls_of(spec).peer_issuer_ref, issued_peer_leaves(spec, naming)),
    )
    return [
        _render(naming, name, leaf, lifetime, issuer, _find_key_size(snapshot, name, leaf))
        for issuer, leaves in asked
        if issuer
        for name, leaf in leaves.items()
    ]


def _find_key_size(snapshot: Snapshot, name: str, leaf: Leaf) -> int:
    """The size of the key: another one than that of what cert-manager is to replace.

    It takes a certificate of the cluster's own CA for issued, if names and key are as it was asked.
    Source: `trigger policies` in cert-manager's internal/controller/certificates/policies.
    """
    if is_signed_by_own(snapshot, snapshot.credentials.get(leaf.secret)):
        return OTHER_KEY_SIZE
    live = snapshot.child("Certificate", name)
    asked = (live.body.get("spec") or {}).get("privateKey") or {} if live else {}
    return OTHER_KEY_SIZE if asked.get("size") == OTHER_KEY_SIZE else KEY_SIZE


def _render(
    naming: Naming, name: str, leaf: Leaf, lifetime: str, issuer: IssuerReference, key_size: int
) -> Json:
    addresses = [text for text in leaf.names if is_ip_address(text)]
    usages = ["server auth"] * leaf.server + ["client auth"] * leaf.client
    spec: Json = {
        "secretName": leaf.secret,
        "secretTemplate": _secret_metadata(naming),
        "commonName": leaf.common_name,
        "dnsNames": [text for text in leaf.names if text not in addresses],
        "ipAddresses": addresses,
        "usages": ["digital signature", *usages],
        "duration": lifetime,
        "privateKey": {
            "algorithm": "ECDSA",
            "size": key_size,
            "encoding": "PKCS8",
            "rotationPolicy": "Always",
        },
        "issuerRef": {"name": issuer.name, "kind": issuer.kind, "group": issuer.group},
    }
    spec = {key: value for key, value in spec.items() if value not in ([], "")}
    return build_object("cert-manager.io/v1", "Certificate", name, naming, {"spec": spec})


def _secret_metadata(naming: Naming) -> Json:
    annotations = dict(naming.inherited_annotations)
    return {"labels": naming.labels(), **({"annotations": annotations} if annotations else {})}

"""The Certificates that ask cert-manager for what clients and members show at the client port."""

from __future__ import annotations

from etcd_operator.api.hosts import is_ip_address
from etcd_operator.core.certificates.settings import tls_of
from etcd_operator.core.certificates.state import Leaf
from etcd_operator.core.certificates.wanted import issued_leaves
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.metadata import build_object
from etcd_operator.json_types import Json


def render_certificates(snapshot: Snapshot) -> list[Json]:
    """Render them; none where the operator or the user sees to certificates."""
    spec, naming = snapshot.spec, snapshot.naming
    lifetime = tls_of(spec).certificate_lifetime
    issuer = tls_of(spec).issuer_ref
    if issuer is None:
        return []
    reference = {"name": issuer.name, "kind": issuer.kind, "group": issuer.group}
    return [
        _render(naming, name, leaf, lifetime, reference)
        for name, leaf in issued_leaves(spec, naming).items()
    ]


def _render(naming: Naming, name: str, leaf: Leaf, lifetime: str, issuer: Json) -> Json:
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
            "size": 256,
            "encoding": "PKCS8",
            "rotationPolicy": "Always",
        },
        "issuerRef": issuer,
    }
    spec = {key: value for key, value in spec.items() if value not in ([], "")}
    return build_object("cert-manager.io/v1", "Certificate", name, naming, {"spec": spec})


def _secret_metadata(naming: Naming) -> Json:
    annotations = dict(naming.inherited_annotations)
    return {"labels": naming.labels(), **({"annotations": annotations} if annotations else {})}

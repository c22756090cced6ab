"""TLS of a member: settings of etcd, mounted Secrets, trusted authorities.

Certificates are mounted as whole directories, so that the kubelet renews them in place and etcd
sees them with the next connection. Whom to trust is in the ConfigMap: it is public, and etcd reads
it only when it starts.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.auth.tokens import KEY_MOUNT, KEY_VOLUME
from etcd_operator.core.certificates.client_trust import client_trust
from etcd_operator.core.certificates.peer_trust import peer_trust
from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE, PEER_TRUST_FILE, join_bundle
from etcd_operator.core.certificates.wanted import presented_secret
from etcd_operator.core.model.naming import SERVER_VOLUME, Naming
from etcd_operator.core.model.peer_issuer import allowed_common_names
from etcd_operator.core.model.peer_stage import PEER_VOLUME
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.json_types import Json

CONFIG_MOUNT: Final = "/etc/etcd"
SERVER_MOUNT: Final = "/etc/etcd-tls/server"
PEER_MOUNT: Final = "/etc/etcd-tls/peer"


def render_transport(spec: EtcdClusterSpec, naming: Naming) -> Json:
    """Render the settings of etcd: who has to show a certificate, and which is shown."""
    settings: Json = {}
    if spec.client_tls:
        settings["client-transport-security"] = {
            "cert-file": f"{SERVER_MOUNT}/tls.crt",
            "key-file": f"{SERVER_MOUNT}/tls.key",
            "client-cert-auth": True,
            "trusted-ca-file": f"{CONFIG_MOUNT}/{CLIENT_TRUST_FILE}",
        }
    if spec.peer_tls:
        settings["peer-transport-security"] = {
            "cert-file": f"{PEER_MOUNT}/tls.crt",
            "key-file": f"{PEER_MOUNT}/tls.key",
            # Without names: etcd would look up each of them, and DNS may not know us yet.
            "client-cert-file": f"{PEER_MOUNT}/client.crt",
            "client-key-file": f"{PEER_MOUNT}/client.key",
            "client-cert-auth": True,
            "trusted-ca-file": f"{CONFIG_MOUNT}/{PEER_TRUST_FILE}",
        }
        if names := allowed_common_names(naming):
            # Others may get certificates of an issuer, too. Checked by who dials as well.
            settings["peer-transport-security"]["allowed-cn"] = list(names)
    return settings


def render_trust(snapshot: Snapshot) -> dict[str, str]:
    """Render the files that say whom members trust, by name."""
    spec, files = snapshot.rendered_spec, {}
    if spec.client_tls:
        files[CLIENT_TRUST_FILE] = join_bundle(client_trust(snapshot))
    if spec.peer_tls:
        files[PEER_TRUST_FILE] = join_bundle(peer_trust(snapshot))
    return files


def render_volumes(spec: EtcdClusterSpec, naming: Naming) -> list[Json]:
    """Render the volumes with certificates and keys: readable for the members' group alone."""
    return [
        {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}}
        for name, secret, _ in _mounted(spec, naming)
    ]


def render_mounts(spec: EtcdClusterSpec, naming: Naming) -> list[Json]:
    """Render where they are mounted."""
    return [
        {"name": name, "mountPath": path, "readOnly": True}
        for name, _, path in _mounted(spec, naming)
    ]


def _mounted(spec: EtcdClusterSpec, naming: Naming) -> list[tuple[str, str, str]]:
    mounted = []
    if spec.client_tls:
        mounted.append((SERVER_VOLUME, presented_secret(spec, naming), SERVER_MOUNT))
    if spec.peer_tls:
        mounted.append((PEER_VOLUME, naming.peer_secret, PEER_MOUNT))
    if spec.auth and spec.auth.jwt:
        mounted.append((KEY_VOLUME, spec.auth.jwt.key_secret, KEY_MOUNT))
    return mounted

"""What a connection Secret says: the same facts under the keys that each kind of client reads.

`tls.crt`, `tls.key`, `ca.crt`: Kubernetes' own, also Karmada, kcp and vcluster. `etcd-client.crt`
and the like: HyperShift and Cilium. `host`, `port`, `uri`, `username`, `password`, `certificates`,
`private-key`, `type`, `provider`: the Service Binding Specification 1.1 (servicebinding.io).
`ETCDCTL_...`: etcdctl's environment, where the Secret is mounted at `MOUNT`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from etcd_operator.core.connections.state import Connection

# Of a binding: what it is of, and who provides it.
TYPE: Final = "etcd"
PROVIDER: Final = "etcd-operator"
MOUNT: Final = "/etc/etcd-connection"
# Every key that there can be, so that one that is wanted no more can be taken out.
KEYS: Final = (
    "type",
    "provider",
    "host",
    "port",
    "uri",
    "endpoints",
    "username",
    "password",
    "certificates",
    "private-key",
    "tls.crt",
    "tls.key",
    "ca.crt",
    "etcd-client.crt",
    "etcd-client.key",
    "etcd-client-ca.crt",
    "ETCDCTL_ENDPOINTS",
    "ETCDCTL_CACERT",
    "ETCDCTL_CERT",
    "ETCDCTL_KEY",
    "ETCDCTL_USER",
)


def render_content(
    connection: Connection, certificate: Mapping[str, str], password: str
) -> dict[str, str]:
    """Return the data of the Secret; `certificate` is the data of the Secret with the certificate.

    Both are empty where the connection has none.
    """
    content = {
        "type": TYPE,
        "provider": PROVIDER,
        "host": connection.host,
        "port": connection.uri.rpartition(":")[2],
        "uri": connection.uri,
        "endpoints": ",".join(connection.endpoints),
        "ETCDCTL_ENDPOINTS": ",".join(connection.endpoints),
    }
    if connection.user:
        content["username"] = connection.user
    if password:
        content |= {"password": password, "ETCDCTL_USER": f"{connection.user}:{password}"}
    if connection.certificate:
        content |= _render_certificate(certificate)
    return content


def _render_certificate(data: Mapping[str, str]) -> dict[str, str]:
    chain, key, trusted = (data.get(name, "") for name in ("tls.crt", "tls.key", "ca.crt"))
    return {
        "tls.crt": chain,
        "tls.key": key,
        "ca.crt": trusted,
        "etcd-client.crt": chain,
        "etcd-client.key": key,
        "etcd-client-ca.crt": trusted,
        "certificates": f"{chain.strip()}\n{trusted.strip()}\n",
        "private-key": key,
        "ETCDCTL_CACERT": f"{MOUNT}/ca.crt",
        "ETCDCTL_CERT": f"{MOUNT}/tls.crt",
        "ETCDCTL_KEY": f"{MOUNT}/tls.key",
    }

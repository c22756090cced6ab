"""Which connection Secrets a cluster has, and when one of them has to be written.

This is no rule of the table: like a renewal, a write goes along with every plan. A certificate that
was renewed reaches clients whatever the cluster waits for.
"""

from __future__ import annotations

from collections.abc import Iterator

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.actions.connections import WriteConnection
from etcd_operator.core.connections.state import Connection, Source
from etcd_operator.core.model.client_tls import find_common_mode
from etcd_operator.core.model.naming import Naming
from etcd_operator.core.model.snapshot import Snapshot


def refresh_connections(snapshot: Snapshot) -> tuple[WriteConnection, ...]:
    """Return the writes of connection Secrets that do not say what they should."""
    if snapshot.spec.paused or snapshot.cluster.deleting:
        return ()
    return tuple(filter(None, (_refresh(snapshot, one) for one in wanted_connections(snapshot))))


def _refresh(snapshot: Snapshot, wanted: Connection) -> WriteConnection | None:
    live = snapshot.connections.get(wanted.secret)
    if live is None:
        return WriteConnection(wanted, "", "", "the spec asks for it")
    if live.deleting or live.owner_uid != snapshot.naming.uid:
        return None
    if not live.intact:
        why = "somebody else had changed it"
    elif live.sources != wanted.fingerprint:
        why = "what it is made of has changed"
    else:
        return None
    return WriteConnection(wanted, live.uid, live.resource_version, why)


def wanted_connections(snapshot: Snapshot) -> Iterator[Connection]:
    """Yield the connections that can be told now: a certificate, if any, has been issued."""
    spec, naming = snapshot.spec, snapshot.naming
    if not spec.connection_secrets:
        return
    users = [("", naming.client_secret, "")]
    for user in spec.users:
        users.append((user.name, naming.user_secret(user.name), user.password_secret or ""))
    tls = _tell_tls(snapshot)
    for user_name, certificate, password in users:
        shown = _find_certificate(snapshot, certificate) if tls else None
        known = snapshot.passwords.get(password)
        login = Source(known.name, known.uid, known.resource_version) if known else None
        usable = not password or (known is not None and not known.problem)
        if usable and (shown or not tls):
            yield _build(snapshot, user_name, shown, login)


def _tell_tls(snapshot: Snapshot) -> bool:
    """Whether clients are told to use TLS: where every member serves it, and is to go on so."""
    common = find_common_mode(snapshot)
    return snapshot.spec.client_tls and (common is None or common.tls)


def name_connections(spec: EtcdClusterSpec, naming: Naming) -> tuple[str, ...]:
    """The names of the connection Secrets that the spec asks for, told already or not."""
    if not spec.connection_secrets:
        return ()
    return tuple(naming.connection_secret(name) for name in ("", *(u.name for u in spec.users)))


def _find_certificate(snapshot: Snapshot, name: str) -> Source | None:
    live = snapshot.credentials.get(name)
    if live is None or live.certificate is None or live.problem or live.deleting:
        return None
    return Source(live.name, live.uid, live.resource_version)


def _build(
    snapshot: Snapshot, user: str, certificate: Source | None, password: Source | None
) -> Connection:
    naming = snapshot.naming
    # Without the domain of the cluster, which members' certificates have as well: clients in Pods
    # find it by their search list.
    host = f"{naming.client_service}.{naming.namespace}.svc"
    scheme = "https" if (tls := _tell_tls(snapshot)) else "http"
    port = snapshot.spec.service.port
    uri = f"{scheme}://{host}:{port}"
    ordinals = range(snapshot.cluster.spec.size)
    members = tuple(naming.client_url(ordinal, tls=tls) for ordinal in ordinals)
    secret = naming.connection_secret(user)
    return Connection(secret, user, host, uri, members or (uri,), certificate, password)

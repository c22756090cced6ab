"""Which certificates a cluster needs, and whom its members and clients trust.

Two authorities of the cluster's own, with nothing in common: one for members among themselves, one
for clients and for what clients see. So no client certificate ever opens the peer port.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address
from typing import Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.api.security import User
from etcd_operator.core.certificates.settings import issuer_of, tls_of
from etcd_operator.core.certificates.state import (
    Credential,
    Leaf,
    Trusted,
    key_ids,
)
from etcd_operator.core.model.naming import CLIENT_PORT, PEER_PORT, Naming
from etcd_operator.core.model.peer_issuer import (
    OWN_COMMON_NAME,
    PeerIssuer,
    client_certificate_of_peers,
    client_secret_of_peers,
    issued_common_name,
    server_certificate_of_peers,
    server_secret_of_peers,
    wants_peer_issuer,
)
from etcd_operator.core.model.snapshot import Snapshot

# With etcd's authentication the common name is the user. The operator must be allowed everything.
OPERATOR_NAME: Final = "root"
CLIENT_NAME: Final = "client"

_SECOND: Final = timedelta(seconds=1)


def issued_leaves(spec: EtcdClusterSpec, naming: Naming) -> dict[str, Leaf]:
    """Leaf certificates that cert-manager is to issue, by the name of the Certificate.

    The operator's own certificate is not among them: it has to reach members whatever becomes of
    the issuer. Those between members are in `issued_peer_leaves`.
    Before members may show what the issuer signs, it signs for a Secret that nobody mounts.
    """
    if issuer_of(spec) is None:
        return {}
    server, stage = _server_leaf(spec, naming, ""), naming.issuer_stage
    if not stage.signs_server:
        return {naming.server_certificate: replace(server, secret=naming.issuer_secret)}
    leaves = {naming.server_certificate: server}
    if stage.signs_clients:
        leaves[naming.client_certificate] = Leaf(naming.client_secret, "", CLIENT_NAME)
    return leaves


def issued_peer_leaves(spec: EtcdClusterSpec, naming: Naming) -> dict[str, Leaf]:
    """Leaf certificates between members that cert-manager is to issue, by Certificate.

    One is for what members show, and one without names for what they dial each other with.
    """
    if not wants_peer_issuer(spec):
        return {}
    common_name, names = issued_common_name(naming), _member_names(naming)
    shown = Leaf(server_secret_of_peers(naming), "", common_name, names, server=True)
    return {
        server_certificate_of_peers(naming): shown,
        client_certificate_of_peers(naming): Leaf(client_secret_of_peers(naming), "", common_name),
    }


def leaf_lifetime(spec: EtcdClusterSpec) -> timedelta:
    """How long certificates are to last; they count whole seconds."""
    return tls_of(spec).certificate_lifetime.length // _SECOND * _SECOND


def wanted_authorities(snapshot: Snapshot) -> tuple[str, ...]:
    """The Secrets of the authorities that the cluster needs."""
    spec, naming = snapshot.spec, snapshot.naming
    signs = not naming.peer_issuer.signs or not wants_peer_issuer(spec)
    peers = _needs_peers(spec, naming) and signs
    wanted = {naming.client_authority: spec.client_tls, naming.peer_authority: peers}
    return tuple(name for name, needed in wanted.items() if needed)


def wanted_leaves(spec: EtcdClusterSpec, naming: Naming) -> tuple[Leaf, ...]:
    """The certificates that the operator is to issue."""
    leaves = []
    if spec.client_tls:
        authority = naming.client_authority
        stage = naming.issuer_stage
        if not stage.signs_server and not tls_of(spec).certificate_secret:
            leaves.append(_server_leaf(spec, naming, authority))
        leaves.append(Leaf(naming.operator_secret, authority, OPERATOR_NAME))
        if not stage.signs_clients:
            leaves.append(Leaf(naming.client_secret, authority, CLIENT_NAME))
        for user in spec.users:
            name = _common_name_of(user, spec)
            leaves.append(Leaf(naming.user_secret(user.name), authority, name))
    if _needs_peers(spec, naming) and not naming.peer_issuer.signs:
        names = _member_names(naming)
        leaves.append(
            Leaf(
                naming.peer_secret,
                naming.peer_authority,
                OWN_COMMON_NAME,
                names,
                server=True,
                client_certificate=True,
            )
        )
    return tuple(leaves)


def _common_name_of(user: User, spec: EtcdClusterSpec) -> str:
    """The common name of a user's certificate: etcd's user, but for one that logs in with JSON.

    With authentication, etcd's gateway refuses every client with a common name. Source:
    `accessController` in etcd's server/embed/serve.go, and tests/etcd/test_gateway.py.
    """
    return "" if user.password_secret and dials_itself(spec) else user.name


def dials_itself(spec: EtcdClusterSpec) -> bool:
    """Whether etcd's JSON gateway shows the server's certificate, as a client of its own member."""
    return spec.client_tls and spec.grpc_gateway


def _server_leaf(spec: EtcdClusterSpec, naming: Naming, authority: str) -> Leaf:
    """The certificate that clients see.

    Without a common name where the gateway shows it. etcd ignores that name only in requests with
    the header Accept: in one without, from a client without a common name, it is etcd's user.
    Source: `AuthInfoFromTLS` in etcd's server/auth/store.go, and tests/etcd/test_gateway.py.
    """
    dials = dials_itself(spec)
    return Leaf(
        naming.server_secret,
        authority,
        "" if dials else "etcd",
        server_names(spec, naming),
        server=True,
        dials_itself=dials,
    )


def server_names(spec: EtcdClusterSpec, naming: Naming) -> tuple[str, ...]:
    """Every name by which clients reach the Service and the members, sorted."""
    names = {
        *(
            name
            for service in (naming.client_service, *spec.service.aliases)
            for name in _service_names(service, naming)
        ),
        "localhost",
        "127.0.0.1",
        "::1",
        *_member_names(naming),
        *(_normalize(name) for name in (*tls_of(spec).server_names, *_outside(spec, naming))),
    }
    return tuple(sorted(names))


def _outside(spec: EtcdClusterSpec, naming: Naming) -> Iterator[str]:
    """The names outside Kubernetes: those of the spec from the beginning, others when known."""
    yield from naming.service_hosts
    yield from (address.host for address in naming.member_addresses)
    yield from spec.member_addresses.names if spec.member_addresses else ()


def _normalize(name: str) -> str:
    """An address as it is read from a certificate; every other name as it is."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name


def _member_names(naming: Naming) -> tuple[str, ...]:
    """The names of all members, present and future, so that growing needs no new certificate."""
    return tuple(sorted(_service_names(f"*.{naming.peer_service}", naming)))


def _service_names(short: str, naming: Naming) -> tuple[str, ...]:
    """The DNS names of a Service of the namespace, as Pods may write them."""
    service = f"{short}.{naming.namespace}"
    return short, service, f"{service}.svc", f"{service}.svc.{naming.domain}"


def used_secrets(spec: EtcdClusterSpec, naming: Naming) -> tuple[str, ...]:
    """The Secrets that a pass has to look at: the operator's own and the user's.

    What members show now is among them, also where the spec names another one.
    """
    own = [leaf.secret for leaf in wanted_leaves(spec, naming)]
    own += [naming.client_authority, naming.mounted_server] * spec.client_tls
    if _needs_peers(spec, naming):
        own += [naming.peer_authority, naming.peer_secret]
    others = (*users_secrets(spec, naming), *peer_issuer_secrets(spec, naming))
    return tuple(dict.fromkeys(filter(None, (*own, *others))))


def peer_issuer_secrets(spec: EtcdClusterSpec, naming: Naming) -> tuple[str, ...]:
    """The Secrets that cert-manager writes for members, which nobody mounts."""
    if not _needs_peers(spec, naming):
        return ()
    if not wants_peer_issuer(spec) and naming.peer_issuer is PeerIssuer.OWN:
        return ()
    return server_secret_of_peers(naming), client_secret_of_peers(naming)


def users_secrets(spec: EtcdClusterSpec, naming: Naming) -> tuple[str, ...]:
    """The Secrets that others write: the user, whom the spec names, and cert-manager.

    The one with the certificate that clients see comes first, the user's ca.crt last.
    """
    tls = tls_of(spec)
    if not spec.client_tls:
        return ()
    stage = naming.issuer_stage
    issued = [leaf.secret for leaf in issued_leaves(spec, naming).values()]
    # While the spec names no issuer any more, what it signed is shown a little longer.
    issued += [naming.server_secret] * stage.signs_server
    issued += [naming.client_secret] * stage.signs_clients
    return tuple(dict.fromkeys(filter(None, (tls.certificate_secret, *issued, tls.ca_secret))))


def presented_secret(spec: EtcdClusterSpec, naming: Naming) -> str:
    """The Secret with the certificate that clients see."""
    return tls_of(spec).certificate_secret or naming.server_secret


def find_others_trust(snapshot: Snapshot) -> tuple[Trusted, ...] | None:
    """The authorities that the Secrets of others tell, trusted already or not; None for none.

    What the cluster's own CA has signed for the time being tells nothing of the issuer.
    """
    names, tls = users_secrets(snapshot.spec, snapshot.naming), tls_of(snapshot.spec)
    named = tls.ca_secret or tls.certificate_secret
    holders = [snapshot.credentials.get(name) for name in (names[-1:] if named else names)]
    told = [
        one
        for holder in holders
        if holder and not holder.problem and (named or not is_signed_by_own(snapshot, holder))
        for one in holder.trusted
    ]
    return tuple({one.key_id: one for one in told}.values()) or None


def is_signed_by_own(snapshot: Snapshot, holder: Credential | None) -> bool:
    """Whether a Secret has a certificate that the cluster's own CA of clients has signed."""
    own = snapshot.credentials.get(snapshot.naming.client_authority)
    if own is None or holder is None or holder.certificate is None:
        return False
    return holder.certificate.issuer_key_id in key_ids(own.trusted)


def own_credentials(snapshot: Snapshot) -> Iterator[Credential]:
    """Secrets that the operator writes, as far as they exist.

    Others may be known as well, such as one that the spec names no more, or not yet.
    """
    others = (*others_secrets(snapshot), *peer_issuer_secrets(snapshot.spec, snapshot.naming))
    naming = snapshot.naming
    used = {*used_secrets(snapshot.spec, naming), naming.operator_secret}.difference(others)
    return (one for name, one in snapshot.credentials.items() if name in used)


def others_secrets(snapshot: Snapshot) -> tuple[str, ...]:
    """The Secrets that others write: those of the spec, and the one that members still show."""
    naming = snapshot.naming
    named = users_secrets(snapshot.spec, naming)
    return (
        named if naming.mounted_server == naming.server_secret else (*named, naming.mounted_server)
    )


def is_written_by_issuer(snapshot: Snapshot, secret: str) -> bool:
    """Whether a live Certificate has cert-manager write this Secret."""
    return any(
        (one.body.get("spec") or {}).get("secretName") == secret
        for (kind, _), one in snapshot.children.items()
        if kind == "Certificate" and one.owner_uid == snapshot.naming.uid
    )


def port_of(snapshot: Snapshot, authority: str) -> int | None:
    """The port at which members show what this authority signed; None if they show it nowhere."""
    if authority == snapshot.naming.peer_authority:
        return PEER_PORT
    theirs = tls_of(snapshot.spec).certificate_secret or snapshot.naming.issuer_stage.signs_server
    return None if theirs else CLIENT_PORT


def _needs_peers(spec: EtcdClusterSpec, naming: Naming) -> bool:
    """Whether members need certificates for each other: by the spec, or still by what they do."""
    return spec.peer_tls or naming.peer_stage.has_certificates

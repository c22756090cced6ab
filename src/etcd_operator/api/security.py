"""The part of an EtcdCluster about encryption and who may speak to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Final, Literal

from pydantic import Field

from etcd_operator.api.duration import Duration
from etcd_operator.api.hosts import LONGEST_NAME, is_ip_address
from etcd_operator.api.model import Model
from etcd_operator.api.network import NetworkRules
from etcd_operator.api.signed_tokens import SignedTokens

SHORTEST_LIFE: Final = timedelta(minutes=10)
SHORTEST_ISSUED_LIFE: Final = timedelta(hours=1)
LONGEST_LIFE: Final = timedelta(days=3 * 365)
LONGEST_OVERLAP: Final = timedelta(days=30)
_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SERVER_NAME_FORM: Final = re.compile(rf"([*][.])?{_LABEL}([.]{_LABEL})*")


class IssuerReference(Model):
    """An issuer of cert-manager."""

    name: str = Field(min_length=1, max_length=253, description="Name of the issuer.")
    kind: str = Field(
        "Issuer",
        max_length=63,
        description="Kind of the issuer: Issuer, in this namespace, or ClusterIssuer.",
    )
    group: str = Field("cert-manager.io", max_length=253, description="API group of the kind.")


class Tls(Model):
    """TLS for clients, between members and for metrics."""

    enabled: bool = Field(True, description="Whether TLS is used; false means no encryption.")
    client_tls_enabled: bool = Field(
        True,
        alias="clientTLSEnabled",
        description=(
            "Mutual TLS between clients and members. Once the cluster is formed, it is turned on "
            "and off by way of clientTLSMode Permissive."
        ),
    )
    client_tls_mode: Literal["Strict", "Permissive"] = Field(
        "Strict",
        alias="clientTLSMode",
        description=(
            "Strict: clients need mutual TLS. Permissive: members serve clients in plain text as "
            "well, at the same port, while TLS is being turned on or off: from a cluster without "
            "TLS to Permissive, and when status.clientTLS is Permissive, to Strict or back."
        ),
    )
    peer_tls_enabled: bool = Field(
        True,
        alias="peerTLSEnabled",
        description=(
            "Mutual TLS between members. Once the cluster is formed, it is turned on and off one "
            "member at a time: see status.peerTLS."
        ),
    )
    metrics_tls_enabled: bool = Field(
        False,
        alias="metricsTLSEnabled",
        description=(
            "Whether members serve their metrics with mutual TLS, at port 2382, with the "
            "certificates for clients. Port 2381 stays for the kubelet's probes, which show no "
            "certificate; with networkPolicy it is closed to all but them and the operator."
        ),
    )
    auto_tls: bool = Field(
        True,
        alias="autoTLS",
        description=(
            "Whether the operator issues the server certificate for clients. It issues the peer "
            "certificates from a separate CA, unless peerIssuerRef names an issuer."
        ),
    )
    certificate_secret: str | None = Field(
        None,
        max_length=253,
        description=(
            "Secret with your own server certificate for clients: tls.crt and tls.key, for the "
            "names of the client Service and of every member."
        ),
    )
    ca_secret: str | None = Field(
        None,
        alias="caSecret",
        max_length=253,
        description=(
            "Secret with ca.crt: the CA that signed your certificate, whose client certificates "
            "are accepted. If unset, ca.crt of certificateSecret."
        ),
    )
    issuer_ref: IssuerReference | None = Field(
        None,
        description=(
            "cert-manager issuer of the server certificate for clients and of the client "
            "certificate. It can be added to a running cluster and removed again, each within "
            "twice caOverlap, also in exchange for certificateSecret."
        ),
    )
    peer_issuer_ref: IssuerReference | None = Field(
        None,
        description=(
            "cert-manager issuer of the peer certificates; if unset, they come from a CA of the "
            "cluster. Members accept only certificates of this issuer with a common name of this "
            "cluster. It can be added to a running cluster and removed again: members restart "
            "twice, one at a time. Requires etcd 3.5.15 or later."
        ),
    )
    server_names: tuple[str, ...] = Field(
        (),
        max_length=32,
        description="Additional DNS names and IP addresses for the server certificate.",
    )
    certificate_lifetime: Duration = Field(
        Duration("2160h"),
        max_length=16,
        description=(
            "Lifetime of issued certificates, e.g. 2160h. They are renewed after two thirds of "
            "it, without a restart."
        ),
    )
    ca_generation: int = Field(
        0,
        ge=0,
        alias="caGeneration",
        description=(
            "Change it to replace the CAs: the new CAs are trusted in addition to the old ones, "
            "then sign, then are trusted alone."
        ),
    )
    ca_overlap: Duration = Field(
        Duration("1h"),
        max_length=16,
        alias="caOverlap",
        description=(
            "Time for clients to reload their Secret, before the new CAs sign and before the old "
            "CAs are no longer trusted; half of certificateLifetime if that is less."
        ),
    )


class Permission(Model):
    """Permission of a role for a key or a range of keys."""

    type: Literal["read", "write", "readwrite"] = Field(
        "readwrite", description="Whether the keys may be read, written, or both."
    )
    key: str = Field(max_length=1024, description="The key, or the first one of a range.")
    range_end: str | None = Field(
        None, max_length=1024, description="The first key after the range; one key if unset."
    )
    prefix: bool = Field(
        False,
        description="Whether it applies to all keys with the prefix `key`; to all keys if empty.",
    )


class Role(Model):
    """A role of etcd."""

    name: str = Field(min_length=1, max_length=128, description="Name of the role.")
    permissions: tuple[Permission, ...] = Field(
        (), max_length=64, description="Permissions of the role."
    )


class User(Model):
    """A user of etcd: known by the common name of a client certificate, and by a password."""

    name: str = Field(
        min_length=1,
        max_length=32,
        pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        description=(
            "Name of the user. With TLS for clients, the operator issues a client certificate with "
            "it in the Secret CLUSTER-user-NAME."
        ),
    )
    roles: tuple[str, ...] = Field(
        (), max_length=32, description="Names of its roles; root has all permissions."
    )
    password_secret: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=f"^{_LABEL}([.]{_LABEL})*$",
        description=(
            "Secret of the type kubernetes.io/basic-auth with the password that the user can log "
            "in with, beside its certificate. The operator creates it, with a random password, if "
            "it does not exist; change it to change the password. If unset, the user has no "
            "password. Required without TLS for clients."
        ),
    )


AuthMode = Literal["Managed", "Additive", "Unmanaged"]


class Auth(Model):
    """etcd's own users and roles."""

    mode: AuthMode = Field(
        "Managed",
        description=(
            "What becomes of users and roles that are not listed here. Managed: they are deleted. "
            "Additive: those that others create are left alone. Unmanaged: the operator changes no "
            "user and no role, and turns authentication neither on nor off; it only issues the "
            "certificates of listed users."
        ),
    )
    enabled: bool = Field(True, description="Whether etcd's authentication is on.")
    root_password_secret: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        pattern=f"^{_LABEL}([.]{_LABEL})*$",
        description=(
            "Secret of the type kubernetes.io/basic-auth with the password of etcd's user root, "
            "where members serve plain text. With mode Managed or Additive root gets this "
            "password: the operator creates the Secret, with a random password, if it does not "
            "exist; change it to change the password. If unset, it is CLUSTER-root-password. With "
            "Unmanaged it is the password that root has, and the operator logs in with it, also at "
            "old members during a take-over."
        ),
    )
    jwt: SignedTokens | None = Field(
        None,
        description=(
            "Tokens that members sign (JSON Web Tokens): one outlives the restart of the member "
            "that gave it. If unset, members keep tokens in memory."
        ),
    )
    roles: tuple[Role, ...] = Field((), max_length=64, description="Roles, except root.")
    users: tuple[User, ...] = Field((), max_length=64, description="Users, except root.")


class Security(Model):
    """Encryption and access. Left out, everything is plain text and open to everybody."""

    tls: Tls | None = Field(None, description="TLS for clients and between members.")
    auth: Auth | None = Field(
        None,
        description=(
            "Users and roles of etcd. Without TLS for clients, users are known by passwords, which "
            "go over the network in plain text. It cannot be removed again: see enabled."
        ),
    )
    network_policy: NetworkRules | None = Field(
        None, description="A NetworkPolicy for the members; none if unset."
    )


def check_tls(tls: Tls) -> Iterator[tuple[str, str]]:
    """Yield field and sentence of everything that is wrong with wishes for TLS."""
    path = "spec.security.tls"
    given = tls.certificate_secret or tls.issuer_ref
    if tls.client_tls_enabled and not (tls.auto_tls or given):
        said = (
            f"{path}.autoTLS is false and {path}.certificateSecret names no certificate: name a "
            "Secret or an issuer in issuerRef, or set autoTLS to true."
        )
        yield f"{path}.autoTLS", said
    if tls.metrics_tls_enabled and not tls.client_tls_enabled:
        said = f"{path}.metricsTLSEnabled uses the certificates for clients: set clientTLSEnabled."
        yield f"{path}.metricsTLSEnabled", said
    yield from _check_issuer(tls, f"{path}.issuerRef")
    yield from _check_peer_issuer(tls, f"{path}.peerIssuerRef")
    for name in tls.server_names:
        if not _is_server_name(name):
            said = f"{path}.serverNames {name} is no DNS name in lower case and no IP address: "
            yield f"{path}.serverNames", f"{said}correct or remove it."
    yield from _check_duration(
        f"{path}.certificateLifetime", tls.certificate_lifetime, SHORTEST_LIFE, LONGEST_LIFE
    )
    yield from _check_duration(f"{path}.caOverlap", tls.ca_overlap, timedelta(), LONGEST_OVERLAP)


def _check_issuer(tls: Tls, path: str) -> Iterator[tuple[str, str]]:
    if tls.issuer_ref is None:
        return
    if tls.certificate_secret:
        yield path, f"{path} and certificateSecret cannot both be given: remove one of them."
    if not tls.client_tls_enabled:
        yield path, f"{path} is for the client port, which has no TLS: remove it."
    yield from _check_issued_life(tls, path)


def _check_peer_issuer(tls: Tls, path: str) -> Iterator[tuple[str, str]]:
    if tls.peer_issuer_ref is None:
        return
    if not tls.peer_tls_enabled:
        yield path, f"{path} is for TLS between members, which is off: remove it."
    yield from _check_issued_life(tls, path)


def _check_issued_life(tls: Tls, path: str) -> Iterator[tuple[str, str]]:
    least = SHORTEST_ISSUED_LIFE
    if tls.certificate_lifetime.length < least:
        said = f"{path} needs a certificateLifetime of {_hours(least)} or more, says cert-manager"
        yield path, f"{said}: raise it."


def check_auth(security: Security, *, joins: bool = False) -> Iterator[tuple[str, str]]:
    """Yield field and sentence of everything that is wrong with users and roles.

    `joins`: the cluster takes over another one, whose members may know the operator by a password.
    """
    auth, tls = security.auth, security.tls
    if auth is None:
        return
    path = "spec.security.auth"
    has_tls = bool(tls and tls.enabled and tls.client_tls_enabled)
    plain = not has_tls or (tls is not None and tls.client_tls_mode == "Permissive")
    yield from _check_login(auth, path, has_tls=has_tls, asks_by_password=plain or joins)
    yield from _check_passwords(auth, path, has_tls=has_tls)
    roles = [role.name for role in auth.roles]
    for role in _find_repeated([*roles, "root"]):
        yield f"{path}.roles", f"{path}.roles has {role} twice, or it is root: name each once."
    for name in _find_repeated([*(user.name for user in auth.users), "root"]):
        yield f"{path}.users", f"{path}.users has {name} twice, or it is root: name each once."
    for user in auth.users:
        for role in sorted({*user.roles} - {*roles, "root"}):
            said = f"{path}.users {user.name} has the role {role}, which {path}.roles does not have"
            yield f"{path}.users", f"{said}: add it there."


def _check_login(
    auth: Auth, path: str, *, has_tls: bool, asks_by_password: bool
) -> Iterator[tuple[str, str]]:
    """How members know the operator: by its certificate, or in plain text by a password."""
    secret = f"{path}.rootPasswordSecret"
    if auth.root_password_secret and not asks_by_password:
        yield secret, f"{secret} {NO_LOGIN}."
    if not has_tls and not auth.root_password_secret and auth.mode == "Unmanaged":
        yield f"{path}.mode", f"{path}.mode Unmanaged {NEEDS_LOGIN}."


def _check_passwords(auth: Auth, path: str, *, has_tls: bool) -> Iterator[tuple[str, str]]:
    secrets = [user.password_secret for user in auth.users if user.password_secret]
    root = [auth.root_password_secret] if auth.root_password_secret else []
    for secret in _find_repeated([*secrets, *root]):
        said = f"{path}.users has the passwordSecret {secret} twice, or it is rootPasswordSecret"
        yield f"{path}.users", f"{said}: give each user a Secret of its own."
    if secrets and auth.mode == "Unmanaged":
        said = f"{path}.mode Unmanaged lets the operator set no password"
        yield f"{path}.mode", f"{said}: remove passwordSecret from users, or use Additive."
    needed = not has_tls and auth.mode != "Unmanaged"
    for user in auth.users if needed else ():
        if not user.password_secret:
            yield f"{path}.users", f"{path}.users {user.name} {KNOWN_BY_LOGIN}."


NO_LOGIN: Final = (
    "is for members that serve plain text, and with TLS alone the operator is known by its "
    "certificate: remove it"
)
NEEDS_LOGIN: Final = (
    "without TLS for clients leaves the operator no user to log in as: name a Secret with the "
    "password of root in rootPasswordSecret, or enable tls"
)
KNOWN_BY_LOGIN: Final = (
    "has no passwordSecret, and without TLS for clients a user is known by its password alone: "
    "name a Secret, or enable tls"
)


def _find_repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _is_server_name(name: str) -> bool:
    is_name = len(name) <= LONGEST_NAME and SERVER_NAME_FORM.fullmatch(name) is not None
    return is_name or is_ip_address(name)


def _check_duration(
    path: str, duration: Duration, least: timedelta, most: timedelta
) -> Iterator[tuple[str, str]]:
    if not least <= duration.length <= most:
        said = (
            f"{path} {duration} is not possible: use a length of time such as 90m or 2160h, at "
            f"least {_hours(least)} and at most {_hours(most)}."
        )
        yield path, said


def _hours(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}m"

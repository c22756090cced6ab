"""How a cluster begins: empty, by joining an etcd cluster that runs, or with its keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

from pydantic import Field

from etcd_operator.api.mirror import Endpoint, Mirror, SecretName
from etcd_operator.api.model import Model

if TYPE_CHECKING:
    from etcd_operator.api.cluster import EtcdCluster, EtcdClusterSpec

# With fewer, the last old member could not be stopped before it is removed.
LEAST_SIZE: Final = 3
JOIN: Final = "spec.bootstrap.joinExisting"
# On the StatefulSet to be taken over: the name of the EtcdCluster that may do that.
ANNOTATION_CONSENT: Final = "etcd.etcd.io/allow-take-over-by"
# In etcd itself, where its members are given by endpoints: NAMESPACE/NAME of the EtcdCluster.
KEY_CONSENT: Final = ANNOTATION_CONSENT
# More members no etcd cluster has that is of use.
MOST_SOURCES: Final = 9


class Source(Model):
    """The members that run today."""

    stateful_set: str | None = Field(
        None,
        min_length=1,
        max_length=253,
        description=(
            "StatefulSet of the same namespace whose Pods are the members. It needs the annotation "
            f"{ANNOTATION_CONSENT} with the name of this EtcdCluster."
        ),
    )
    endpoints: tuple[Endpoint, ...] | None = Field(
        None,
        min_length=1,
        max_length=MOST_SOURCES,
        description=(
            "Client URL of every member, where they are no Pods of a StatefulSet of this "
            "namespace: http://HOST:PORT or https://HOST:PORT, by a name or an IPv4 address. "
            "You stop each old member when the status asks for it. etcd needs the key "
            f"{KEY_CONSENT} with NAMESPACE/NAME of this EtcdCluster."
        ),
    )
    client_port: int = Field(
        2379, ge=1024, le=65535, description="Port at which Pods of statefulSet serve clients."
    )
    client_certificate_secret: SecretName | None = Field(
        None,
        description=(
            "Secret with the certificate by which these members know the operator: tls.crt, "
            "tls.key, and ca.crt, which signed theirs. If unset, they serve clients in plain text."
        ),
    )
    peer_ca_secret: SecretName | None = Field(
        None,
        alias="peerCASecret",
        description=(
            "Secret with tls.crt and tls.key of the CA that signed the peer certificates of these "
            "members. It signs those of the new members during the take-over; then the operator "
            "replaces it by a CA of its own. If unset, these members speak plain text among "
            "themselves."
        ),
    )

    @property
    def addresses(self) -> tuple[str, ...]:
        """The listed endpoints as HOST:PORT; empty for a StatefulSet."""
        return tuple(each.partition("://")[2] for each in self.endpoints or ())


class JoinExisting(Model):
    """An etcd cluster that is joined, and then taken over."""

    source: Source = Field(description="The members that run today.")
    take_over: Literal["Manual", "Automatic"] = Field(
        "Manual",
        description=(
            "Whether the old members are removed as soon as the new ones have the same data, or "
            "only after an approval by the annotation that the status tells."
        ),
    )
    scale_in: Literal["Manual", "Automatic"] = Field(
        "Automatic",
        description=(
            "Whether the operator scales the StatefulSet in, one Pod after the other, or waits "
            "each time until you have done it. Members at endpoints are always stopped by you."
        ),
    )

    @property
    def stopped_by_hand(self) -> bool:
        """Whether a person stops the old members, and not the operator."""
        return bool(self.source.endpoints) or self.scale_in == "Manual"


class Bootstrap(Model):
    """How the cluster begins."""

    join_existing: JoinExisting | None = Field(
        None,
        description=(
            "Join a running etcd cluster, then remove its old members one by one. Its cluster ID, "
            "revisions, leases and keys are kept. Delete the EtcdCluster to give it back as long "
            "as an old member is left."
        ),
    )
    mirror: Mirror | None = Field(
        None,
        description=(
            "Copy the keys of a running etcd cluster that cannot be joined, follow its writes, and "
            "cut over when you approve it. Revisions, versions of keys, leases, users and the "
            "cluster ID are not kept: unfit for a running kube-apiserver."
        ),
    )


def check_joining(cluster: EtcdCluster) -> Iterator[tuple[str, str]]:
    """Yield what keeps a cluster from joining another: the field, and the sentence."""
    spec = cluster.spec
    joined = spec.joins
    if joined is None:
        return
    if 0 < spec.size < LEAST_SIZE:
        yield "spec.size", f"spec.size {spec.size} is too small for {JOIN}: {TOO_SMALL}."
    yield from _check_source(spec, joined.source)
    if joined.source.stateful_set == cluster.name:
        yield f"{JOIN}.source.statefulSet", f"{JOIN}.source.statefulSet {SAME_NAME}."
    yield from _check_tls(spec, joined.source)
    auth = spec.auth
    if auth and (auth.mode != "Unmanaged" or not (auth.root_password_secret or spec.client_tls)):
        yield "spec.security.auth", f"spec.security.auth {NO_AUTH}."
    if spec.network_rules is not None:
        yield "spec.security.networkPolicy", f"spec.security.networkPolicy {NO_POLICY}."


def _check_source(spec: EtcdClusterSpec, source: Source) -> Iterator[tuple[str, str]]:
    if bool(source.stateful_set) == bool(source.endpoints):
        yield f"{JOIN}.source", f"{JOIN}.source {ONE_SOURCE}."
    field = f"{JOIN}.source.endpoints"
    scheme = "https://" if spec.client_tls else "http://"
    if not all(each.startswith(scheme) for each in source.endpoints or ()):
        yield field, f"{field} {SCHEMES_ALIKE}."
    if len(set(source.addresses)) != len(source.addresses):
        yield field, f"{field} {EACH_ONCE}."


def _check_tls(spec: EtcdClusterSpec, source: Source) -> Iterator[tuple[str, str]]:
    """Old and new members have the same clients, and are peers of each other."""
    path = f"{JOIN}.source"
    if spec.client_tls != bool(source.client_certificate_secret):
        where = f"{path}.clientCertificateSecret"
        yield where, f"{where} {CLIENTS_ALIKE}."
    if spec.peer_tls != bool(source.peer_ca_secret):
        where = f"{path}.peerCASecret"
        yield where, f"{where} {PEERS_ALIKE}."


TOO_SMALL: Final = (
    f"use {LEAST_SIZE} or more; when the take-over is over, remove bootstrap and scale in"
)
SAME_NAME: Final = (
    "is the name of this cluster's own StatefulSet: choose another name for the EtcdCluster"
)
ONE_SOURCE: Final = "has to have either statefulSet or endpoints: remove one, or add one"
SCHEMES_ALIKE: Final = (
    "have to begin with https:// if security.tls.clientTLSEnabled is true, and with http:// if "
    "not: set both as the old members serve clients"
)
EACH_ONCE: Final = "have to be different: list every old member once"
CLIENTS_ALIKE: Final = (
    "has to be given if and only if security.tls.clientTLSEnabled is true, because the same "
    "clients reach old and new members: set both as the old members serve clients"
)
PEERS_ALIKE: Final = (
    "has to be given if and only if security.tls.peerTLSEnabled is true, because old and new "
    "members are peers: set both as the old members speak to each other"
)
NO_AUTH: Final = (
    "changes users of the running cluster, and with bootstrap.joinExisting they are kept: use mode "
    "Unmanaged, and without TLS for clients name a Secret with the password of root in "
    "rootPasswordSecret"
)
NO_POLICY: Final = (
    "would keep the old members away from the new ones: enable it when the take-over is over, and "
    "remove bootstrap"
)

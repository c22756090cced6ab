"""A cluster that begins with the keys of an etcd cluster which it cannot join."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field

from etcd_operator.api.model import Model

if TYPE_CHECKING:
    from etcd_operator.api.cluster import EtcdCluster

MIRROR: Final = "spec.bootstrap.mirror"
MOST_ENDPOINTS: Final = 9
_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SecretName = Annotated[
    str, Field(min_length=1, max_length=253, pattern=f"^{_LABEL}([.]{_LABEL})*$")
]
# Host names and IPv4: where a Job's Pod can reach the source.
Endpoint = Annotated[
    str,
    Field(
        max_length=269,
        pattern=r"^https?://[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?:[0-9]{2,5}$",
    ),
]


class MirrorSource(Model):
    """The etcd cluster that is copied."""

    endpoints: tuple[Endpoint, ...] = Field(
        min_length=1,
        max_length=MOST_ENDPOINTS,
        description=(
            "Client URLs of its members, or of a Service over them: http://HOST:PORT or "
            "https://HOST:PORT, by a name or an IPv4 address. The Pod of a Job in the namespace of "
            "the EtcdCluster connects to them, never the operator."
        ),
    )
    client_certificate_secret: SecretName | None = Field(
        None,
        description=(
            "Secret with the certificate by which the source knows the Job: tls.crt, tls.key, and "
            "ca.crt, which signed that of the source. Only with https."
        ),
    )
    ca_secret: SecretName | None = Field(
        None,
        alias="caSecret",
        description=(
            "Secret with ca.crt, which signed the certificate of a source that asks clients for "
            "none. Only with https, in place of clientCertificateSecret."
        ),
    )
    password_secret: SecretName | None = Field(
        None,
        description=(
            "Secret of the type kubernetes.io/basic-auth with username and password of a user of "
            "the source that may read the keys. Unset, it asks for none."
        ),
    )


class Mirror(Model):
    """An etcd cluster whose keys are copied, and whose writes are followed until the cut-over."""

    source: MirrorSource = Field(description="The etcd cluster that is copied.")
    prefix: str = Field(
        "", max_length=512, description="Copy keys with this prefix alone; all keys if empty."
    )
    leased_keys: Literal["Skip", "Copy"] = Field(
        "Skip",
        description=(
            "What becomes of keys with a lease: Skip leaves them out, for whoever holds the lease "
            "writes them anew; Copy copies them without their lease, so they stay for ever."
        ),
    )


class MirrorView(Model):
    """How far a mirror is."""

    phase: Literal["Starting", "Copying", "Following", "CutOver"] = Field(
        "Starting",
        description=(
            "Copying the keys of one revision, Following every write since then, or CutOver: all "
            "was equal, and the source counts no more."
        ),
    )
    source_cluster_id: str = Field(
        "", alias="sourceClusterID", max_length=16, description="Cluster ID of the source."
    )
    keys: int = Field(0, description="Number of keys that were compared with the source.")
    total: int = Field(0, description="Number of keys of the source, when it was counted.")
    leased_keys: int = Field(0, description="Number of keys that are left out for their lease.")
    revision: int = Field(0, description="Revision of the source up to which all writes are here.")
    source_revision: int = Field(0, description="Newest revision of the source that was seen.")
    lag: int = Field(
        0, description="Revisions of the source that are not here yet; refreshed every 5 s."
    )
    approval: str = Field(
        "",
        max_length=64,
        description=(
            "Value of the annotation etcd.etcd.io/approve-cut-over that approves the cut-over, "
            "while the source is followed."
        ),
    )


def check_mirror(cluster: EtcdCluster) -> Iterator[tuple[str, str]]:
    """Yield what keeps a cluster from mirroring another: the field, and the sentence."""
    bootstrap = cluster.spec.bootstrap
    mirror = bootstrap.mirror if bootstrap else None
    if bootstrap is None or mirror is None:
        return
    if bootstrap.join_existing is not None:
        yield MIRROR, f"{MIRROR} {NOT_BOTH}."
    source, where = mirror.source, f"{MIRROR}.source"
    secure = {each.startswith("https://") for each in source.endpoints}
    secrets = [source.client_certificate_secret, source.ca_secret]
    if len(secure) > 1:
        yield f"{where}.endpoints", f"{where}.endpoints {SCHEMES_ALIKE}."
    elif sum(map(bool, secrets)) != sum(secure):
        yield where, f"{where} {ONE_TRUST}."


NOT_BOTH: Final = "cannot be together with joinExisting, which keeps more: remove one of them"
SCHEMES_ALIKE: Final = "have to be all of https:// or all of http://: correct those that differ"
ONE_TRUST: Final = (
    "needs exactly one of clientCertificateSecret and caSecret for endpoints with https://, and "
    "neither for http://: add or remove one"
)
SAME_RANGE: Final = (
    "cannot change prefix or leasedKeys once it is set: keep them, or create another EtcdCluster"
)

"""Public part of a cluster's certificates, as frozen values. Keys never come here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from etcd_operator.core.model.numbers import LARGEST_REVISION

# Certificates are valid from a little before they are made: clocks differ.
CLOCK_SKEW: Final = timedelta(minutes=5)
AUTHORITY_LIFETIME: Final = timedelta(days=3650)
# The files of the gate that say whom members trust: clients, and other members.
CLIENT_TRUST_FILE: Final = "client-ca.crt"
PEER_TRUST_FILE: Final = "peer-ca.crt"
# Generation of an authority whose key others have: no spec asks for it.
HANDED_OVER: Final = LARGEST_REVISION


@dataclass(frozen=True, slots=True)
class Certificate:
    """An X.509 certificate. Key IDs are hashes of public keys, names are DNS names and addresses.

    `server` and `client` say whether it may be used as such, `authority` whether it may sign.
    """

    key_id: str
    issuer_key_id: str
    not_before: datetime
    not_after: datetime
    common_name: str = ""
    names: tuple[str, ...] = ()
    server: bool = False
    client: bool = False
    authority: bool = False

    @property
    def made(self) -> datetime:
        """When it was issued, if by the operator."""
        return self.not_before + CLOCK_SKEW

    @property
    def lifetime(self) -> timedelta:
        """How long it was meant to last."""
        return self.not_after - self.made

    def is_due(self, now: datetime) -> bool:
        """Whether two thirds of its life are over."""
        return now >= self.not_before + (self.not_after - self.not_before) * 2 / 3


@dataclass(frozen=True, slots=True)
class Trusted:
    """A certificate authority that is trusted."""

    key_id: str
    pem: str
    not_after: datetime
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """A Secret with a certificate, as far as it is public.

    `trusted` is its ca.crt; `generation` is the spec's caGeneration that an authority was made for,
    and `previous` the authority of before while its key is kept beside the new one. `client` is
    the second certificate of members, with which they dial each other. `problem` is why it cannot
    be used, in a sentence's part that goes with its name. `verified_by` are the key IDs of those
    CAs, of all in the Secrets of the cluster, that verify the certificate; None for what the
    operator has signed, and where nobody could look.
    """

    name: str
    uid: str
    owner_uid: str
    resource_version: str
    certificate: Certificate | None = None
    trusted: tuple[Trusted, ...] = ()
    generation: int = 0
    deleting: bool = False
    problem: str = ""
    previous: Certificate | None = None
    client: Certificate | None = None
    verified_by: tuple[str, ...] | None = None

    def is_verified_by(self, trusted: Iterable[Trusted]) -> bool:
        """Whether one of these CAs verifies the certificate, as far as anybody could look."""
        ids = {one.key_id for one in trusted}
        return self.verified_by is None or bool(ids.intersection(self.verified_by))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate to issue, and the Secret to put it into.

    `client_certificate` asks for a second one beside it, for the same holder to open connections
    with: etcd looks up every name in a peer's client certificate, so that one must have none.
    `dials_itself` asks for one that is a client's too, as etcd's JSON gateway shows it to etcd.
    """

    secret: str
    authority: str
    common_name: str
    names: tuple[str, ...] = ()
    server: bool = False
    client_certificate: bool = False
    dials_itself: bool = False

    @property
    def client(self) -> bool:
        """Whether it is a client's."""
        return self.dials_itself or not self.server


def join_bundle(trusted: tuple[Trusted, ...]) -> str:
    """The PEM text of several authorities, the same for the same ones in any order."""
    by_id = {one.key_id: one.pem for one in trusted}
    return "".join(by_id[key_id].strip() + "\n" for key_id in sorted(by_id))


def key_ids(trusted: tuple[Trusted, ...]) -> tuple[str, ...]:
    """The key IDs of several authorities, sorted."""
    return tuple(sorted({one.key_id for one in trusted}))

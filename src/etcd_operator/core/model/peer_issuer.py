"""Which CA signs the certificates of members for each other: the cluster's own, or an issuer's.

cert-manager writes Secrets that nobody mounts, and the operator copies them into the one that
members mount when every member trusts the CA. So a cluster goes from its own CA to an issuer and
back, and follows an issuer whose CA changes, by way of members that trust both. See decision 26.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.certificates.settings import peer_issuer_of

if TYPE_CHECKING:
    from etcd_operator.core.model.naming import Naming

# The common name of members in certificates of the cluster's own CA.
OWN_COMMON_NAME: Final = "etcd"
# RFC 5280 allows no more in a common name.
_LONGEST_COMMON_NAME: Final = 64
# Before a key ID in what Pods say of whom they trust: the CA is trusted between members.
_PEER: Final = "peer:"


class PeerIssuer(StrEnum):
    """How far certificates between members come from an issuer; the word that the gate has for it.

    Own: the cluster's own CA signs, and is trusted alone. Trusted: it signs, and the CA of the
    issuer is trusted beside it. Signs: the issuer signs, and both are trusted. Alone: the issuer
    signs, and its CA is trusted alone.
    """

    OWN = ""
    TRUSTED = "peer-issuer-trusted"
    SIGNS = "peer-issuer-signs"
    ALONE = "peer-issuer"

    @property
    def signs(self) -> bool:
        """Whether the issuer signs what members show to each other."""
        return self in (PeerIssuer.SIGNS, PeerIssuer.ALONE)


RECORDED: Final = frozenset(phase.value for phase in PeerIssuer if phase is not PeerIssuer.OWN)


def read_peer_issuer(words: Iterable[str]) -> PeerIssuer:
    """Read the phase from the words of the gate's annotation about TLS."""
    found = RECORDED.intersection(words)
    return PeerIssuer(min(found)) if found else PeerIssuer.OWN


def wants_peer_issuer(spec: EtcdClusterSpec) -> bool:
    """Whether an issuer is to sign what members show to each other."""
    return peer_issuer_of(spec) is not None


def server_certificate_of_peers(naming: Naming) -> str:
    """The Certificate of cert-manager for what members see of each other."""
    return f"{naming.name}-peer-issued"


def client_certificate_of_peers(naming: Naming) -> str:
    """The Certificate of cert-manager for what members show when they dial each other."""
    return f"{naming.name}-peer-dial"


def server_secret_of_peers(naming: Naming) -> str:
    """The Secret into which cert-manager writes what members are to see of each other."""
    return f"{naming.name}-peer-issued-tls"


def client_secret_of_peers(naming: Naming) -> str:
    """The Secret into which cert-manager writes what members are to dial each other with."""
    return f"{naming.name}-peer-dial-tls"


def issued_common_name(naming: Naming) -> str:
    """The common name of members in certificates of an issuer: no other cluster has it.

    It begins like the DNS names of members, so that who may sign for the namespace can be told.
    """
    name = f"{naming.name}-peer.{naming.namespace}.svc"
    return name if len(name) <= _LONGEST_COMMON_NAME else f"etcd-peer-{naming.uid}"


def allowed_common_names(naming: Naming) -> tuple[str, ...]:
    """The common names by which members know each other; none where the CA alone tells."""
    if naming.peer_issuer is PeerIssuer.OWN:
        return ()
    issued = issued_common_name(naming)
    return (issued,) if naming.peer_issuer is PeerIssuer.ALONE else (OWN_COMMON_NAME, issued)


def mark_peer_trust(key_ids: Iterable[str]) -> tuple[str, ...]:
    """What a Pod says of the CAs that it trusts between members, once an issuer is among them.

    That may sign for clients as well: that its CA is trusted for the ones says nothing of the
    others.
    """
    return tuple(f"{_PEER}{key_id}" for key_id in key_ids)


def read_peer_trust(said: tuple[str, ...]) -> tuple[str, ...]:
    """Read which CAs a Pod trusts between members; without an issuer each is of one kind alone."""
    marked = tuple(text.removeprefix(_PEER) for text in said if text.startswith(_PEER))
    return marked or said

"""Secrets of a cluster that is taken over, which a person has handed over to the operator.

Old and new members are peers, so one authority signs for both until the old ones are gone. What is
made with its key is the cluster's own Secret of that authority; afterwards it is replaced, because
others have the key.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.bootstrap import JOIN, Source
from etcd_operator.api.cluster import EtcdClusterSpec
from etcd_operator.core.certificates.state import Credential
from etcd_operator.core.model.snapshot import Snapshot

_CLIENT_FIELD: Final = f"{JOIN}.source.clientCertificateSecret"
_PEER_FIELD: Final = f"{JOIN}.source.peerCASecret"


def source_secrets(spec: EtcdClusterSpec) -> tuple[str, ...]:
    """The Secrets with certificates of the members that are to be taken over."""
    source = _find_source(spec)
    named = (source.client_certificate_secret, source.peer_ca_secret) if source else ()
    return tuple(filter(None, named))


def is_taking_over(snapshot: Snapshot) -> bool:
    """Whether old members are about to be the peers of new ones, or are."""
    begins = snapshot.spec.joins is not None and snapshot.recorded_cluster_id is None
    return begins or snapshot.take_over is not None


def find_shared_authority(snapshot: Snapshot, name: str) -> str:
    """The Secret of the source whose key the authority `name` must have now; empty if none."""
    source = _find_source(snapshot.spec)
    if source is None or name != snapshot.naming.peer_authority or not is_taking_over(snapshot):
        return ""
    return source.peer_ca_secret or ""


def find_handed_over(snapshot: Snapshot, name: str) -> Credential | None:
    """A Secret that was handed over, if its certificate and key can be used."""
    live = snapshot.source_credentials.get(name)
    return live if live and live.certificate and not live.problem else None


def find_source_problem(snapshot: Snapshot) -> str | None:
    """Return what is wrong with the Secrets that were handed over, in one sentence."""
    source = _find_source(snapshot.spec)
    if source is None or not is_taking_over(snapshot):
        return None
    if client := source.client_certificate_secret:
        why = _judge_client(snapshot, snapshot.source_credentials.get(client))
        if why:
            return f"Secret {client} of {_CLIENT_FIELD} {why}."
    if authority := source.peer_ca_secret:
        why = _judge_authority(snapshot, snapshot.source_credentials.get(authority))
        if why:
            return f"Secret {authority} of {_PEER_FIELD} {why}."
    return None


def _find_source(spec: EtcdClusterSpec) -> Source | None:
    return spec.joins.source if spec.joins else None


def _judge_client(snapshot: Snapshot, live: Credential | None) -> str:
    why = _judge(snapshot, live)
    if why or live is None or live.certificate is None:
        return why
    if not live.trusted:
        return "has no ca.crt: put the CA there that signed the certificates of the old members"
    if not live.certificate.client:
        return "has a certificate that is not for clients: it needs that extended usage"
    return ""


def _judge_authority(snapshot: Snapshot, live: Credential | None) -> str:
    why = _judge(snapshot, live)
    if why or live is None or live.certificate is None:
        return why
    if not live.certificate.authority:
        return "has a certificate that is no CA: put the CA and its key there"
    if live.certificate.issuer_key_id not in ("", live.certificate.key_id):
        return "has a CA that another one signed: only one that signed itself can be used"
    return ""


def _judge(snapshot: Snapshot, live: Credential | None) -> str:
    if live is None:
        return "does not exist: create it in this namespace"
    if live.problem:
        return f"cannot be used: {live.problem}"
    if live.certificate is None:
        return "has no tls.crt: put the certificate there, and its key into tls.key"
    if live.certificate.not_after <= snapshot.now:
        return "has a certificate that has expired: put a new one there"
    return ""

"""Which certificates are about to expire, and what keeps the operator from renewing its own.

Said early: as soon as a renewal is due and cannot be made, a third of its life is left.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from etcd_operator.core.certificates.signers import (
    choose_signer,
    find_distrusting,
    prolongs,
    signers_of,
)
from etcd_operator.core.certificates.state import Certificate, Credential, Leaf
from etcd_operator.core.certificates.wanted import (
    issued_leaves,
    issued_peer_leaves,
    others_secrets,
    peer_issuer_secrets,
    users_secrets,
    wanted_leaves,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.wording import agree

_RESTART = (
    "What replaces their Pods helps: see what status.message waits for, or stop the cluster with "
    "spec.size 0 and start it again."
)


def find_held_renewals(snapshot: Snapshot) -> tuple[str, ...]:
    """Certificates that the operator would issue or renew now, and why it cannot."""
    said = []
    for leaf in wanted_leaves(snapshot.spec, snapshot.naming):
        live = snapshot.credentials.get(leaf.secret)
        certificate = live.certificate if live else None
        if certificate and not certificate.is_due(snapshot.now):
            continue
        why = _why_held(snapshot, leaf, certificate)
        if why and certificate:
            end = _format(certificate.not_after)
            said.append(f"Secret {leaf.secret} (until {end}) cannot be renewed: {why}")
        elif why:
            said.append(f"Secret {leaf.secret} cannot be issued: {why}")
    return tuple(said)


def _why_held(snapshot: Snapshot, leaf: Leaf, certificate: Certificate | None) -> str:
    if snapshot.spec.paused:
        return "spec.paused is true."
    authority, signer = snapshot.credentials.get(leaf.authority), choose_signer(snapshot, leaf)
    if authority is None or (signer and certificate is None):
        return ""  # it is about to be made
    if signer and certificate and prolongs(snapshot, certificate, signer):
        return ""
    newest = next(iter(signers_of(authority)), None)
    deaf = find_distrusting(snapshot, authority, newest.key_id) if newest else ()
    names = ", ".join(pod.name for pod in deaf)
    do, they = agree(len(deaf), "do"), "it trusts" if len(deaf) == 1 else "they trust"
    if not deaf:
        return ""
    if signer:
        return (
            f"the authority that signs expires on {_format(signer.not_after)}, and {names} {do} "
            f"not trust the new one in Secret {authority.name} yet. {_RESTART}"
        )
    return (
        f"{names} {do} not trust the authority in Secret {authority.name}, and the key of the one "
        f"that {they} is lost or has expired. {_RESTART}"
    )


def find_expiring(snapshot: Snapshot) -> tuple[str, ...]:
    """Certificates past five sixths of their life: a renewal was due at two thirds."""
    said = []
    for name, live in sorted(snapshot.credentials.items()):
        if live.certificate and _is_late(live.certificate, snapshot.now):
            end = _format(live.certificate.not_after)
            said.append(f"{name} on {end}. {_say_remedy(snapshot, name)}")
        said += [f"{text} {_TRUST}" for text in _find_expiring_trust(snapshot, live)]
    return tuple(said)


_TRUST = "Put the authority that follows it into ca.crt beside it."


def _find_expiring_trust(snapshot: Snapshot, live: Credential) -> Iterator[str]:
    """The authorities that others bring along: they end as silently as certificates do."""
    if live.name not in users_secrets(snapshot.spec, snapshot.naming):
        return
    signer = live.certificate.issuer_key_id if live.certificate else ""
    last = max((one.not_after for one in live.trusted), default=None)
    for one in live.trusted:
        matters = one.key_id == signer or one.not_after == last
        begun = one.not_before
        if matters and begun and snapshot.now >= begun + (one.not_after - begun) * 5 / 6:
            yield f"an authority in ca.crt of {live.name} on {_format(one.not_after)}."


def _say_remedy(snapshot: Snapshot, name: str) -> str:
    spec, naming = snapshot.spec, snapshot.naming
    leaves = {**issued_leaves(spec, naming), **issued_peer_leaves(spec, naming)}
    issued = {leaf.secret: one for one, leaf in leaves.items()}
    if name == naming.peer_secret and naming.peer_issuer.signs:
        name = next(iter(peer_issuer_secrets(spec, naming)))
    if name in issued:
        return f"cert-manager has not renewed it: `kubectl describe certificate {issued[name]}`."
    if name in others_secrets(snapshot):
        return "Put a new certificate there."
    return "The operator has not renewed it: see the Events of the EtcdCluster."


def _is_late(certificate: Certificate, now: datetime) -> bool:
    life = certificate.not_after - certificate.not_before
    return now >= certificate.not_before + life * 5 / 6


def _format(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d at %H:%M} UTC"

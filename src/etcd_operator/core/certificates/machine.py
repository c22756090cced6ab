"""The phases in which a CA is replaced, as a table: what Secrets hold tells the phase.

Nothing is recorded: a phase follows from what the Secrets of an authority and of its certificates
hold. etcd loads its certificate for every connection, but whom it trusts only when it starts. So
the new authority is trusted beside the old one before it signs, and the old one is trusted until
nobody shows a certificate of it. The restarts between are those of `roll`: whom the members trust
is part of their template. See decision 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from etcd_operator.core.actions import CertificateAction, IssueAuthority, ShareTrust
from etcd_operator.core.actions.certificates import HandedOver
from etcd_operator.core.certificates.handed_over import find_handed_over, find_shared_authority
from etcd_operator.core.certificates.settings import tls_of
from etcd_operator.core.certificates.signers import ca_overlap, choose_signer
from etcd_operator.core.certificates.state import (
    CLIENT_TRUST_FILE,
    HANDED_OVER,
    PEER_TRUST_FILE,
    Certificate,
    Credential,
    Leaf,
    Trusted,
)
from etcd_operator.core.certificates.wanted import (
    port_of,
    wanted_leaves,
)
from etcd_operator.core.model.peer_issuer import PeerIssuer
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.state_machine import StateMachine, Transition


class CaPhase(Enum):
    """How far the replacement of an authority is."""

    MISSING = "missing"  # no key is there
    ALONE = "alone"  # one authority is trusted, and signs
    SPREAD = "spread"  # another one is trusted beside it, which goes on signing
    SIGN = "sign"  # certificates come from the new one


@dataclass(frozen=True, slots=True)
class Authority:
    """The snapshot, and the name of the authority's Secret."""

    snapshot: Snapshot
    name: str

    @property
    def live(self) -> Credential | None:
        """Its Secret."""
        return self.snapshot.credentials.get(self.name)

    @property
    def newest(self) -> Certificate | None:
        """The certificate that it signs with, or is to sign with."""
        return self.live.certificate if self.live else None

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The certificates that it is to sign."""
        leaves = wanted_leaves(self.snapshot.spec, self.snapshot.naming)
        return tuple(leaf for leaf in leaves if leaf.authority == self.name)


def find_phase(view: Authority) -> CaPhase:
    """The phase, from what the Secrets hold."""
    live, newest = view.live, view.newest
    if live is None or newest is None:
        return CaPhase.MISSING
    if not is_changing(live):
        return CaPhase.ALONE
    issued = (view.snapshot.credentials.get(leaf.secret) for leaf in view.leaves)
    signers = {one.certificate.issuer_key_id for one in issued if one and one.certificate}
    return CaPhase.SIGN if newest.key_id in signers else CaPhase.SPREAD


# Conditions


def awaits_key(view: Authority) -> bool:
    """Whether old members are peers, and the key that signs for them cannot be read."""
    shared = find_shared_authority(view.snapshot, view.name)
    return bool(shared) and find_handed_over(view.snapshot, shared) is None


def is_first(view: Authority) -> bool:
    """Whether no key is there, and nobody trusts an earlier one."""
    return not awaits_key(view) and not _remember(view.snapshot, view.name)


def is_lost(view: Authority) -> bool:
    """Whether no key is there, and members trust an earlier one."""
    return not awaits_key(view) and bool(_remember(view.snapshot, view.name))


def is_another_wanted(view: Authority) -> bool:
    """Whether the spec asks for another one, or two thirds of its life are over."""
    return bool(_why_replace(view))


def may_sign(view: Authority) -> bool:
    """Whether every running member trusts the new one, and the overlap is over."""
    return any(choose_signer(view.snapshot, leaf) == view.newest for leaf in view.leaves)


def is_over(view: Authority) -> bool:
    """Whether all was issued anew, an overlap ago, and no running member shows an old one."""
    due = is_retirement_due(view.snapshot, view.name)
    return due and _nobody_shows_old(view.snapshot, view.name)


def _why_replace(view: Authority) -> str:
    snapshot, live = view.snapshot, view.live
    if live is None or find_shared_authority(snapshot, view.name):
        return ""
    if live.generation == HANDED_OVER:
        return "it was handed over for a take-over, and others have its key"
    if live.generation != tls_of(snapshot.spec).ca_generation:
        return "spec.security.tls.caGeneration has changed"
    if live.certificate and live.certificate.is_due(snapshot.now):
        return "two thirds of its life are over"
    return ""


def is_changing(authority: Credential) -> bool:
    """Whether an authority of before is trusted beside the new one, or its key is kept."""
    return len(authority.trusted) > 1 or authority.previous is not None


def find_replaced(snapshot: Snapshot) -> tuple[str, ...]:
    """Secrets of the authorities that are being replaced, or are about to be."""
    leaves = wanted_leaves(snapshot.spec, snapshot.naming)
    views = [Authority(snapshot, name) for name in sorted({leaf.authority for leaf in leaves})]
    return tuple(
        view.name for view in views if view.live and (is_changing(view.live) or _why_replace(view))
    )


def is_retirement_due(snapshot: Snapshot, authority: str) -> bool:
    """Whether all that an older authority signed was replaced long enough ago."""
    live = snapshot.credentials.get(authority)
    if live is None or live.certificate is None or not is_changing(live):
        return False
    for leaf in wanted_leaves(snapshot.spec, snapshot.naming):
        if leaf.authority != authority:
            continue
        one = snapshot.credentials.get(leaf.secret)
        certificate = one.certificate if one else None
        if certificate is None or certificate.issuer_key_id != live.certificate.key_id:
            return False
        if snapshot.now < certificate.made + ca_overlap(snapshot):
            return False
    return True


def _nobody_shows_old(snapshot: Snapshot, authority: str) -> bool:
    """Whether every member that runs was seen to use the new authority's certificate."""
    port, live = port_of(snapshot, authority), snapshot.credentials[authority]
    if port is None:
        return True
    signer = live.certificate.key_id if live.certificate else ""
    return all(
        snapshot.presented.get((pod.ordinal, port)) == signer
        for pod in snapshot.pods
        if pod.running
    )


def _remember(snapshot: Snapshot, name: str) -> tuple[Trusted, ...]:
    """Authorities that members trust, by the gate and the leaves, where their Secret was lost.

    With an issuer for members, whom the gate has trusted stays so by its phase.
    """
    of_peers = name == snapshot.naming.peer_authority
    if of_peers and snapshot.naming.peer_issuer is not PeerIssuer.OWN:
        return ()
    file = PEER_TRUST_FILE if of_peers else CLIENT_TRUST_FILE
    known = {one.key_id: one for one in snapshot.gate_trust.get(file, ())}
    for leaf in wanted_leaves(snapshot.spec, snapshot.naming):
        live = snapshot.credentials.get(leaf.secret)
        if leaf.authority == name and live:
            known.update({one.key_id: one for one in live.trusted})
    return tuple(known[key_id] for key_id in sorted(known))


# What is done


def issue_first(view: Authority) -> tuple[CertificateAction, ...]:
    """A key is made."""
    return _issue(view, _remember(view.snapshot, view.name), "the cluster needs it")


def issue_lost(view: Authority) -> tuple[CertificateAction, ...]:
    """A key is made, and whoever was trusted before stays trusted."""
    return _issue(view, _remember(view.snapshot, view.name), "the cluster needs it")


def issue_beside(view: Authority) -> tuple[CertificateAction, ...]:
    """A key is made, the one before is kept beside it, and both are trusted."""
    return _issue(view, view.live.trusted if view.live else (), _why_replace(view))


def _issue(view: Authority, keep: tuple[Trusted, ...], why: str) -> tuple[CertificateAction, ...]:
    live = view.live
    uid, version = (live.uid, live.resource_version) if live else ("", "")
    shared = find_shared_authority(view.snapshot, view.name)
    given = find_handed_over(view.snapshot, shared)
    if given is not None and given.certificate is not None:
        handed = HandedOver(shared, given.uid, given.certificate.key_id)
        return (IssueAuthority(view.name, uid, version, HANDED_OVER, keep, why, handed),)
    generation = tls_of(view.snapshot.spec).ca_generation
    return (IssueAuthority(view.name, uid, version, generation, keep, why),)


def let_sign(_: Authority) -> tuple[CertificateAction, ...]:
    """The certificates are issued anew, by the new one."""
    return ()  # they follow their signer


def retire_old(view: Authority) -> tuple[CertificateAction, ...]:
    """The old one is trusted no more, and its key goes."""
    live, newest = view.live, view.newest
    if live is None or newest is None:
        return ()
    signer = tuple(one for one in live.trusted if one.key_id == newest.key_id)
    why = "nothing is signed by the authority of before any more"
    return (ShareTrust(view.name, live.uid, live.resource_version, signer, why),)


MACHINE: Final[StateMachine[Authority, tuple[CertificateAction, ...]]] = StateMachine(
    (
        Transition(CaPhase.MISSING, is_first, issue_first, CaPhase.ALONE),
        Transition(CaPhase.MISSING, is_lost, issue_lost, CaPhase.SPREAD),
        Transition(CaPhase.ALONE, is_another_wanted, issue_beside, CaPhase.SPREAD),
        Transition(CaPhase.SPREAD, may_sign, let_sign, CaPhase.SIGN),
        Transition(CaPhase.SIGN, is_over, retire_old, CaPhase.ALONE),
    )
)

"""The stages in which certificates between members come from an issuer, or no more, as a table.

Nobody shows what a CA has signed before every member trusts that CA, and no CA is forgotten before
nobody shows what it has signed. What cert-manager writes is mounted by nobody: the operator copies
it. So an issuer whose CA changes is followed in the same way. See decision 26.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from etcd_operator.api.release import READS_ALLOWED_NAMES
from etcd_operator.core.actions.certificates import CopyCertificate
from etcd_operator.core.certificates.handed_over import is_taking_over
from etcd_operator.core.certificates.peer_trust import (
    IssuedPeers,
    do_members_trust,
    find_issued_peers,
    is_copied,
    is_issued_shown,
    is_own_shown,
    is_rolled,
    peer_trust,
    running_peers,
)
from etcd_operator.core.certificates.state import PEER_TRUST_FILE, Credential, key_ids
from etcd_operator.core.model.peer_issuer import (
    PeerIssuer,
    client_secret_of_peers,
    server_secret_of_peers,
    wants_peer_issuer,
)
from etcd_operator.core.model.peer_issuer_record import find_present_peer_issuer
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.state_machine import StateMachine, Transition


@dataclass(frozen=True, slots=True)
class PeerChange:
    """The snapshot, at the phase that the gate has on record."""

    snapshot: Snapshot

    @property
    def wanted(self) -> bool:
        """Whether the spec names an issuer."""
        return wants_peer_issuer(self.snapshot.cluster.spec)


# Conditions


def is_known(change: PeerChange) -> bool:
    """Whether the spec names an issuer, which has issued, and every Pod is of the template."""
    snapshot = change.snapshot
    runs = snapshot.template_version.release or snapshot.cluster.spec.release
    knows_names = runs >= READS_ALLOWED_NAMES
    if not change.wanted or not knows_names or is_taking_over(snapshot):
        return False
    return find_issued_peers(snapshot) is not None and is_rolled(snapshot)


def is_trusted(change: PeerChange) -> bool:
    """Whether the spec names an issuer, whose CA every running member trusts."""
    issued = find_issued_peers(change.snapshot)
    return (
        change.wanted and issued is not None and do_members_trust(change.snapshot, issued.trusted)
    )


def is_shown(change: PeerChange) -> bool:
    """Whether the spec names an issuer, whose certificate every running member shows."""
    return change.wanted and is_issued_shown(change.snapshot)


def is_unwanted(change: PeerChange) -> bool:
    """Whether the spec names no issuer."""
    return not change.wanted


def is_own_trusted(change: PeerChange) -> bool:
    """Whether the spec names no issuer, and every running member trusts the cluster's own CA."""
    snapshot = change.snapshot
    own = snapshot.credentials.get(snapshot.naming.peer_authority)
    return not change.wanted and own is not None and do_members_trust(snapshot, own.trusted)


def is_gone(change: PeerChange) -> bool:
    """Whether the spec names no issuer, and every running member shows what the own CA signed."""
    return not change.wanted and is_own_shown(change.snapshot)


# What is done


def trust_both(_: PeerChange) -> None:
    """Members restart, trust both CAs, and know each other by the common name as well."""


def let_sign(_: PeerChange) -> None:
    """The operator copies what cert-manager has issued into the Secret that members mount."""


def trust_issuer(_: PeerChange) -> None:
    """Members restart, and trust the CA of the issuer alone."""


def trust_own_again(_: PeerChange) -> None:
    """Members restart, and trust the cluster's own CA as well."""


def sign_again(_: PeerChange) -> None:
    """The cluster's own CA signs what members show."""


def trust_own(_: PeerChange) -> None:
    """Members restart, and trust the cluster's own CA alone."""


_P = PeerIssuer
MACHINE: Final[StateMachine[PeerChange, None]] = StateMachine(
    (
        Transition(_P.OWN, is_known, trust_both, _P.TRUSTED),
        Transition(_P.TRUSTED, is_trusted, let_sign, _P.SIGNS),
        Transition(_P.TRUSTED, is_gone, trust_own, _P.OWN),
        Transition(_P.SIGNS, is_shown, trust_issuer, _P.ALONE),
        Transition(_P.SIGNS, is_own_trusted, sign_again, _P.TRUSTED),
        Transition(_P.ALONE, is_unwanted, trust_own_again, _P.SIGNS),
    )
)


def find_next_peer_issuer(snapshot: Snapshot) -> PeerIssuer:
    """Return the phase from now on: that of the gate, or the one that is due."""
    spec, naming = snapshot.cluster.spec, snapshot.naming
    phase = find_present_peer_issuer(snapshot.children, naming, spec)
    if snapshot.config_map is None:
        return phase
    change = PeerChange(replace(snapshot, naming=replace(naming, peer_issuer=phase)))
    return MACHINE.find_next(phase, change)


def find_copy(snapshot: Snapshot) -> CopyCertificate | None:
    """Return the copy that is due: whatever the rules wait for, what is renewed is mounted.

    Of a CA that signed what is mounted now every member knows what is needed; of another one, when
    all trust it. Members that have no certificates for each other need not know of any: they get
    them together with whom they trust.
    """
    naming, issued = snapshot.naming, find_issued_peers(snapshot)
    if not naming.peer_issuer.signs or issued is None or snapshot.spec.paused:
        return None
    live = snapshot.credentials.get(naming.peer_secret)
    if is_copied(snapshot) or (live and (live.deleting or live.owner_uid != naming.uid)):
        return None
    shown = running_peers(snapshot) or snapshot.gate_trust.get(PEER_TRUST_FILE)
    if shown and not (_is_same_signer(issued, live) or do_members_trust(snapshot, issued.trusted)):
        return None
    uid, version = (live.uid, live.resource_version) if live else ("", "")
    return CopyCertificate(
        naming.peer_secret,
        uid,
        version,
        (server_secret_of_peers(naming), client_secret_of_peers(naming)),
        tuple(one.key_id if one else "" for one in issued.certificates),
        peer_trust(snapshot) or issued.trusted,
        "cert-manager has issued another one" if live else "the cluster needs it",
    )


def _is_same_signer(issued: IssuedPeers, live: Credential | None) -> bool:
    before, after = live.certificate if live else None, issued.server.certificate
    return bool(before and after and before.issuer_key_id == after.issuer_key_id)


def find_peer_change(snapshot: Snapshot) -> str:
    """Return what the status says of a change of the peers' issuer; empty if none is under way."""
    phase, wanted = snapshot.naming.peer_issuer, wants_peer_issuer(snapshot.spec)
    if not snapshot.spec.peer_tls or is_taking_over(snapshot):
        return ""
    to = "an issuer's" if wanted else "those of the cluster's own CA"
    if wanted and phase is PeerIssuer.ALONE:
        issued, told = find_issued_peers(snapshot), snapshot.gate_trust.get(PEER_TRUST_FILE)
        if issued is None or not told or key_ids(told) == key_ids(issued.trusted):
            return ""
        to = "those of another CA of the issuer"
    elif phase is PeerIssuer.OWN and not wanted:
        return ""
    return (
        f"Every certificate is valid. The certificates between members are being replaced by {to}: "
        "members restart one at a time, to trust both CAs and then one."
    )

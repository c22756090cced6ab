"""The stages in which certificates of the client port come from an issuer, or no more, as a table.

Members always trust the cluster's own CA, and clients trust what their ca.crt has. So nobody shows
what another signer has signed before everybody who may see it trusts that signer: the CA of the
issuer is added before its first certificate is shown, and stays until the last one is gone. The
stage is on record in the gate before it is acted on. See decision 26.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from etcd_operator.core.certificates.cert_manager import find_issuing_problem
from etcd_operator.core.certificates.client_trust import client_trust, list_mounted
from etcd_operator.core.certificates.settings import issuer_of
from etcd_operator.core.certificates.signers import had_time, list_clients
from etcd_operator.core.certificates.state import CLIENT_TRUST_FILE, Credential, key_ids
from etcd_operator.core.certificates.users_certificate import find_users_problem
from etcd_operator.core.certificates.wanted import (
    find_others_trust,
    is_signed_by_own,
    is_written_by_issuer,
)
from etcd_operator.core.model.issuer_record import find_present_issuer_stage
from etcd_operator.core.model.issuer_stage import IssuerPhase, IssuerStage, read_issuer_change
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.state_machine import StateMachine, Transition


@dataclass(frozen=True, slots=True)
class Change:
    """The snapshot, at the stage that the gate has on record."""

    snapshot: Snapshot

    @property
    def wanted(self) -> bool:
        """Whether the spec names an issuer."""
        return issuer_of(self.snapshot.spec) is not None

    @property
    def server(self) -> Credential | None:
        """The Secret with the certificate that members show."""
        return self.snapshot.credentials.get(self.snapshot.naming.server_secret)

    @property
    def signers(self) -> tuple[str, ...]:
        """The key IDs of the issuer's CA, as its Secrets tell it; none if they do not."""
        return key_ids(find_others_trust(self.snapshot) or ())


# Conditions


def is_known(change: Change) -> bool:
    """Whether the spec names an issuer, and its first certificate can be used."""
    snapshot = change.snapshot
    return change.wanted and bool(change.signers) and not _find_problem(snapshot)


def is_trusted(change: Change) -> bool:
    """Whether the spec names an issuer, whose CA all members and clients know by now."""
    snapshot, signers = change.snapshot, set(change.signers)
    if not is_known(change) or not _do_members_trust(snapshot, signers):
        return False
    return all(had_time(snapshot, one, signers) for one in list_clients(snapshot))


def is_shown(change: Change) -> bool:
    """Whether the spec names an issuer, whose certificate every running member shows."""
    snapshot = change.snapshot
    return change.wanted and _is_issuers_shown(snapshot) and not _find_problem(snapshot)


def is_unwanted(change: Change) -> bool:
    """Whether the spec names no issuer."""
    return not change.wanted


def are_clients_own(change: Change) -> bool:
    """Whether the spec names no issuer, and clients had time to load what trusts both."""
    snapshot = change.snapshot
    if change.wanted:
        return False
    trusted = set(key_ids(client_trust(snapshot)))
    clients = list(list_clients(snapshot))
    own = all(is_signed_by_own(snapshot, one) for one in clients)
    if is_written_by_issuer(snapshot, snapshot.naming.client_secret):
        return False
    return own and all(had_time(snapshot, one, trusted) for one in clients)


def is_gone(change: Change) -> bool:
    """Whether the spec names no issuer, and for an overlap nobody shows what one has signed.

    Nobody can while all members have a certificate of the user's own.
    """
    server, snapshot = change.server, change.snapshot
    if not change.wanted and _show_users(snapshot):
        return True
    if change.wanted or server is None or not is_signed_by_own(snapshot, server):
        return False
    if is_written_by_issuer(snapshot, server.name):
        return False
    own = snapshot.credentials[snapshot.naming.client_authority]
    return had_time(snapshot, server, set()) and _list_shown(snapshot) <= {*key_ids(own.trusted)}


def _find_problem(snapshot: Snapshot) -> str | None:
    return find_issuing_problem(snapshot) or find_users_problem(snapshot)


def _do_members_trust(snapshot: Snapshot, signers: set[str]) -> bool:
    """Whether each member that runs was started with these CAs, and those to come will be.

    Its Pod was made for this change: one of before may have started its process again since, when
    they were not trusted.
    """
    told, live = key_ids(snapshot.gate_trust.get(CLIENT_TRUST_FILE, ())), snapshot.statefulset
    if live is None or not signers <= {*told}:
        return False
    number = read_issuer_change(live.body) or "0"
    running = [pod for pod in snapshot.pods if pod.running and pod.client_tls.tls]
    return number == str(snapshot.naming.issuer_stage.change) and all(
        snapshot.is_current(pod) and signers <= {*pod.trust} for pod in running
    )


def _is_issuers_shown(snapshot: Snapshot) -> bool:
    """Whether every running member shows what the issuer has signed, as its Secret has it."""
    server = snapshot.credentials.get(snapshot.naming.server_secret)
    if server is None or server.certificate is None or is_signed_by_own(snapshot, server):
        return False
    return _list_shown(snapshot) <= {server.certificate.issuer_key_id}


def _show_users(snapshot: Snapshot) -> bool:
    """Whether members have, and will have, nothing but certificates of the user's own."""
    return list_mounted(snapshot).isdisjoint(("", snapshot.naming.server_secret))


def _list_shown(snapshot: Snapshot) -> set[str]:
    """Who signed what running members show to clients; empty text for one that was not seen."""
    return {
        snapshot.presented.get((pod.ordinal, CLIENT_PORT), "")
        for pod in snapshot.pods
        if pod.running and pod.client_tls.tls
    }


# What is done


def spread(_: Change) -> None:
    """Clients get certificates with both CAs in `ca.crt`; members restart, and trust both."""


def let_serve(_: Change) -> None:
    """cert-manager writes the certificate that members show."""


def hand_out(_: Change) -> None:
    """cert-manager writes the certificate that clients show."""


def take_back(_: Change) -> None:
    """The cluster's own CA signs the certificate of clients, with both CAs in `ca.crt`."""


def stop_serving(_: Change) -> None:
    """The cluster's own CA signs the certificate that members show."""


def forget(_: Change) -> None:
    """Nobody trusts the CA of the issuer any more; members restart."""


MACHINE: Final[StateMachine[Change, None]] = StateMachine(
    (
        Transition(IssuerPhase.OWN, is_known, spread, IssuerPhase.TRUSTED),
        Transition(IssuerPhase.TRUSTED, is_trusted, let_serve, IssuerPhase.SERVER),
        Transition(IssuerPhase.TRUSTED, is_gone, forget, IssuerPhase.OWN),
        Transition(IssuerPhase.SERVER, is_shown, hand_out, IssuerPhase.ALL),
        Transition(IssuerPhase.SERVER, are_clients_own, stop_serving, IssuerPhase.TRUSTED),
        Transition(IssuerPhase.ALL, is_unwanted, take_back, IssuerPhase.SERVER),
    )
)


def may_be_overwritten(snapshot: Snapshot, secret: str) -> bool:
    """Whether cert-manager may write a Secret now, and nobody is cut off by it.

    What it has written before it may write again.
    """
    naming, live = snapshot.naming, snapshot.credentials.get(secret)
    if not is_signed_by_own(snapshot, live):
        return True
    if secret == naming.client_secret:
        return _is_issuers_shown(snapshot)
    own = snapshot.credentials[naming.client_authority]
    told = key_ids(snapshot.gate_trust.get(CLIENT_TRUST_FILE, ()))
    signers = {*told} - {*key_ids(own.trusted)}
    clients = [one for one in list_clients(snapshot) if one]
    trusted = all(signers <= set(key_ids(one.trusted)) for one in clients)
    return bool(signers) and trusted and _do_members_trust(snapshot, signers)


def must_see_shown(snapshot: Snapshot) -> bool:
    """Whether the next step depends on what members show to clients."""
    naming = snapshot.naming
    waits = naming.issuer_stage.signs_clients
    client = snapshot.credentials.get(naming.client_secret)
    return naming.issuer_stage.changes or (waits and is_signed_by_own(snapshot, client))


def find_change(snapshot: Snapshot) -> str:
    """Return what the status says of a change of the issuer; empty if none is under way."""
    stage = snapshot.naming.issuer_stage
    wanted = issuer_of(snapshot.spec) is not None
    if not snapshot.spec.client_tls or stage.phase is IssuerStage.of(issued=wanted).phase:
        return ""
    to = "an issuer's" if wanted else "those of the cluster's own CA"
    return (
        f"Every certificate is valid. The certificates for clients are being replaced by {to} "
        f"(stage {stage.phase}): clients have to load their Secret anew within caOverlap."
    )


def find_next_issuer_stage(snapshot: Snapshot) -> IssuerStage:
    """Return the stage from now on: that of the gate, or the one that is due."""
    spec, naming = snapshot.cluster.spec, snapshot.naming
    stage = find_present_issuer_stage(snapshot.children, naming, spec)
    if not spec.client_tls:
        return stage
    change = Change(replace(snapshot, naming=replace(naming, issuer_stage=stage)))
    phase = MACHINE.find_next(stage.phase, change)
    return stage if phase is stage.phase else stage.to(phase)

"""The stages in which TLS between members is turned on or off, as a table.

A stage follows from the record of the gate, and from the peer URLs that etcd lists. A file of
another mode is read by members that `roll` restarts one by one; a change of URLs restarts nobody.
At each moment every member listens at one of its listed URLs, and whoever lists an https URL is
dialled by members with certificates alone. See decision 25.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from etcd_operator.api.peer_tls import PeerTls
from etcd_operator.core.certificates.peer_trust import is_copied
from etcd_operator.core.in_place_restore.record import find_restore_record
from etcd_operator.core.model.peer_stage import PeerMode, PeerStage, read_template_stage
from etcd_operator.core.model.peer_tls import find_recorded_stage
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.model.state_machine import Meanwhile, StateMachine, Transition

PLAIN: Final = ("http",)
BOTH: Final = ("http", "https")
SECURE: Final = ("https",)


class PeerPhase(Enum):
    """How far the change is."""

    OFF = "off"  # nobody has a certificate
    PREPARED = "prepared"  # members get certificates, and are reached in plain text
    REACHABLE = "reachable"  # members are listed at both URLs, and listen in plain text
    SWITCHING = "switching"  # members are listed at both URLs, and start to listen with TLS
    ON = "on"  # members are reached with TLS


@dataclass(frozen=True, slots=True)
class Step:
    """The mode of the files from now on, or the schemes of every member's peer URLs; else None."""

    mode: PeerMode | None = None
    schemes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Peers:
    """The snapshot, and the stage of the files that members start with."""

    snapshot: Snapshot
    stage: PeerStage

    @property
    def wanted(self) -> bool:
        """Whether the spec asks for TLS between members."""
        return self.snapshot.cluster.spec.peer_tls

    def list_alike(self, schemes: tuple[str, ...]) -> bool:
        """Whether etcd lists every member with URLs of exactly these schemes."""
        return all(
            set(list_schemes(seat)) == set(schemes) for seat in self.snapshot.seats() if seat.member
        )


def list_schemes(seat: Seat) -> tuple[str, ...]:
    """The schemes of the peer URLs that etcd lists for a member."""
    return tuple(url.partition("://")[0] for url in (seat.member.peer_urls if seat.member else ()))


def find_phase(peers: Peers) -> PeerPhase:
    """The phase: while URLs are changed member by member, that of before the first of them."""
    if peers.stage.mode is PeerMode.OFF:
        return PeerPhase.OFF
    if peers.stage.mode is PeerMode.PREPARED:
        reachable = peers.list_alike(BOTH) if peers.wanted else not peers.list_alike(PLAIN)
        return PeerPhase.REACHABLE if reachable else PeerPhase.PREPARED
    switching = not peers.list_alike(SECURE) if peers.wanted else peers.list_alike(BOTH)
    return PeerPhase.SWITCHING if switching else PeerPhase.ON


# Conditions


def begins(peers: Peers) -> bool:
    """Whether the spec asks for TLS, and the Secret has the certificate for it."""
    return peers.wanted and has_certificate(peers.snapshot)


def goes_on(peers: Peers) -> bool:
    """Whether the spec asks for TLS, and every member serves in a Pod of this stage."""
    return peers.wanted and has_rolled(peers)


def turns_back(peers: Peers) -> bool:
    """Whether the spec asks for no TLS."""
    return not peers.wanted


def has_turned_back(peers: Peers) -> bool:
    """Whether the spec asks for no TLS, and every member serves in a Pod of this stage."""
    return not peers.wanted and has_rolled(peers)


def lists_more(peers: Peers) -> bool:
    """Whether a client of etcd has listed members at URLs at which they never listened."""
    return has_turned_back(peers) and not peers.list_alike(PLAIN)


def has_certificate(snapshot: Snapshot) -> bool:
    """Whether the Secret that members are to mount holds the certificate that they are to have."""
    if snapshot.naming.peer_issuer.signs:
        return is_copied(snapshot)
    live = snapshot.credentials.get(snapshot.naming.peer_secret)
    return live is not None and live.certificate is not None


def has_rolled(peers: Peers) -> bool:
    """Whether each member of etcd runs and serves in a Pod that was made for this stage.

    The number of the stage is part of the template: the process in such a Pod has read a file of
    this stage, even if its container has started again since.
    """
    snapshot = peers.snapshot
    live = snapshot.statefulset
    if live is None or read_template_stage(live.body) != peers.stage:
        return False
    return not list_awaited(snapshot)


def list_awaited(snapshot: Snapshot) -> tuple[str, ...]:
    """The members that do not serve in a Ready Pod of the template of now, by name."""
    return tuple(
        snapshot.naming.member(seat.ordinal)
        for seat in snapshot.seats()
        if seat.member and not _serves_in_current_pod(snapshot, seat)
    )


def _serves_in_current_pod(snapshot: Snapshot, seat: Seat) -> bool:
    pod = seat.pod
    if pod is None or not pod.ready or pod.deleting:
        return False
    return snapshot.is_current(pod) and seat.serves(snapshot.live_cluster_id)


# What is done


def give_certificates(_: Peers) -> Step:
    """Members get certificates, one by one, and listen in plain text."""
    return Step(mode=PeerMode.PREPARED)


def take_certificates(_: Peers) -> Step:
    """Members lose their certificates, one by one."""
    return Step(mode=PeerMode.OFF)


def listen_with_tls(_: Peers) -> Step:
    """Members listen with TLS, one by one."""
    return Step(mode=PeerMode.ON)


def listen_in_plain_text(_: Peers) -> Step:
    """Members listen in plain text again, one by one, and keep their certificates."""
    return Step(mode=PeerMode.PREPARED)


def list_at_both(_: Peers) -> Step:
    """etcd lists each member at both URLs."""
    return Step(schemes=BOTH)


def list_in_plain_text(_: Peers) -> Step:
    """etcd lists each member at its http URL alone."""
    return Step(schemes=PLAIN)


def list_with_tls(_: Peers) -> Step:
    """etcd lists each member at its https URL alone."""
    return Step(schemes=SECURE)


MACHINE: Final[StateMachine[Peers, Step]] = StateMachine(
    (
        Meanwhile(PeerPhase.OFF, lists_more, list_in_plain_text),
        Transition(PeerPhase.OFF, begins, give_certificates, PeerPhase.PREPARED),
        Transition(PeerPhase.PREPARED, turns_back, take_certificates, PeerPhase.OFF),
        Transition(PeerPhase.PREPARED, goes_on, list_at_both, PeerPhase.REACHABLE),
        Transition(PeerPhase.REACHABLE, goes_on, listen_with_tls, PeerPhase.SWITCHING),
        Transition(PeerPhase.REACHABLE, has_turned_back, list_in_plain_text, PeerPhase.PREPARED),
        Transition(PeerPhase.SWITCHING, goes_on, list_with_tls, PeerPhase.ON),
        Transition(PeerPhase.SWITCHING, turns_back, listen_in_plain_text, PeerPhase.REACHABLE),
        Transition(PeerPhase.ON, turns_back, list_at_both, PeerPhase.SWITCHING),
    )
)


def find_step(snapshot: Snapshot) -> Step | None:
    """Return the step that is due now; None if there is none, or it has to wait."""
    stage = find_recorded_stage(snapshot.children, snapshot.naming)
    if stage is None or find_obstacle(snapshot):
        return None
    peers = Peers(snapshot, stage)
    row = MACHINE.find_row(find_phase(peers), peers)
    return row.do(peers) if row else None


def is_at_goal(snapshot: Snapshot, stage: PeerStage) -> bool:
    """Whether members reach each other as the spec has it, and in no other way."""
    peers = Peers(snapshot, stage)
    mode, schemes = (PeerMode.ON, SECURE) if peers.wanted else (PeerMode.OFF, PLAIN)
    return stage.mode is mode and peers.list_alike(schemes)


def find_obstacle(snapshot: Snapshot) -> str:
    """Return why no step can be taken now, whatever comes next; empty if one can.

    Whoever joins compares its file with the list of etcd: nothing changes while it does.
    """
    own, naming = snapshot.ownership.own, snapshot.naming
    others = (*snapshot.ownership.foreign, *snapshot.ownership.taken_over)
    if snapshot.recorded_cluster_id is None or not snapshot.quorum_confirmed:
        return "no quorum confirms the member list"
    if snapshot.take_over or others:
        return "etcd has members of somebody else"
    if find_restore_record(snapshot.cluster):
        return "a restore in place may still be undone"
    if joining := [naming.member(o) for o, member in own.items() if not member.started]:
        return f"{', '.join(joining)} is joining"
    odd = [naming.member(o) for o, m in own.items() if not naming.gives_urls(o, m.peer_urls)]
    return f"etcd lists {', '.join(odd)} at another host than that of its Pod" if odd else ""


def find_next_stage(snapshot: Snapshot) -> PeerStage:
    """Return the stage of the files from now on: that of before, or the one that is due.

    Before there are files it is the spec's; where they were lost, that of the URLs that etcd lists.
    """
    stage = find_recorded_stage(snapshot.children, snapshot.naming)
    if stage is None:
        return PeerStage.of(tls=_find_tls_listed(snapshot))
    step = find_step(snapshot)
    return stage.to(step.mode) if step and step.mode else stage


def _find_tls_listed(snapshot: Snapshot) -> bool:
    """Whether members without any record are to have TLS."""
    listed = {s for seat in snapshot.seats() for s in list_schemes(seat)}
    return "https" in listed if listed else snapshot.cluster.spec.peer_tls


def find_peer_tls(snapshot: Snapshot) -> PeerTls | None:
    """Return what the status says of TLS between members; None before there are files for them.

    It is on, or off, when every member is listed so, and no Pod is of another stage; whatever the
    spec asks for next.
    """
    stage = find_recorded_stage(snapshot.children, snapshot.naming)
    if stage is None:
        return None
    peers, live = Peers(snapshot, stage), snapshot.statefulset
    made_for = read_template_stage(live.body) if live else stage
    rolled = all(snapshot.is_current(pod) or not stage.change for pod in snapshot.pods)
    schemes = SECURE if stage.listens_with_tls else PLAIN
    if stage.mode is PeerMode.PREPARED or not rolled or made_for != stage:
        return PeerTls.CHANGING
    if not peers.list_alike(schemes):
        return PeerTls.CHANGING
    return PeerTls.ON if stage.listens_with_tls else PeerTls.OFF

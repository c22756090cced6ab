"""Grow and shrink a formed cluster, one vote at a time.

Every rule here runs only with a member list that a quorum confirmed in this very pass. The order
among them: finish what etcd has been told (join, promote), then shrink, clean up, and only then
grow, so that a change of mind in the middle converges from wherever it is.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import (
    Action,
    AddLearner,
    DeleteObject,
    MoveLeader,
    PromoteMember,
    RemoveMember,
)
from etcd_operator.core.decision import LATER, PRESENTLY, SHORTLY, SOON, Decision
from etcd_operator.core.members import Member
from etcd_operator.core.quorum import (
    keeps_quorum_without,
    serving_ids,
    voter_ids,
    voters_not_serving,
)
from etcd_operator.core.snapshot import Seat, Snapshot


def wait_for_quorum(snapshot: Snapshot) -> Decision | None:
    """Without a quorum nothing is changed: members that are away come back, or a person decides."""
    if snapshot.quorum_confirmed:
        return None
    answering = sum(1 for probe in snapshot.probes.values() if probe.status)
    voters = len(voter_ids(snapshot)) or len(snapshot.cluster.status.members)
    return Decision(
        reason="NoQuorum",
        message=f"No quorum: {answering} of {voters} members answer; waiting for the others.",
        phase=Phase.FAILED,
        wake_after=PRESENTLY,
    )


def promote(snapshot: Snapshot) -> Decision | None:
    """Give the first serving learner that is to stay its vote; etcd refuses until it caught up."""
    size = snapshot.cluster.spec.size
    cluster_id = _cluster_id(snapshot)
    for seat in _learners(snapshot):
        if seat.ordinal < size and seat.member and seat.serves(cluster_id):
            return Decision(
                reason="PromotingLearner",
                message=f"Learner {snapshot.naming.member(seat.ordinal)} is catching up.",
                phase=Phase.SCALING,
                actions=(PromoteMember(seat.ordinal, seat.member.id, cluster_id),),
                wake_after=SOON,
            )
    return None


def shrink(snapshot: Snapshot) -> Decision | None:
    """Remove the members above the size: learners first, then the highest ordinals."""
    size = snapshot.cluster.spec.size
    surplus = sorted(
        (seat for seat in snapshot.seats() if seat.member and seat.ordinal >= size),
        key=lambda seat: (not _member(seat).is_learner, -seat.ordinal),
    )
    if not surplus:
        return None
    actions = _removals(snapshot, surplus)
    if not actions:
        names = ", ".join(snapshot.naming.member(s.ordinal) for s in voters_not_serving(snapshot))
        return Decision(
            reason="QuorumAtRisk",
            message=f"Not shrinking: without an answer of {names} the rest would have no majority.",
            phase=Phase.SCALING,
            wake_after=PRESENTLY,
        )
    members = len(snapshot.members)
    return Decision(
        reason="ScalingIn",
        message=f"Shrinking from {members} to {size} members.",
        phase=Phase.SCALING,
        actions=tuple(actions),
        wake_after=SHORTLY,
    )


def _removals(snapshot: Snapshot, surplus: list[Seat]) -> list[Action]:
    """All removals that are safe one after the other, leadership moved out of their way first."""
    cluster_id = _cluster_id(snapshot)
    voters, alive = set(voter_ids(snapshot)), set(serving_ids(snapshot))
    leaving = {_member(seat).id for seat in surplus}
    actions: list[Action] = []
    leader = next((s for s in surplus if _member(s).id == snapshot.leader_id), None)
    if leader is not None:
        heir = _choose_heir(snapshot, leaving)
        if heir is None:
            return []
        actions.append(
            MoveLeader(
                leader.ordinal, _member(leader).id, heir.ordinal, _member(heir).id, cluster_id
            )
        )
    for seat in surplus:
        member = _member(seat)
        if not member.is_learner and not keeps_quorum_without(voters, alive, member.id):
            break
        actions.append(RemoveMember(seat.ordinal, member.id, cluster_id))
        voters.discard(member.id)
        alive.discard(member.id)
    return actions if any(isinstance(action, RemoveMember) for action in actions) else []


def _choose_heir(snapshot: Snapshot, leaving: set[int]) -> Seat | None:
    """The lowest serving voter that stays."""
    serving = serving_ids(snapshot)
    for seat in snapshot.seats():
        member = seat.member
        if member and not member.is_learner and member.id in serving and member.id not in leaving:
            return seat
    return None


def delete_left_disks(snapshot: Snapshot) -> Decision | None:
    """Delete the disks of removed members, so that no later member ever meets old data."""
    if snapshot.cluster.spec.storage.retention_policy.when_scaled == "Retain":
        return None
    left = [
        seat.claim
        for seat in snapshot.seats()
        if seat.claim and not seat.member and not seat.claim.deleting and not _is_running(seat)
    ]
    if not left:
        return None
    why = "its member left the cluster"
    return Decision(
        reason="DeletingDisks",
        message=f"Deleting the disks of removed members: {', '.join(c.name for c in left)}.",
        phase=Phase.SCALING,
        actions=tuple(
            DeleteObject("PersistentVolumeClaim", claim.name, claim.uid, why) for claim in left
        ),
    )


def wait_for_joiners(snapshot: Snapshot) -> Decision | None:
    """Wait for announced learners to serve.

    None may be announced meanwhile: a joiner refuses to start if its file does not list exactly
    the members that etcd knows, and it may have read its file already.
    """
    joining = [seat for seat in _learners(snapshot) if not seat.serves(_cluster_id(snapshot))]
    if not joining:
        return None
    names = ", ".join(snapshot.naming.member(seat.ordinal) for seat in joining)
    started = any(seat.pod and seat.pod.running for seat in joining)
    return Decision(
        reason="MemberStarting",
        message=f"Waiting for new member {names} to start.",
        phase=Phase.SCALING,
        wake_after=SOON if started else None,
    )


def grow(snapshot: Snapshot) -> Decision | None:
    """Announce the lowest missing member as a learner; from 3.6 on all missing ones at once."""
    size = snapshot.cluster.spec.size
    taken = {seat.ordinal for seat in snapshot.seats() if seat.member}
    missing = [ordinal for ordinal in range(size) if ordinal not in taken]
    if not missing:
        return None
    count = len(snapshot.members)
    if (away := voters_not_serving(snapshot)) != ():
        names = ", ".join(snapshot.naming.member(seat.ordinal) for seat in away)
        return _not_yet("MemberAway", f"Growing waits for {names} to answer.", PRESENTLY)
    remains = [o for o in missing if snapshot.seat(o).claim or snapshot.seat(o).pod]
    if remains:
        return _wait_for_disks(snapshot, remains)
    if not _takes_several_learners(snapshot):
        missing = [] if _learners(snapshot) else missing[:1]
    cluster_id = _cluster_id(snapshot)
    return Decision(
        reason="ScalingOut",
        message=f"Growing from {count} to {size} members.",
        phase=Phase.SCALING,
        actions=tuple(AddLearner(o, snapshot.naming.peer_url(o), cluster_id) for o in missing),
        wake_after=SHORTLY,
    )


def _wait_for_disks(snapshot: Snapshot, ordinals: list[int]) -> Decision:
    kept = [
        seat.claim.name
        for seat in (snapshot.seat(o) for o in ordinals)
        if seat.claim and not seat.claim.deleting
    ]
    if kept and snapshot.cluster.spec.storage.retention_policy.when_scaled == "Retain":
        return _not_yet(
            "DiskKept",
            f"PersistentVolumeClaim {', '.join(kept)} was kept when the cluster shrank, as "
            "spec.storage.retentionPolicy.whenScaled wants: delete it to let the cluster grow.",
            LATER,
            blocked=True,
        )
    names = ", ".join(snapshot.naming.member(o) for o in ordinals)
    return _not_yet("WaitingForDisks", f"Growing waits for the old disks of {names} to go.", 1.0)


def _not_yet(reason: str, message: str, wake_after: float, *, blocked: bool = False) -> Decision:
    return Decision(
        reason=reason, message=message, phase=Phase.SCALING, wake_after=wake_after, blocked=blocked
    )


def _takes_several_learners(snapshot: Snapshot) -> bool:
    """Whether every voter runs 3.6 or later, which have the max-learners setting."""
    for seat in snapshot.seats():
        if seat.member and not seat.member.is_learner:
            status = seat.probe.status if seat.probe else None
            if status is None or _minor(status.version) < (3, 6):
                return False
    return True


def _minor(version: str) -> tuple[int, int]:
    major, _, rest = version.partition(".")
    minor = rest.partition(".")[0]
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else (0, 0)


def _learners(snapshot: Snapshot) -> list[Seat]:
    return [seat for seat in snapshot.seats() if seat.member and seat.member.is_learner]


def _is_running(seat: Seat) -> bool:
    return seat.pod is not None and not seat.pod.deleting


def _member(seat: Seat) -> Member:
    assert seat.member is not None, "only seats of members come here"  # noqa: S101 (narrowing)
    return seat.member


def _cluster_id(snapshot: Snapshot) -> int:
    return snapshot.membership.cluster_id if snapshot.membership else 0

"""Grow and shrink a formed cluster, one vote at a time.

Every rule here runs only with a member list that a quorum confirmed in this very pass. The order
among them: finish what etcd has been told (join, promote), then shrink, clean up, and only then
grow, so that a change of mind in the middle converges from wherever it is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import (
    Action,
    DeleteObject,
    MoveLeader,
    RemoveMember,
)
from etcd_operator.core.approval import lost_since
from etcd_operator.core.decision import LATER, PRESENTLY, SHORTLY, Decision
from etcd_operator.core.difference import corrupt_ids, doubtful_ids
from etcd_operator.core.foreign_claims import foreign_claim
from etcd_operator.core.foreign_members import explain_foreign
from etcd_operator.core.going_disks import loses_disk
from etcd_operator.core.members import Member
from etcd_operator.core.quorum import (
    keeps_quorum_without,
    serving_ids,
    voter_ids,
    voters_not_serving,
)
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rules.replace import announce_with_disk
from etcd_operator.core.rules.rollout import hand_over
from etcd_operator.core.snapshot import Seat, Snapshot

# Elections are over within two or three timeouts of a second each.
ELECTION: Final = timedelta(seconds=5)
# Why a disk goes, in the Event about it.
MEMBER_LEFT: Final = "its member left the cluster"


def wait_for_quorum(snapshot: Snapshot) -> Decision | None:
    """Without a quorum nothing is changed: members that are away come back, or a person decides.

    The conditions say so at once. The phase is Failed only when it lasts longer than an election.
    """
    if snapshot.quorum_confirmed:
        return None
    answering = sum(1 for probe in snapshot.probes.values() if probe.status)
    voters = len(voter_ids(snapshot)) or len(snapshot.cluster.status.members)
    return Decision(
        reason=attention.NO_QUORUM,
        message=f"No quorum: {answering} of {voters} members answer; waiting for the others.",
        phase=Phase.FAILED if lasts(snapshot) else snapshot.cluster.status.phase or Phase.FAILED,
        wake_after=PRESENTLY,
    )


def lasts(snapshot: Snapshot) -> bool:
    """Whether the status has said for longer than an election takes that the majority is lost."""
    since = lost_since(snapshot)
    return since is not None and snapshot.now - since >= ELECTION


def refuse_foreign_members(snapshot: Snapshot) -> Decision | None:
    """Change nothing beside a member added by hand: no list of ours would be right."""
    if not snapshot.ownership.foreign:
        return None
    return Decision(
        reason=attention.FOREIGN_MEMBER,
        message=f"{explain_foreign(snapshot)} Nothing is changed until then.",
        phase=snapshot.cluster.status.phase or Phase.RUNNING,
        wake_after=LATER,
        upkeep=False,
    )


def shrink(snapshot: Snapshot) -> Decision | None:
    """Remove the members above the size: learners, then the silent, then the highest ordinals.

    Without a silent voter the rest is safer than before; so those that serve can follow. Members
    with wrong data count as silent here: the rest must have a majority of others.
    """
    size = snapshot.cluster.spec.size
    serving = serving_ids(snapshot) - doubtful_ids(snapshot)
    staying = [s for s in snapshot.seats() if s.member and not s.member.is_learner]
    staying = [s for s in staying if s.ordinal < size]
    if staying and all(s.pod and loses_disk(snapshot, s.pod) for s in staying):
        return None  # all that stays would be data that goes with the next restart
    surplus = sorted(
        (seat for seat in snapshot.seats() if seat.member and seat.ordinal >= size),
        key=lambda seat: (
            not _member(seat).is_learner,
            _member(seat).id in serving,
            -seat.ordinal,
        ),
    )
    actions = _removals(snapshot, surplus)
    if not actions:
        return None  # a member that stays may have to be replaced or announced first
    members = len(snapshot.members)
    return Decision(
        reason=routine.SCALING_IN,
        message=f"Shrinking from {members} to {size} members.",
        phase=Phase.SCALING,
        actions=tuple(actions),
        wake_after=SHORTLY,
    )


def _removals(snapshot: Snapshot, surplus: list[Seat]) -> list[Action]:
    """All removals that are safe one after the other, leadership moved out of their way first."""
    cluster_id = snapshot.live_cluster_id
    voters = set(voter_ids(snapshot))
    alive = set(serving_ids(snapshot) - doubtful_ids(snapshot))
    leaving = {_member(seat).id for seat in surplus}
    actions: list[Action] = []
    leader = next((s for s in surplus if _member(s).id == snapshot.leader_id), None)
    if leader is not None:
        heir = _choose_heir(snapshot, leaving)
        if heir is None:  # nobody who stays could lead: only those without a vote can go
            surplus = [seat for seat in surplus if _member(seat).is_learner]
        else:
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
    """The lowest serving voter that stays, with the data that is right."""
    serving = serving_ids(snapshot) - doubtful_ids(snapshot)
    for seat in snapshot.seats():
        member = seat.member
        if member and not member.is_learner and member.id in serving and member.id not in leaving:
            return seat
    return None


def delete_left_disks(snapshot: Snapshot) -> Decision | None:
    """Delete the disks of removed members, so that no later member ever meets old data."""
    left = find_left_disks(snapshot)
    names = ", ".join(snapshot.naming.claim(seat.ordinal) for seat in left)
    actions = tuple(
        DeleteObject("PersistentVolumeClaim", seat.claim.name, seat.claim.uid, MEMBER_LEFT)
        for seat in left
        if seat.claim and not seat.claim.deleting and not _is_running(seat)
    )
    if not actions:
        return None  # nothing waits for those that are going but a member in their place
    return Decision(
        reason=routine.DELETING_DISKS,
        message=f"Deleting the disks of removed members: {names}.",
        phase=Phase.SCALING,
        actions=actions,
    )


def find_left_disks(snapshot: Snapshot) -> list[Seat]:
    """The seats of removed members whose disks are to go, or are going."""
    if snapshot.cluster.spec.storage.retention_policy.when_scaled == "Retain":
        return []
    return [
        seat
        for seat in snapshot.seats()
        if seat.claim
        and seat.claim.owner_uid == snapshot.naming.uid
        and not seat.member
        and not _is_within(snapshot, seat.ordinal)
    ]


def grow(snapshot: Snapshot) -> Decision | None:
    """Announce the lowest missing member as a learner.

    One after the other, also where etcd takes several: a joiner resolves the names of all members
    before it starts, and a name that is not there yet costs it thirty seconds.
    """
    size = snapshot.cluster.spec.size
    missing = find_missing(snapshot)
    if not missing:
        return None
    if joining(snapshot) and not may_announce_next(snapshot):
        return None  # one that is late: etcd takes one after the other
    count = len(snapshot.members)
    first = missing[0]
    if is_held_back(snapshot, first):
        return None  # what is due meanwhile may be the remedy
    return Decision(
        reason=routine.SCALING_OUT,
        message=f"Growing from {count} to {size} members.",
        phase=Phase.SCALING,
        actions=_announce(snapshot, first),
        wake_after=SHORTLY,
    )


def is_held_back(snapshot: Snapshot, ordinal: int) -> bool:
    """Whether a member cannot be announced there yet; `wait_to_grow` says why."""
    return bool(
        voters_not_serving(snapshot)
        or foreign_claim(snapshot, ordinal)
        or waits_for_remains(snapshot, ordinal)
    )


def _announce(snapshot: Snapshot, ordinal: int) -> tuple[Action, ...]:
    """Announce a member; nothing before the gate says that it is to be, which comes first."""
    if ordinal >= snapshot.announced:
        return ()
    announced = announce_with_disk(snapshot, snapshot.seat(ordinal), MEMBER_LEFT)
    return (*_lead_by_the_right(snapshot), *announced)


def _lead_by_the_right(snapshot: Snapshot) -> tuple[Action, ...]:
    """Who joins learns from the leader: not from one that is known to have wrong data."""
    wrong = corrupt_ids(snapshot)
    leading = (s for s in snapshot.seats() if s.member and s.member.id == snapshot.leader_id)
    return tuple(a for s in leading if snapshot.leader_id in wrong for a in hand_over(snapshot, s))


def joining(snapshot: Snapshot) -> list[Seat]:
    """The learners that do not serve yet."""
    return [seat for seat in learners(snapshot) if not seat.serves(snapshot.live_cluster_id)]


def may_announce_next(snapshot: Snapshot) -> bool:
    """Whether another learner can be announced while those of before have no vote yet."""
    missing, announced = find_missing(snapshot), learners(snapshot)
    return bool(
        missing
        and announced
        and all(_member(seat).started for seat in announced)
        and not is_held_back(snapshot, missing[0])
        and _takes_severallearners(snapshot)
    )


def find_missing(snapshot: Snapshot) -> list[int]:
    """The ordinals below the size that are no member's, the lowest first."""
    taken = {seat.ordinal for seat in snapshot.seats() if seat.member}
    return [ordinal for ordinal in range(snapshot.cluster.spec.size) if ordinal not in taken]


def _is_within(snapshot: Snapshot, ordinal: int) -> bool:
    """Whether the StatefulSet keeps a Pod and a disk for it, because a higher one is a member.

    Somebody removed the member in between, or a replacement was cut off: the disk goes when the
    next member is announced there.
    """
    return any(seat.member and seat.ordinal > ordinal for seat in snapshot.seats())


def waits_for_remains(snapshot: Snapshot, ordinal: int) -> bool:
    """Whether an old Pod or disk has to go before a member can be announced there."""
    seat = snapshot.seat(ordinal)
    remains = seat.claim is not None or seat.pod is not None
    return remains and not _is_within(snapshot, ordinal)


def _takes_severallearners(snapshot: Snapshot) -> bool:
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


def learners(snapshot: Snapshot) -> list[Seat]:
    """The members without a vote."""
    return [seat for seat in snapshot.seats() if seat.member and seat.member.is_learner]


def _is_running(seat: Seat) -> bool:
    return seat.pod is not None and not seat.pod.deleting


def _member(seat: Seat) -> Member:
    assert seat.member is not None, "only seats of members come here"  # noqa: S101 (narrowing)
    return seat.member

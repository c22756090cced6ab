"""Grow and shrink a formed cluster, one vote at a time.

Every rule here runs only with a member list that a quorum confirmed in this very pass. The order
among them: finish what etcd has been told (join, promote), then shrink, clean up, and only then
begin to grow, so that a change of mind in the middle converges from wherever it is.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, DeleteObject, MoveLeader, RemoveMember
from etcd_operator.core.consistency.divergence import corrupt_ids, suspect_ids
from etcd_operator.core.membership.add_window import find_pause
from etcd_operator.core.membership.foreign_members import explain_foreign
from etcd_operator.core.membership.growth import (
    find_left_disks,
    find_missing,
    is_held_back,
    joining,
    may_announce_next,
    member_of,
    name_disks,
)
from etcd_operator.core.membership.steps import add_with_new_disk, transfer_leadership
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START, Decision
from etcd_operator.core.model.quorum import keeps_quorum_without, serving_ids, voter_ids
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.quorum_loss.approval import lasts
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.storage.deleted_claims import loses_disk
from etcd_operator.wording import counted, part_of

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
    awaited = "waiting for the others" if answering < voters else "none has confirmed a leader yet"
    return Decision(
        reason=attention.NO_QUORUM,
        message=f"No quorum: {part_of(answering, voters, 'member', 'answer')}; {awaited}.",
        phase=Phase.FAILED if lasts(snapshot) else snapshot.cluster.status.phase or Phase.FAILED,
        requeue_after=POD_START,
    )


def refuse_foreign_members(snapshot: Snapshot) -> Decision | None:
    """Change nothing beside a member added by hand: no list of ours would be right."""
    if not snapshot.ownership.foreign:
        return None
    return Decision(
        reason=attention.FOREIGN_MEMBER,
        message=f"{explain_foreign(snapshot)} Nothing is changed until then.",
        phase=snapshot.cluster.status.phase or Phase.RUNNING,
        requeue_after=OUTSIDE_CHANGE,
        corrects_objects=False,
    )


def shrink(snapshot: Snapshot) -> Decision | None:
    """Remove the members above the size: learners, then the silent, then the highest ordinals.

    Without a silent voter the rest is safer than before; so those that serve can follow. Members
    with wrong data count as silent here: the rest must have a majority of others.
    """
    size = snapshot.spec.size
    serving = serving_ids(snapshot) - suspect_ids(snapshot)
    staying = [s for s in snapshot.seats() if s.member and not s.member.is_learner]
    staying = [s for s in staying if s.ordinal < size]
    if staying and all(s.pod and loses_disk(snapshot, s.pod) for s in staying):
        return None  # all that stays would be data that goes with the next restart
    surplus = sorted(
        (seat for seat in snapshot.seats() if seat.member and seat.ordinal >= size),
        key=lambda seat: (
            not member_of(seat).is_learner,
            member_of(seat).id in serving,
            -seat.ordinal,
        ),
    )
    actions = _removals(snapshot, surplus)
    if not actions:
        return None  # a member that stays may have to be replaced or announced first
    members = len(snapshot.ownership.own)
    return Decision(
        reason=routine.SCALING_IN,
        message=f"Scaling in from {members} to {counted(size, 'member')}.",
        phase=Phase.SCALING,
        actions=tuple(actions),
        requeue_after=find_pause(snapshot),
    )


def _removals(snapshot: Snapshot, surplus: list[Seat]) -> list[Action]:
    """All removals that are safe one after the other, leadership moved out of their way first."""
    cluster_id = snapshot.live_cluster_id
    voters = set(voter_ids(snapshot))
    alive = set(serving_ids(snapshot) - suspect_ids(snapshot))
    leaving = {member_of(seat).id for seat in surplus}
    actions: list[Action] = []
    leader = next((s for s in surplus if member_of(s).id == snapshot.leader_id), None)
    if leader is not None:
        transferee = _choose_transferee(snapshot, leaving)
        if transferee is None:  # nobody who stays could lead: only those without a vote can go
            surplus = [seat for seat in surplus if member_of(seat).is_learner]
        else:
            actions.append(
                MoveLeader(
                    leader.ordinal,
                    member_of(leader).id,
                    transferee.ordinal,
                    member_of(transferee).id,
                    cluster_id,
                )
            )
    for seat in surplus:
        member = member_of(seat)
        if not member.is_learner and not keeps_quorum_without(voters, alive, member.id):
            break
        actions.append(RemoveMember(seat.ordinal, member.id, cluster_id))
        voters.discard(member.id)
        alive.discard(member.id)
    return actions if any(isinstance(action, RemoveMember) for action in actions) else []


def _choose_transferee(snapshot: Snapshot, leaving: set[int]) -> Seat | None:
    """The lowest serving voter that stays, with the data that is right."""
    serving = serving_ids(snapshot) - suspect_ids(snapshot)
    for seat in snapshot.seats():
        member = seat.member
        if member and not member.is_learner and member.id in serving and member.id not in leaving:
            return seat
    return None


def delete_left_disks(snapshot: Snapshot) -> Decision | None:
    """Delete the disks of removed members, so that no later member ever meets old data."""
    left = find_left_disks(snapshot)
    actions = tuple(
        DeleteObject("PersistentVolumeClaim", claim.name, claim.uid, MEMBER_LEFT)
        for seat in left
        for claim in seat.claims
        if not claim.deleting and not _is_running(seat)
    )
    if not actions:
        return None  # nothing waits for those that are going but a member in their place
    return Decision(
        reason=routine.DELETING_DISKS,
        message=f"Deleting the disks of removed members: {name_disks(left)}.",
        phase=Phase.SCALING,
        actions=actions,
    )


def announce_next_learner(snapshot: Snapshot) -> Decision | None:
    """Announce the next learner before those of before have their votes, where etcd takes several.

    A cluster of one voter accepts it at once, while after the promotion the two voters would have
    to be connected for five seconds before etcd lets them add another. While the data of a member
    is in doubt no further one copies it.
    """
    if not may_announce_next(snapshot) or suspect_ids(snapshot):
        return None
    return _announce(snapshot, find_missing(snapshot)[0])


def grow(snapshot: Snapshot) -> Decision | None:
    """Announce the lowest missing member as a learner.

    One after the other, also where etcd takes several: a joiner resolves the names of all members
    before it starts, and a name that is not there yet costs it thirty seconds.
    """
    missing = find_missing(snapshot)
    if not missing or joining(snapshot):
        return None  # or one is late: etcd takes one after the other
    if is_held_back(snapshot, missing[0]):
        return None  # what is due meanwhile may be the remedy
    return _announce(snapshot, missing[0])


def _announce(snapshot: Snapshot, ordinal: int) -> Decision:
    size, count = snapshot.spec.size, len(snapshot.ownership.own)
    return Decision(
        reason=routine.SCALING_OUT,
        message=f"Scaling out from {count} to {size} members.",
        phase=Phase.SCALING,
        actions=_add(snapshot, ordinal),
        requeue_after=find_pause(snapshot),
    )


def _add(snapshot: Snapshot, ordinal: int) -> tuple[Action, ...]:
    """Announce a member; nothing before the gate says that it is to be, which comes first."""
    if ordinal >= snapshot.announced:
        return ()
    announced = add_with_new_disk(snapshot, snapshot.seat(ordinal), MEMBER_LEFT)
    return (*_lead_by_the_right(snapshot), *announced)


def _lead_by_the_right(snapshot: Snapshot) -> tuple[Action, ...]:
    """Move of leadership: a learner copies the leader, so never one known to have wrong data."""
    wrong = corrupt_ids(snapshot)
    leading = (s for s in snapshot.seats() if s.member and s.member.id == snapshot.leader_id)
    return tuple(
        a for s in leading if snapshot.leader_id in wrong for a in transfer_leadership(snapshot, s)
    )


def _is_running(seat: Seat) -> bool:
    return seat.pod is not None and not seat.pod.deleting

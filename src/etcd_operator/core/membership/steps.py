"""Steps that several rules take with a member: leadership, its disk, its way out and in again."""

from __future__ import annotations

from etcd_operator.core.actions import Action, AddLearner, DeleteObject, MoveLeader, RemoveMember
from etcd_operator.core.consistency.divergence import corrupt_ids
from etcd_operator.core.model.quorum import serving_ids, voter_ids
from etcd_operator.core.model.snapshot import Seat, Snapshot


def re_add_as_learner(snapshot: Snapshot, seat: Seat) -> tuple[Action, ...]:
    """Out of the cluster, and in again as a learner with a new member ID, on the same disk."""
    return (*_remove(snapshot, seat), _add(snapshot, seat))


def re_add_with_new_disk(snapshot: Snapshot, seat: Seat, why: str) -> tuple[Action, ...]:
    """Out of the cluster, and in again as a learner with a new member ID, on a new disk."""
    return (*_remove(snapshot, seat), *add_with_new_disk(snapshot, seat, why))


def add_with_new_disk(snapshot: Snapshot, seat: Seat, why: str) -> tuple[Action, ...]:
    """Announce a member where there is none, on disks that no other had.

    Of two disks both go, also where one of them is whole. The Pod that holds the old disks goes
    last, and only as it was looked at: one that has changed may be the new member's by now,
    announced by another operator or by an earlier pass.
    """
    pod = seat.pod
    actions: list[Action] = []
    for claim in seat.claims:
        if not claim.deleting:
            actions.append(DeleteObject("PersistentVolumeClaim", claim.name, claim.uid, why))
    actions.append(_add(snapshot, seat))
    if pod and not pod.deleting:
        actions.append(DeleteObject("Pod", pod.name, pod.uid, why, pod.resource_version))
    return tuple(actions)


def _remove(snapshot: Snapshot, seat: Seat) -> tuple[Action, ...]:
    if seat.member is None:
        return ()
    return (RemoveMember(seat.ordinal, seat.member.id, snapshot.live_cluster_id),)


def _add(snapshot: Snapshot, seat: Seat) -> AddLearner:
    peer_url = snapshot.naming.peer_url(seat.ordinal)
    return AddLearner(seat.ordinal, peer_url, snapshot.live_cluster_id)


def transfer_leadership(snapshot: Snapshot, seat: Seat) -> tuple[Action, ...]:
    """Move leadership away from a member that is about to serve nobody, if it leads."""
    member = seat.member
    if member is None or member.id != snapshot.leader_id:
        return ()
    able = serving_ids(snapshot) & voter_ids(snapshot) - {member.id}
    heirs = [(s.member.id, s) for s in snapshot.seats() if s.member and s.member.id in able]
    if not heirs:
        return ()
    wrong = corrupt_ids(snapshot)
    # New members learn from the leader: rather one whose data is right, and that is to stay.
    transferee_id, transferee = min(
        heirs, key=lambda h: (h[0] in wrong, bool(h[1].pod and h[1].pod.replace_asked))
    )
    cluster_id = snapshot.live_cluster_id
    return (MoveLeader(seat.ordinal, member.id, transferee.ordinal, transferee_id, cluster_id),)

"""Replace members that lost their data: out of the cluster first, then in again as a learner.

A member is never replaced for being silent: that it lost its data has to be said by the member
itself, in the last words of its process, or by Kubernetes about its disk. One at a time, and only
while a majority serves without it, so that what was acknowledged is with members that stay.

The new member has a new member ID, which opens the gate for it; it joins as every new member does.
An empty disk it can use. Any other is deleted with its Pod (corrupt, lost, left from a removed
member), and the StatefulSet makes new ones.

The order makes that safe to be cut off anywhere, and to go on late: a member is removed from etcd,
its claim deleted, the next member announced, the old Pod deleted. So nobody is announced on a claim
that a pass may yet delete: who finds neither member nor announcement deletes the claim first.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, AddLearner, DeleteObject, RemoveMember
from etcd_operator.core.decision import PRESENTLY, Decision
from etcd_operator.core.difference import doubtful_ids
from etcd_operator.core.foreign_claims import can_renew_disk
from etcd_operator.core.quorum import keeps_quorum_without, serving_ids, voter_ids
from etcd_operator.core.reasons import routine
from etcd_operator.core.snapshot import Seat, Snapshot

# What etcd says when it starts on an empty disk behind a closed gate (server/etcdserver).
EMPTY: Final = ("cannot fetch cluster info from peer urls",)
# What etcd says when there is data that it cannot or must not use.
UNUSABLE: Final = (
    "crc mismatch",
    "file is corrupted",
    "is out of range [lastIndex",
    "failed to find database snapshot file",
    "the member has been permanently removed from the cluster",
    "invalid database",
    "failed to recover v3 backend from snapshot",
    "walpb: ",
    "wal: ",
    "snap: ",
    "proto: ",
)
# A write that failed names its file: `….wal: no space left on device` is no word of the data.
_FILE: Final = re.compile(r"\S*[./]\S*: ")


class Disk(Enum):
    """What is known about a member's data."""

    EMPTY = "lost its data"
    UNUSABLE = "has data that it cannot use"
    LOST = "lost its disk"


def judge_disk(seat: Seat) -> Disk | None:
    """Return what is wrong with a member's disk, if somebody said so; None otherwise."""
    if seat.claim and seat.claim.lost:
        return Disk.LOST
    pod = seat.pod
    # Of a process that runs again the last words are history, whatever else is wrong with it.
    if pod is None or pod.running or pod.ready or pod.deleting or pod.restarts == 0:
        return None
    if any(text in pod.last_words for text in EMPTY):
        return Disk.EMPTY
    if any(text in _FILE.sub("", pod.last_words) for text in UNUSABLE):
        return Disk.UNUSABLE
    return None


def replace_lost_members(snapshot: Snapshot) -> Decision | None:
    """Take the next step for the first member whose data is lost, if it can be done without."""
    seat = _choose(snapshot)
    disk = judge_disk(seat) if seat else None
    if seat is None or disk is None:
        return None
    name = snapshot.naming.member(seat.ordinal)
    return Decision(
        reason=routine.REPLACING_MEMBER,
        message=f"Member {name} {disk.value}: replacing it.",
        phase=Phase.SCALING,
        actions=announce_again(snapshot, seat)
        if disk is Disk.EMPTY
        else replace_with_disk(snapshot, seat, f"its member {disk.value}"),
        wake_after=PRESENTLY,
    )


def _choose(snapshot: Snapshot) -> Seat | None:
    """The member to replace; none while another one is still on its way in."""
    cluster_id = snapshot.live_cluster_id
    silent = [s for s in snapshot.seats() if s.member and not s.serves(cluster_id)]
    joining = [s for s in silent if s.member and s.member.is_learner]
    for seat in joining or silent:
        if seat.member is None or seat.ordinal >= snapshot.cluster.spec.size:
            continue
        disk = judge_disk(seat)
        waits = disk is Disk.EMPTY and not seat.member.started  # it only has to be started again
        fits = disk is Disk.EMPTY or can_renew_disk(snapshot, seat)
        if disk and fits and not waits and _can_do_without(snapshot, seat):
            return seat
    return None


def _can_do_without(snapshot: Snapshot, seat: Seat) -> bool:
    member = seat.member
    if member is None or member.is_learner:
        return member is not None
    sound = serving_ids(snapshot) - doubtful_ids(snapshot)
    return keeps_quorum_without(voter_ids(snapshot), sound, member.id)


def announce_again(snapshot: Snapshot, seat: Seat) -> tuple[Action, ...]:
    """Out of the cluster, and in again as a learner with a new member ID, on the same disk."""
    return (*_remove(snapshot, seat), _announce(snapshot, seat))


def replace_with_disk(snapshot: Snapshot, seat: Seat, why: str) -> tuple[Action, ...]:
    """Out of the cluster, and in again as a learner with a new member ID, on a new disk."""
    return (*_remove(snapshot, seat), *announce_with_disk(snapshot, seat, why))


def announce_with_disk(snapshot: Snapshot, seat: Seat, why: str) -> tuple[Action, ...]:
    """Announce a member where there is none, on a disk that no other had.

    The Pod that holds the old disk goes last, and only as it was looked at: one that has changed
    may be the new member's by now, announced by another operator or by an earlier pass.
    """
    actions: list[Action] = []
    claim, pod = seat.claim, seat.pod
    if claim and not claim.deleting:
        actions.append(DeleteObject("PersistentVolumeClaim", claim.name, claim.uid, why))
    actions.append(_announce(snapshot, seat))
    if pod and not pod.deleting:
        actions.append(DeleteObject("Pod", pod.name, pod.uid, why, pod.resource_version))
    return tuple(actions)


def _remove(snapshot: Snapshot, seat: Seat) -> tuple[Action, ...]:
    if seat.member is None:
        return ()
    return (RemoveMember(seat.ordinal, seat.member.id, snapshot.live_cluster_id),)


def _announce(snapshot: Snapshot, seat: Seat) -> AddLearner:
    peer_url = snapshot.naming.peer_url(seat.ordinal)
    return AddLearner(seat.ordinal, peer_url, snapshot.live_cluster_id)

"""Replace members that lost their data: out of the cluster first, then in again as a learner.

A member is never replaced for being silent: that it lost its data has to be said by the member
itself, in the last words of its process, or by Kubernetes about its disk. One at a time, and only
while a majority serves without it, so that what was acknowledged is with members that stay.

The new member has a new member ID, which opens the gate for it; it joins as every new member does.
An empty disk it can use. Any other is deleted with its Pod (corrupt, lost, left from a removed
member), and the StatefulSet makes new ones. So is that of a learner which is known to have started:
what the kubelet says of its process may be from before that, and its disk need not be empty now.

The order makes that safe to be cut off anywhere, and to go on late: a member is removed from etcd,
its claim deleted, the next member announced, the old Pod deleted. So nobody is announced on a claim
that a pass may yet delete: who finds neither member nor announcement deletes the claim first.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.consistency.divergence import suspect_ids
from etcd_operator.core.membership.disks import Disk, classify_disk
from etcd_operator.core.membership.foreign_claims import can_renew_disk
from etcd_operator.core.membership.steps import re_add_as_learner, re_add_with_new_disk
from etcd_operator.core.model.decision import POD_START, Decision
from etcd_operator.core.model.quorum import keeps_quorum_without, serving_ids, voter_ids
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.reasons import routine


def replace_lost_members(snapshot: Snapshot) -> Decision | None:
    """Take the next step for the first member whose data is lost, if it can be done without."""
    seat = _choose(snapshot)
    disk = classify_disk(seat) if seat else None
    if seat is None or disk is None:
        return None
    name = snapshot.naming.member(seat.ordinal)
    return Decision(
        reason=routine.REPLACING_MEMBER,
        message=f"Member {name} {_explain(seat, disk)}: replacing it.",
        phase=Phase.SCALING,
        actions=re_add_as_learner(snapshot, seat)
        if _keeps_disk(snapshot, seat, disk)
        else re_add_with_new_disk(snapshot, seat, f"its member {disk.value}"),
        requeue_after=POD_START,
    )


def _explain(seat: Seat, disk: Disk) -> str:
    never = seat.member is not None and not seat.member.started and not seat.member.is_learner
    return "was too late to form the cluster" if never and disk is Disk.EMPTY else disk.value


def _choose(snapshot: Snapshot) -> Seat | None:
    """The member to replace; none while another one is still on its way in.

    A learner that was announced and has not started needs no other place in etcd: it only has to
    be started again, or its lost disk to go.
    """
    cluster_id = snapshot.live_cluster_id
    silent = [s for s in snapshot.seats() if s.member and not s.serves(cluster_id)]
    joining = [s for s in silent if s.member and s.member.is_learner]
    for seat in joining or silent:
        if seat.member is None or seat.ordinal >= snapshot.spec.size:
            continue
        disk = classify_disk(seat)
        announced = seat.member.is_learner and not seat.member.started
        waits = announced and (disk is Disk.EMPTY or _is_on_its_way_out(seat))
        fits = disk is Disk.EMPTY or can_renew_disk(snapshot, seat)
        if disk and fits and not waits and _can_do_without(snapshot, seat):
            return seat
    return None


def _is_on_its_way_out(seat: Seat) -> bool:
    """Whether a lost disk goes without another step: its claim when its Pod does, and that ends."""
    lost = [claim for claim in seat.claims if claim.lost]
    ends = seat.pod is None or seat.pod.deleting
    return ends and bool(lost) and all(claim.deleting for claim in lost)


def _keeps_disk(snapshot: Snapshot, seat: Seat, disk: Disk) -> bool:
    learner = seat.member is not None and seat.member.is_learner
    return disk is Disk.EMPTY and not (learner and can_renew_disk(snapshot, seat))


def _can_do_without(snapshot: Snapshot, seat: Seat) -> bool:
    member = seat.member
    if member is None or member.is_learner:
        return member is not None
    sound = serving_ids(snapshot) - suspect_ids(snapshot)
    return keeps_quorum_without(voter_ids(snapshot), sound, member.id)

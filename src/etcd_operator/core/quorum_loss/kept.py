"""Which member is kept when a majority is given up, and what speaks against it: a list of checks.

A member that started without a majority serves nobody, but says what is on its disk. Who may still
come to say so is waited for, as long as `spec.recovery.memberReplacementDelay`, whatever keeps it
away: what others acknowledged later may be missing afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from etcd_operator.core.membership.disks import classify_disk
from etcd_operator.core.model.decision import OUTSIDE_CHANGE, POD_START
from etcd_operator.core.model.members import RaftProgress
from etcd_operator.core.model.quorum import has_quorum, voter_ids
from etcd_operator.core.model.snapshot import Seat, Snapshot
from etcd_operator.core.quorum_loss.approval import lost_since
from etcd_operator.core.quorum_loss.record import find_raft_progress, is_for


class Refusal(NamedTuple):
    """Why an approval is not carried out, and how soon that may change, in seconds."""

    why: str
    requeue_after: float


def find_refusal(snapshot: Snapshot, request: str) -> Refusal | None:
    """Return what speaks against an approval, by the first check that has an objection."""
    for check, requeue_after in _CHECKS:
        if why := check(snapshot, request):
            return Refusal(why, requeue_after)
    return None


def _names_another_cluster(snapshot: Snapshot, request: str) -> str:
    if is_for(request, snapshot):
        return ""
    return "it names another etcd cluster than status.clusterID"


def _may_hear_more(snapshot: Snapshot, _: str) -> str:
    return _wait_for_word(snapshot, find_untold(snapshot))


def _has_nobody_to_keep(snapshot: Snapshot, _: str) -> str:
    return "" if choose_kept(snapshot) else "no member runs that could be kept"


def _has_less_than_accepted(snapshot: Snapshot, request: str) -> str:
    kept = choose_kept(snapshot)
    if kept is None or kept[1].revision >= int(request.partition("/")[2]):
        return ""
    seat, progress = kept
    name = snapshot.naming.member(seat.ordinal)
    return (
        f"{name} is the most advanced member that runs, and has revision "
        f"{progress.revision}; bring a better one back, or accept that revision"
    )


_CHECKS: Final[tuple[tuple[Callable[[Snapshot, str], str], float], ...]] = (
    (_names_another_cluster, OUTSIDE_CHANGE),
    (_may_hear_more, POD_START),
    (_has_nobody_to_keep, OUTSIDE_CHANGE),
    (_has_less_than_accepted, OUTSIDE_CHANGE),
)


def choose_kept(snapshot: Snapshot) -> tuple[Seat, RaftProgress] | None:
    """The voter that has committed the most, of those that say what they have."""
    able = [
        (seat, progress)
        for seat in snapshot.seats()
        if (progress := find_raft_progress(seat.probe, snapshot))
        and not progress.is_learner
        and _may_stay(snapshot, seat)
    ]
    return max(able, key=lambda pair: _advance(*pair), default=None)


def find_untold(snapshot: Snapshot) -> list[Seat]:
    """Those that have a disk and have not said what is on it."""
    return [
        seat
        for seat in snapshot.seats()
        if seat.claims
        and not any(claim.deleting for claim in seat.claims)
        and not (seat.member and seat.member.is_learner)
        and classify_disk(seat) is None
        and find_raft_progress(seat.probe, snapshot) is None
    ]


def _wait_for_word(snapshot: Snapshot, untold: list[Seat]) -> str:
    """Why to wait for what others have to say: they seem to serve, or may come up; else empty."""
    ready = [seat for seat in untold if seat.pod and seat.pod.ready and not seat.pod.deleting]
    if ready:
        return (
            f"{name_members(snapshot, ready)} does not answer but is Ready, so a majority may "
            "serve clients where the operator does not reach it"
        )
    delay = snapshot.spec.recovery.member_replacement_delay.length
    until = {seat.ordinal: _away_since(seat, snapshot) + delay for seat in untold}
    late = [s for s in untold if _has_data(s) and until[s.ordinal] > snapshot.now]
    if not late:
        return ""
    moment = max(until[seat.ordinal] for seat in late).strftime("%H:%M:%SZ")
    return f"{name_members(snapshot, late)} may still say what is on the disk, until {moment}"


def _away_since(seat: Seat, snapshot: Snapshot) -> datetime:
    """Since when a member has not come to say what it has; at the latest since the loss."""
    pod = seat.pod
    since = pod.unready_since or pod.created if pod and not pod.deleting else None
    return since or lost_since(snapshot) or snapshot.now


def _has_data(seat: Seat) -> bool:
    """Whether there may be something on the disk: a claim without a volume has nothing."""
    used = bool(seat.pod and seat.pod.ever_ran)
    return any(not claim.lost and (claim.bound or used) for claim in seat.claims)


def _may_stay(snapshot: Snapshot, seat: Seat) -> bool:
    """Whether nobody is about to take a disk or the Pod away."""
    pod = seat.pod
    return has_every_disk(snapshot, seat) and pod is not None and not pod.deleting


def has_every_disk(snapshot: Snapshot, seat: Seat) -> bool:
    """Whether each disk of a member is there, and nobody takes it away."""
    whole = seat.claim and (seat.wal or snapshot.spec.storage.wal is None)
    return bool(whole) and not any(claim.deleting for claim in seat.claims)


def _advance(seat: Seat, progress: RaftProgress) -> tuple[int, int, int]:
    """Order of members by what they know to be committed; ties go to the lowest ordinal."""
    return progress.index, progress.revision, -seat.ordinal


def has_majority(snapshot: Snapshot) -> bool:
    """Whether a majority runs, if only to elect a leader: then nothing is given up."""
    if snapshot.quorum_confirmed:
        return True
    told = [find_raft_progress(probe, snapshot) for probe in snapshot.probes.values()]
    running = {progress.member_id for progress in told if progress and not progress.is_learner}
    voters = voter_ids(snapshot)
    if voters:
        return has_quorum(voters, running)
    # Nobody is left who would tell the list.
    return len(running) * 2 > max(len(snapshot.seats()), snapshot.spec.size)


def name_members(snapshot: Snapshot, seats: list[Seat]) -> str:
    """The names of the members of these seats."""
    return ", ".join(snapshot.naming.member(seat.ordinal) for seat in seats)

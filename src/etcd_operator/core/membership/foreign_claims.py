"""Claims with the names of members' disks that do not have this cluster's labels.

A StatefulSet takes whatever has the name. What is not ours, or was and lost its labels, is deleted
by nobody: so no member is announced where such a claim is, and none whose disk would have to go is
replaced. Those without any label of a cluster are in no cache: they are looked up where a decision
depends on them, and until then nobody knows.
"""

from __future__ import annotations

from etcd_operator.core.consistency.divergence import corrupt_ids
from etcd_operator.core.model.naming import LABEL_CLUSTER, LABEL_CLUSTER_UID, Naming
from etcd_operator.core.model.snapshot import Seat, Snapshot


def foreign_claim(snapshot: Snapshot, ordinal: int) -> str:
    """The claim with the name of a member's disk that was not made for it; empty if there is none.

    Nobody would delete it when its member leaves, and the next one would meet the data of a removed
    member.
    """
    foreign = {
        claim.name
        for claim in snapshot.seat(ordinal).claims
        if claim.owner_uid != snapshot.naming.uid and not claim.deleting
    }
    foreign |= set(snapshot.unlabelled_claims or ())
    names = (snapshot.naming.claim(ordinal, wal=wal) for wal in (False, True))
    return next((name for name in names if name in foreign), "")


def can_renew_disk(snapshot: Snapshot, seat: Seat) -> bool:
    """Whether a member can get other disks: those that it has are ours to delete, or none are."""
    unknown = _misses_disk(snapshot, seat) and snapshot.unlabelled_claims is None
    return not unknown and not foreign_claim(snapshot, seat.ordinal)


def _misses_disk(snapshot: Snapshot, seat: Seat) -> bool:
    """Whether no cache shows a disk that the member is to have."""
    return seat.claim is None or (snapshot.spec.storage.wal is not None and seat.wal is None)


def may_lose_unseen_disk(snapshot: Snapshot) -> bool:
    """Whether a member that may have to be replaced has a disk that no cache shows."""
    if not snapshot.quorum_confirmed:
        return False
    wrong = corrupt_ids(snapshot)
    return any(
        seat.member
        and _misses_disk(snapshot, seat)
        and (seat.member.id in wrong or _is_in_trouble(seat))
        for seat in snapshot.seats()
    )


def _is_in_trouble(seat: Seat) -> bool:
    pod = seat.pod
    return pod is None or not pod.ready or pod.deleting or pod.replace_asked


def explain_labels(naming: Naming, claim: str) -> str:
    """Return what a person can do about a claim that has lost its labels."""
    return (
        f"PersistentVolumeClaim {claim} does not have the labels of this cluster, so its disk is "
        f"not deleted. If it may be: `kubectl label pvc {claim} {LABEL_CLUSTER}={naming.name} "
        f"{LABEL_CLUSTER_UID}={naming.uid}`."
    )

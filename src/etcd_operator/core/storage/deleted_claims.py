"""Claims that are being deleted under running Pods: each goes, with its data, when its Pod ends."""

from __future__ import annotations

from collections.abc import Iterable

from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.snapshot import Seat, Snapshot


def loses_disk(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether the data of a Pod goes with it: Kubernetes keeps its claim only while it is used."""
    return pod.ever_ran and any(claim.deleting for claim in snapshot.seat(pod.ordinal).claims)


def name_going(seats: Iterable[Seat]) -> str:
    """The names of the claims of these seats that are being deleted."""
    return ", ".join(claim.name for seat in seats for claim in seat.claims if claim.deleting)


def find_going(snapshot: Snapshot) -> tuple[Seat, ...]:
    """The members whose disks go with the next restart of their Pods."""
    if snapshot.cluster.deleting:
        return ()
    return tuple(
        seat
        for seat in snapshot.seats()
        if seat.pod
        and not seat.pod.deleting
        and loses_disk(snapshot, seat.pod)
        and (seat.member is not None or not snapshot.quorum_confirmed)
    )


def would_lose_data(snapshot: Snapshot) -> bool:
    """Whether to stop all members would lose what a restore in place is to keep until it serves."""
    in_pods = any(pod.ephemeral for pod in snapshot.pods)
    return in_pods or (snapshot.replicas != 0 and bool(find_going(snapshot)))


def explain_going(snapshot: Snapshot) -> str:
    """Return which claims are being deleted, what that means and what becomes of it."""
    going = find_going(snapshot)
    if not going:
        return ""
    claims = name_going(going)
    pods = ", ".join(snapshot.naming.member(seat.ordinal) for seat in going)
    what = f"PersistentVolumeClaim {claims} is being deleted: its data goes when Pod {pods} ends."
    if snapshot.spec.size <= 1:
        return (
            f"{what} Keep the Pod running, and set spec.size to 3: then others have the data, and "
            "the member gets a new disk. Then set it back."
        )
    return f"{what} Its member is replaced by one with a new disk, one at a time."

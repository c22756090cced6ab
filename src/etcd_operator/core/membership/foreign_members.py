"""Sentences about members of etcd that are not the operator's, as far as it knows.

To remove one is for a person. So nobody is told to remove a voter of the cluster whose Pod is away
while the record of members says less than there is: who has served at a member's address, and has
its disk, may be one. A voter of the cluster whose peer URL a client of etcd has changed is known by
the answer from its own Pod, or else by its name in etcd: it needs its URL again.
"""

from __future__ import annotations

from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.members import Member, format_id
from etcd_operator.core.model.naming import ANNOTATION_MEMBERS
from etcd_operator.core.model.ownership import NAMED, show_urls
from etcd_operator.core.model.snapshot import Seat, Snapshot


def explain_foreign(snapshot: Snapshot) -> str:
    """Return the sentence about members that are not on record: who, and the remedy."""
    foreign, naming = snapshot.ownership.foreign, snapshot.naming
    for member in foreign:
        ordinal = find_moved(snapshot, member)
        if ordinal is not None:
            return (
                f"Member {format_id(member.id)} is {naming.member(ordinal)} of this cluster, but a "
                f"client of etcd has changed its peer URL to {show_urls(member)}. Put it back with "
                f"`etcdctl member update {format_id(member.id)} "
                f"--peer-urls={naming.peer_url(ordinal)}`, and do not remove the member."
            )
        disk = _find_disk(snapshot, member)
        if disk:
            return (
                f"etcd has a member that is not on record: {_name((member,))}. "
                f"PersistentVolumeClaim {disk.name} says that it may be this cluster's, and the "
                f"annotation {ANNOTATION_MEMBERS} of ConfigMap {naming.config_map} edited: then "
                "bring its Pod back, or put the annotation back. Remove it with "
                "`etcdctl member remove` only if a client of etcd has added it."
            )
    return (
        f"etcd has a member that this cluster did not add: {_name(foreign)}. Remove it "
        "with `etcdctl member remove`."
    )


def find_moved(snapshot: Snapshot, member: Member) -> int | None:
    """The ordinal of a member of ours whose peer URL is another's now; None if it is none.

    Any member may call itself by the name of one of ours: without an answer, it counts only if it
    has served and a disk waits for a member that etcd lists under no other ID.
    """
    for seat in snapshot.seats():
        if seat.member is not None or snapshot.naming.gives_urls(seat.ordinal, member.peer_urls):
            continue
        if _answers(snapshot, seat, member):
            return seat.ordinal
        ours = seat.claim and seat.claim.bound and seat.claim.owner_uid == snapshot.naming.uid
        silent = seat.probe is None or seat.probe.status is None
        named = member.started and member.name == snapshot.naming.member(seat.ordinal)
        if ours and silent and named:
            return seat.ordinal
    return None


def _answers(snapshot: Snapshot, seat: Seat, member: Member) -> bool:
    """Whether the member answers from the Pod of this seat, as one of this cluster."""
    status = seat.probe.status if seat.probe else None
    return (
        seat.pod is not None
        and seat.pod.owner_uid == snapshot.naming.uid
        and status is not None
        and status.member_id == member.id
        and status.cluster_id == snapshot.live_cluster_id
    )


def _find_disk(snapshot: Snapshot, member: Member) -> Claim | None:
    """The disk that a member has which has served at exactly the address of one of ours."""
    naming = snapshot.naming
    for claim in snapshot.data_claims if member.started else ():
        ours = claim.bound and claim.owner_uid == naming.uid
        if ours and naming.gives_urls(claim.ordinal, member.peer_urls):
            return claim
    return None


def _name(foreign: tuple[Member, ...]) -> str:
    names = [f"{format_id(member.id)} at {show_urls(member)}" for member in foreign[:NAMED]]
    rest = f" and {len(foreign) - NAMED} more" if len(foreign) > NAMED else ""
    return f"{', '.join(names)}{rest}"

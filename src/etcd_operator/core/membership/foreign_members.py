"""Sentences about members of etcd that are not the operator's, as far as it knows.

To remove one is for a person. So nobody is told to remove a voter of the cluster whose Pod is away
while the record of members says less than there is: who has served at a member's address, and has
its disk, may be one.
"""

from __future__ import annotations

from etcd_operator.core.model.live_objects import Claim
from etcd_operator.core.model.members import Member, format_id
from etcd_operator.core.model.naming import ANNOTATION_MEMBERS
from etcd_operator.core.model.ownership import NAMED, show_urls
from etcd_operator.core.model.snapshot import Snapshot


def explain_foreign(snapshot: Snapshot) -> str:
    """Return the sentence about members that are not on record: who, and the remedy."""
    foreign, naming = snapshot.ownership.foreign, snapshot.naming
    for member in foreign:
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


def _find_disk(snapshot: Snapshot, member: Member) -> Claim | None:
    """The disk that a member has which has served at exactly the address of one of ours."""
    naming = snapshot.naming
    for claim in snapshot.claims if member.started else ():
        ours = claim.bound and claim.owner_uid == naming.uid
        if ours and member.peer_urls == (naming.peer_url(claim.ordinal),):
            return claim
    return None


def _name(foreign: tuple[Member, ...]) -> str:
    names = [f"{format_id(member.id)} at {show_urls(member)}" for member in foreign[:NAMED]]
    rest = f" and {len(foreign) - NAMED} more" if len(foreign) > NAMED else ""
    return f"{', '.join(names)}{rest}"

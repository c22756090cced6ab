"""What etcd says about itself: its member list and each member's own status.

Field meanings follow etcd's `rpc.proto` (Member, StatusResponse); identifiers are unsigned
64-bit integers and are shown to users in lower-case hexadecimal, as etcdctl prints them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """One line of the member list.

    A member publishes its name and client URLs when it first serves. A member of a static
    bootstrap has its name in the list from the beginning, so only `client_urls` tells whether it
    ever started.
    """

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...] = ()
    is_learner: bool = False

    @property
    def started(self) -> bool:
        """Whether the member has ever served in this cluster."""
        return bool(self.client_urls)


@dataclass(frozen=True, slots=True)
class MemberList:
    """The membership as one member answered it.

    `linearizable` says whether the answer was confirmed by a quorum; otherwise it is the
    answering member's own, possibly old, view.
    """

    cluster_id: int
    members: tuple[Member, ...]
    linearizable: bool


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """A member's answer to Maintenance.Status. Sizes in bytes; `leader` is 0 when it knows none."""

    member_id: int
    cluster_id: int
    version: str
    db_size: int
    db_size_in_use: int
    leader: int
    revision: int
    raft_term: int
    raft_index: int
    raft_applied_index: int
    is_learner: bool
    errors: tuple[str, ...] = ()


def format_id(identifier: int) -> str:
    """Format a member or cluster ID the way etcdctl does, e.g. `8e9e05c52164694d`."""
    return f"{identifier:x}"

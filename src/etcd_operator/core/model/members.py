"""Member list of etcd, and each member's own status.

Field meanings follow etcd's `rpc.proto` (Member, StatusResponse); identifiers are unsigned
64-bit integers and are shown to users in lower-case hexadecimal, as etcdctl prints them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

# How etcd lists an active alarm among the errors of a status: Go's text form of an AlarmMember.
_ALARM: Final = re.compile("(?:memberID:([0-9]{1,20}) )?alarm:([A-Z]{1,32})")

NO_SPACE: Final = "NOSPACE"
CORRUPT: Final = "CORRUPT"


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
    """A member's answer to Maintenance.Status. Sizes in bytes; `leader` is 0 when it knows none.

    `db_size_quota` is the largest size before writes are refused; 0 before 3.6, which does not say.
    `storage_version` is the version that can read its disk, such as 3.5.0, and `downgrade_target`
    the version that the cluster is being downgraded to; empty before 3.6 and while there is none.
    """

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
    db_size_quota: int = 0
    storage_version: str = ""
    downgrade_target: str = ""

    @property
    def alarms(self) -> frozenset[tuple[str, int]]:
        """The active alarms of the cluster: NOSPACE or CORRUPT, and the member ID each is about.

        Every member lists all of them. ID 0: etcd does not know which member it is.
        """
        found = (_ALARM.match(error) for error in self.errors)
        told = ((match[2], int(match[1] or 0)) for match in found if match)
        return frozenset((alarm, member) for alarm, member in told if member < 2**64)


@dataclass(frozen=True, slots=True)
class RaftProgress:
    """How far the data of a member reaches; also of one that runs and waits for a quorum to serve.

    `index` is the last entry of the log that the member knows to be committed. Of two members of a
    cluster, who has the higher one has all that the other has.
    """

    member_id: int
    revision: int
    index: int
    is_learner: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Hashes of the keys of each member, by member ID: up to one revision, at `at`.

    Only taken where all members had removed the same history: else the hashes may differ.
    """

    at: datetime
    revision: int
    hashes: Mapping[int, int] = field(hash=False)


def format_id(identifier: int) -> str:
    """Format a member or cluster ID the way etcdctl does, e.g. `8e9e05c52164694d`."""
    return f"{identifier:x}"

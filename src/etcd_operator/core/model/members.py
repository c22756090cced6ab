"""Member list of etcd, and each member's own status.

Field meanings follow etcd's `rpc.proto` (Member, StatusResponse); identifiers are unsigned
64-bit integers and are shown to users in lower-case hexadecimal, as etcdctl prints them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from etcd_operator.api.release import Minor, Release, Version

# How etcd lists an active alarm among the errors of a status: Go's text form of an AlarmMember.
_ALARM: Final = re.compile("(?:memberID:([0-9]{1,20}) )?alarm:([A-Z]{1,32})")

# The host of a URL. Longer than a DNS name none can be.
_LONGEST_URL: Final = 300
_HOST: Final = re.compile(r"[a-z]+://(?:[^/@]*@)?([^/:@]{1,253})(?::[0-9]*)?(?:/.*)?")

# There are few at a time, and every answer of a member has three.
_REMEMBERED_VERSIONS: Final = 256

NO_SPACE: Final = "NOSPACE"
CORRUPT: Final = "CORRUPT"


@dataclass(frozen=True, slots=True)
class Member:
    """One line of the member list.

    A member publishes its name and client URLs when it first serves. A member of a static
    bootstrap has its name in the list from the beginning, so only `client_urls` tells whether it
    ever started. `peer_hosts` are the hosts of its peer URLs, in lower case; empty where an URL has
    none that could be a DNS name.
    """

    id: int
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...] = ()
    is_learner: bool = False
    peer_hosts: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Parse the URLs, once."""
        object.__setattr__(self, "peer_hosts", tuple(map(read_host, self.peer_urls)))

    @property
    def started(self) -> bool:
        """Whether the member has ever published that it serves; it may have voted before that."""
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
    `release`, `minor`, `storage_minor` and `downgrade_minor` are these versions as numbers: None or
    (0, 0) where a text is no version.
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
    release: Release | None = field(init=False, compare=False, repr=False)
    minor: Minor = field(init=False, compare=False, repr=False)
    storage_minor: Minor = field(init=False, compare=False, repr=False)
    downgrade_minor: Minor = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Parse the versions, once."""
        version = _read_version(self.version)
        object.__setattr__(self, "release", version.release)
        object.__setattr__(self, "minor", version.minor)
        object.__setattr__(self, "storage_minor", _read_version(self.storage_version).minor)
        object.__setattr__(self, "downgrade_minor", _read_version(self.downgrade_target).minor)

    @property
    def alarms(self) -> frozenset[tuple[str, int]]:
        """The active alarms of the cluster: NOSPACE or CORRUPT, and the member ID each is about.

        Every member lists all of them. ID 0: etcd does not know which member it is.
        """
        found = (_ALARM.match(error) for error in self.errors)
        told = ((match[2], int(match[1] or 0)) for match in found if match)
        return frozenset((alarm, member) for alarm, member in told if member < 2**64)


@lru_cache(maxsize=_REMEMBERED_VERSIONS)
def _read_version(text: str) -> Version:
    return Version(text)


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


def read_host(url: str) -> str:
    """The host of a URL, in lower case; empty if it has none that could be a DNS name."""
    found = _HOST.fullmatch(url.lower()) if len(url) <= _LONGEST_URL else None
    return found[1] if found else ""


def format_id(identifier: int) -> str:
    """Format a member or cluster ID the way etcdctl does, e.g. `8e9e05c52164694d`."""
    return f"{identifier:x}"

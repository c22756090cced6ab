"""Answers of members as values of the core: texts and lists are cut to what etcd's may be.

A client of etcd can add members with names and URLs of megabytes, and whoever owns the image can
answer anything. What is cut here matches nothing of ours, and fits into a status.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from etcd_operator.core.model.members import Member, MemberList, MemberStatus
from etcd_operator.errors import EtcdUnreachable

# A cluster of ours has at most 9 members and as many that join; a member has one URL of each kind.
MOST_MEMBERS: Final = 100
MOST_URLS: Final = 8
# Above the longest URL that the operator gives: two DNS names and a scheme.
LONGEST_TEXT: Final = 512
# As in the CRD.
LONGEST_VERSION: Final = 32
# Alarms and what else a status complains about; each member can have raised two.
MOST_ERRORS: Final = 2 * MOST_MEMBERS


def read_member_list(answer: Any, *, linearizable: bool) -> MemberList:
    """Read the answer to MemberList. Raises EtcdUnreachable for one that no etcd of ours gives."""
    if len(answer.members) > MOST_MEMBERS:
        said = f"a list of {len(answer.members)} members is more than the operator can look after"
        raise EtcdUnreachable(f"{said}: remove those that were added by hand")
    members = tuple(read_member(member) for member in answer.members)
    if len({member.id for member in members}) < len(members):
        raise EtcdUnreachable("a list with two members of one ID is no cluster's")
    return MemberList(answer.header.cluster_id, members, linearizable)


def read_member(member: Any) -> Member:
    """Read one line of a member list."""
    return Member(
        id=member.ID,
        name=member.name[:LONGEST_TEXT],
        peer_urls=_read_texts(member.peerURLs, MOST_URLS),
        client_urls=_read_texts(member.clientURLs, MOST_URLS),
        is_learner=member.isLearner,
    )


def read_status(answer: Any) -> MemberStatus:
    """Read the answer to Status."""
    downgrade = answer.downgradeInfo
    return MemberStatus(
        member_id=answer.header.member_id,
        cluster_id=answer.header.cluster_id,
        version=sys.intern(answer.version[:LONGEST_VERSION]),
        db_size=max(answer.dbSize, 0),
        db_size_in_use=max(answer.dbSizeInUse, 0),
        leader=answer.leader,
        revision=answer.header.revision,
        raft_term=answer.raftTerm,
        raft_index=answer.raftIndex,
        raft_applied_index=answer.raftAppliedIndex,
        is_learner=answer.isLearner,
        errors=_read_texts(answer.errors, MOST_ERRORS),
        db_size_quota=max(answer.dbSizeQuota, 0),
        storage_version=sys.intern(answer.storageVersion[:LONGEST_VERSION]),
        downgrade_target=downgrade.targetVersion[:LONGEST_VERSION] if downgrade.enabled else "",
    )


def _read_texts(texts: Any, most: int) -> tuple[str, ...]:
    return tuple(text[:LONGEST_TEXT] for text in texts[:most])

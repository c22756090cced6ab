"""The guard of what members agree about. It shares no judgement with `core.difference`."""

from __future__ import annotations

from collections import Counter

from etcd_operator.core.members import Member
from etcd_operator.core.snapshot import Snapshot


def refuse_lost_agreement(member_id: int, snapshot: Snapshot) -> str | None:
    """Of members that differ, those that agree stay the majority; else a person has to ask.

    They have to be it before, the member counted, and after. Who differs is as the last comparison
    has it, confirmed or not.
    """
    if not snapshot.compared or _is_asked(member_id, snapshot):
        return None
    hashes = snapshot.compared[-1].hashes
    voters = {member.id for member in snapshot.members if not member.is_learner}
    known = {voter: hashes[voter] for voter in voters if voter in hashes}
    if member_id not in voters or len(set(known.values())) < 2:
        return None
    left = Counter(value for voter, value in known.items() if voter != member_id)
    value, most = left.most_common(1)[0]
    if len(left) > 1 and most * 2 <= len(voters) - 1:
        return f"only {most} of {len(voters) - 1} voters would be left with the same data"
    had = most + (known.get(member_id) == value)
    if member_id in known and had * 2 <= len(voters):
        return f"only {had} of {len(voters)} voters have the same data"
    return None


def _is_asked(member_id: int, snapshot: Snapshot) -> bool:
    member = next((m for m in snapshot.members if m.id == member_id), None)
    return member is not None and any(
        pod.replace_asked for pod in snapshot.pods if _is_pod_of(pod.ordinal, member, snapshot)
    )


def _is_pod_of(ordinal: int, member: Member, snapshot: Snapshot) -> bool:
    return snapshot.naming.ordinal_of_peer(member.peer_urls) == ordinal

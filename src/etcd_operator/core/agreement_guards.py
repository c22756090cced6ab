"""The guard of what members agree about. It shares no judgement with `core.difference`."""

from __future__ import annotations

from collections import Counter

from etcd_operator.core.members import Member
from etcd_operator.core.snapshot import Snapshot


def refuse_lost_agreement(member_id: int, snapshot: Snapshot) -> str | None:
    """Of members that differ, those that agree stay the majority; else a person has to ask.

    Who differs is as the last comparison has it, confirmed or not.
    """
    if not snapshot.compared or _is_asked(member_id, snapshot):
        return None
    hashes = snapshot.compared[-1].hashes
    voters = {member.id for member in snapshot.members if not member.is_learner}
    if member_id not in voters:
        return None
    left = Counter(hashes[voter] for voter in voters - {member_id} if voter in hashes)
    if len(left) < 2:
        return _refuse_last_of_its_kind(hashes.get(member_id), len(voters), left)
    most = max(left.values())
    if most * 2 > len(voters) - 1:
        return None
    return f"only {most} of {len(voters) - 1} voters would be left with the same data"


def _refuse_last_of_its_kind(value: int | None, voters: int, left: Counter[int]) -> str | None:
    """Where all others agree they must have been the majority before, with the member counted."""
    if value is None or not left or value in left:
        return None
    agree = sum(left.values())
    if agree * 2 > voters:
        return None
    return f"only {agree} of {voters} voters have the same data"


def _is_asked(member_id: int, snapshot: Snapshot) -> bool:
    member = next((m for m in snapshot.members if m.id == member_id), None)
    return member is not None and any(
        pod.replace_asked for pod in snapshot.pods if _is_pod_of(pod.ordinal, member, snapshot)
    )


def _is_pod_of(ordinal: int, member: Member, snapshot: Snapshot) -> bool:
    return snapshot.naming.ordinal_of_peer(member.peer_urls) == ordinal

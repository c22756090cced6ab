"""The guard of what members agree about. It shares no judgement with `divergence`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from etcd_operator.core.consistency.record import read_differed
from etcd_operator.core.model.members import CORRUPT, Member, format_id
from etcd_operator.core.model.naming import ANNOTATION_DIFFERED
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.wording import counted, part_of


def refuse_lost_agreement(member_id: int, snapshot: Snapshot) -> str | None:
    """Of members that differ, those that agree stay the majority; else a person has to ask.

    They have to be it before, the member counted, and after. Who differs is as the last comparison
    has it, confirmed or not. Where one differs that came in place of another that did, nobody knows
    whether the majority is right.
    """
    voters = {member.id for member in snapshot.members if not member.is_learner}
    if member_id not in voters or _is_asked(member_id, snapshot):
        return None
    hashes = snapshot.compared[-1].hashes if snapshot.compared else {}
    known = {voter: hashes[voter] for voter in voters if voter in hashes}
    if again := _find_again(known, snapshot):
        return f"member {format_id(again)} differs, as the member did that it has replaced"
    if len(set(known.values())) < 2:
        return None
    left = Counter(value for voter, value in known.items() if voter != member_id)
    value, most = left.most_common(1)[0]
    if len(left) > 1 and most * 2 <= len(voters) - 1:
        return (
            f"only {most} of {counted(len(voters) - 1, 'voter')} would be left with the same data"
        )
    had = most + (known.get(member_id) == value)
    if member_id in known and had * 2 <= len(voters):
        return f"only {part_of(had, len(voters), 'voter', 'have')} the same data"
    return None


def _find_again(known: Mapping[int, int], snapshot: Snapshot) -> int | None:
    """A voter that differs from most, or by etcd's alarm, and came in place of one that did."""
    record = read_differed(snapshot.gate_annotations.get(ANNOTATION_DIFFERED, "")) or {}
    most = Counter(known.values()).most_common(1)
    differing = {voter for voter, value in known.items() if value != most[0][0]}
    differing |= {member for alarm, member in snapshot.alarms if alarm == CORRUPT}
    for member in snapshot.members:
        ordinal = snapshot.naming.ordinal_of_member(member)
        recorded = member.id if ordinal is None else record.get(ordinal, member.id)
        if member.id in differing and recorded != member.id:
            return member.id
    return None


def _is_asked(member_id: int, snapshot: Snapshot) -> bool:
    member = next((m for m in snapshot.members if m.id == member_id), None)
    return member is not None and any(
        pod.replace_asked for pod in snapshot.pods if _is_pod_of(pod.ordinal, member, snapshot)
    )


def _is_pod_of(ordinal: int, member: Member, snapshot: Snapshot) -> bool:
    return snapshot.naming.ordinal_of_member(member) == ordinal

"""Guard of the upkeep of members: compaction, defragmentation, alarms, downgrades."""

from __future__ import annotations

from typing import assert_never

from etcd_operator.core.actions import (
    Compact,
    Defragment,
    DisarmAlarm,
    MaintenanceAction,
    SetDowngrade,
)
from etcd_operator.core.guards.votes import answering, refuse_vote_loss
from etcd_operator.core.model.members import CORRUPT
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.rollout.guard import refuse_downgrade


def refuse_maintenance(action: MaintenanceAction, snapshot: Snapshot) -> str | None:
    """Whatever stops a member for a while, only while every voter answers; alarms by their own."""
    by_id = {member.id: member for member in snapshot.members}
    match action:
        case Compact(revision=revision):
            answers = [p.status for p in snapshot.probes.values() if p.status]
            newest = max((status.revision for status in answers), default=0)
            return (
                "the revision is above the newest one of the members" if revision > newest else None
            )
        case Defragment(member_id=member_id):
            voters = {m.id for m in by_id.values() if not m.is_learner}
            if voters - answering(snapshot):
                return "a voter does not answer"
            if any(probe.defragmenting for probe in snapshot.probes.values()):
                return "another member may still be defragmenting"
            if len(voters) == 1:
                return (
                    None
                    if member_id in by_id
                    else "etcd's member list does not have this member ID"
                )
            return refuse_vote_loss(by_id, member_id, snapshot, still_voting=True)
        case DisarmAlarm(alarm=alarm, member_id=member_id):
            corrupt = alarm == CORRUPT and (member_id in by_id or member_id == 0)
            return (
                "the member with the alarm CORRUPT is still in the member list" if corrupt else None
            )
        case SetDowngrade():
            return refuse_downgrade(action, snapshot)
    assert_never(action)

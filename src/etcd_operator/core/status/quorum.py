"""The condition QuorumHealthy: whether a majority of the voters answers, and who is away."""

from __future__ import annotations

from typing import Final

from etcd_operator.api.cluster import Phase
from etcd_operator.core.bootstrap.gate_record import recorded_members
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.quorum import (
    majority,
    serving_ids,
    silent_source_members,
    voter_ids,
    voters_not_serving,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reachability.unreachable import find_unreachable
from etcd_operator.core.reasons import attention, routine, verdicts
from etcd_operator.core.reasons.condition_types import QUORUM_HEALTHY
from etcd_operator.core.status.verdict import Verdict
from etcd_operator.core.takeover.steps import name_source_member
from etcd_operator.wording import agree, counted, part_of

TORN_DOWN: Final = "The members end, because the EtcdCluster is being deleted."


def is_torn_down(snapshot: Snapshot, decision: Decision) -> bool:
    """Whether the members end for good, so that nobody has to bring them back."""
    live = snapshot.statefulset
    return decision.phase is Phase.DELETING and (live is None or live.deleting)


def judge_quorum(snapshot: Snapshot, decision: Decision) -> Verdict:
    """QuorumHealthy: a majority of the voters answers and agrees; who is missing, if not."""
    if decision.phase is Phase.STOPPED:
        return Verdict(QUORUM_HEALTHY, "Unknown", routine.STOPPED, decision.message)
    if decision.phase is Phase.RESTORING and not snapshot.quorum_confirmed:
        return Verdict(QUORUM_HEALTHY, "Unknown", routine.RESTORING, decision.message)
    if is_torn_down(snapshot, decision):
        return Verdict(QUORUM_HEALTHY, "Unknown", routine.DELETING, TORN_DOWN)
    voters = voter_ids(snapshot)
    unheard = find_unreachable(snapshot)
    if unheard and unheard.asks_for_user:
        count = len(unheard.pods)
        ready = f"{counted(count, 'member')} {agree(count, 'are')} Ready, which takes a majority."
        return Verdict(QUORUM_HEALTHY, "True", verdicts.MAJORITY_READY, ready)
    if unheard:
        return Verdict(QUORUM_HEALTHY, "Unknown", attention.OPERATOR_CANNOT_REACH, unheard.message)
    if not snapshot.quorum_confirmed and snapshot.recorded_cluster_id is None:
        return Verdict(
            QUORUM_HEALTHY, "Unknown", verdicts.NOT_FORMED, "The cluster is not formed yet."
        )
    count = len(voters & serving_ids(snapshot))
    missing, leaderless = _find_away(snapshot)
    away = [f"{', '.join(missing)} did not answer"] if missing else []
    if snapshot.quorum_confirmed:
        tail = "".join(f"; {words}" for words in away)
        needed = majority(len(voters))
        answer = part_of(count, len(voters), "voter", "answer")
        message = f"{answer}, {needed} {agree(needed, 'are')} needed{tail}."
        return Verdict(QUORUM_HEALTHY, "True", verdicts.MAJORITY_ANSWERS, message)
    away += [f"{', '.join(leaderless)} answered without a leader"] if leaderless else []
    tail = ": " + ("; ".join(away) or "members answer, and none has confirmed a leader")
    return Verdict(
        QUORUM_HEALTHY, "False", verdicts.MAJORITY_LOST, f"The majority does not answer{tail}."
    )


def _find_away(snapshot: Snapshot) -> tuple[list[str], list[str]]:
    """Voters that did not answer, and those that answered that they see no leader, by name.

    Members that are taken over count as well. Without a member list all that were members when
    last seen are missing.
    """
    naming, record, source = snapshot.naming, snapshot.take_over, snapshot.source
    if not snapshot.membership:
        return [naming.member(ordinal) for ordinal in recorded_members(snapshot)], []
    missing: list[str] = []
    leaderless: list[str] = []
    for seat in voters_not_serving(snapshot):
        told = seat.probe.status if seat.probe else None
        runs = seat.member and told and (told.member_id, told.leader) == (seat.member.id, 0)
        (leaderless if runs else missing).append(naming.member(seat.ordinal))
    ordinals = {member: ordinal for ordinal, member in record.members.items()} if record else {}
    for old in silent_source_members(snapshot):
        runs = source is not None and source.answers(old.id)
        name = name_source_member(snapshot, ordinals.get(old.id, -1))
        (leaderless if runs else missing).append(name)
    return missing, leaderless

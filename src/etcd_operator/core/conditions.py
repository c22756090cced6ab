"""The conditions of a cluster, each judged by one pure function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from etcd_operator.api.cluster import Phase
from etcd_operator.core.decision import Decision
from etcd_operator.core.quorum import majority, serving_ids, voter_ids, voters_not_serving
from etcd_operator.core.snapshot import Snapshot

Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition without its times."""

    type: str
    status: Truth
    reason: str
    message: str


def judge(snapshot: Snapshot, decision: Decision) -> tuple[Verdict, ...]:
    """Return every condition, in the order in which people read them."""
    return tuple(judgement(snapshot, decision) for judgement in _JUDGEMENTS)


def _judge_available(snapshot: Snapshot, decision: Decision) -> Verdict:
    """Available: clients can read and write now."""
    if decision.phase is Phase.STOPPED:
        return Verdict("Available", "False", "Stopped", decision.message)
    ready = [
        seat
        for seat in snapshot.seats()
        if seat.member and not seat.member.is_learner and seat.pod and seat.pod.ready
    ]
    if snapshot.quorum_confirmed and ready:
        return Verdict(
            "Available", "True", "QuorumAvailable", f"{len(ready)} members serve clients."
        )
    reason = "NoQuorum" if not snapshot.quorum_confirmed else "NoReadyMember"
    return Verdict("Available", "False", reason, decision.message)


def _judge_ready(_: Snapshot, decision: Decision) -> Verdict:
    """Ready: the cluster is exactly as the spec wants it and every member is well."""
    running = decision.settled and decision.phase is Phase.RUNNING
    return Verdict("Ready", "True" if running else "False", decision.reason, decision.message)


def _judge_progressing(_: Snapshot, decision: Decision) -> Verdict:
    """Progressing: the operator is changing something, or waiting for a change to finish."""
    moving = not decision.settled and not decision.blocked and decision.reason != "Paused"
    if decision.reason in ("NoQuorum", "MembersNotReady"):
        moving = False
    return Verdict("Progressing", "True" if moving else "False", decision.reason, decision.message)


def _judge_degraded(snapshot: Snapshot, decision: Decision) -> Verdict:
    """Degraded: something is wrong that the user should know, and what."""
    troubles = [
        f"{pod.name}: {pod.trouble.reason}: {pod.trouble.message}"[:400]
        for pod in snapshot.pods
        if pod.trouble and not pod.deleting
    ]
    if troubles:
        first = next(pod.trouble for pod in snapshot.pods if pod.trouble and not pod.deleting)
        return Verdict("Degraded", "True", first.reason, " ".join(troubles)[:2000])
    if decision.blocked or decision.reason in ("NoQuorum", "MemberAway", "MembersNotReady"):
        return Verdict("Degraded", "True", decision.reason, decision.message)
    away = voters_not_serving(snapshot) if snapshot.quorum_confirmed else ()
    away = tuple(seat for seat in away if seat.member and seat.member.started)
    if away:
        names = ", ".join(snapshot.naming.member(seat.ordinal) for seat in away)
        return Verdict("Degraded", "True", "MembersAway", f"{names} did not answer.")
    return Verdict("Degraded", "False", "AsExpected", "Nothing is wrong.")


def _judge_quorum(snapshot: Snapshot, decision: Decision) -> Verdict:
    """QuorumHealthy: a majority of the voters answers and agrees; who is missing, if not."""
    if decision.phase is Phase.STOPPED:
        return Verdict("QuorumHealthy", "Unknown", "Stopped", decision.message)
    voters = voter_ids(snapshot)
    if not snapshot.quorum_confirmed and snapshot.recorded_cluster_id is None:
        return Verdict("QuorumHealthy", "Unknown", "NotFormed", "The cluster is not formed yet.")
    missing = ", ".join(
        snapshot.naming.member(seat.ordinal) for seat in voters_not_serving(snapshot)
    )
    count = len(voters & serving_ids(snapshot))
    if snapshot.quorum_confirmed:
        tail = f"; {missing} did not answer" if missing else ""
        needed = majority(len(voters))
        message = f"{count} of {len(voters)} voters answer, {needed} are needed{tail}."
        return Verdict("QuorumHealthy", "True", "MajorityAnswers", message)
    tail = f": {missing} did not answer" if missing else ""
    return Verdict("QuorumHealthy", "False", "MajorityLost", f"The majority does not answer{tail}.")


def _judge_paused(snapshot: Snapshot, _: Decision) -> Verdict:
    """Paused: the user asked for no changes."""
    if snapshot.cluster.spec.paused:
        return Verdict("Paused", "True", "PausedByUser", "Nothing is changed: spec.paused is true.")
    return Verdict("Paused", "False", "NotPaused", "The operator takes care of the cluster.")


_JUDGEMENTS: Final[tuple[Callable[[Snapshot, Decision], Verdict], ...]] = (
    _judge_available,
    _judge_ready,
    _judge_progressing,
    _judge_degraded,
    _judge_quorum,
    _judge_paused,
)

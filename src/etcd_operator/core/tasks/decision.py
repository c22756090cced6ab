"""Decision about an EtcdBackup or an EtcdRestore: actions, status, Events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, Literal, TypeVar

from pydantic import BaseModel

from etcd_operator.api.cluster import Condition
from etcd_operator.core.reasons import backups, condition_types, tasks
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.status.verdict import Verdict, date_verdicts
from etcd_operator.core.tasks.actions import TaskAction

FIRST_RETRY: Final = timedelta(seconds=10)
MOST_CONDITIONS: Final = 8
LONGEST_RETRY: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """An event: what happened, in a word and a sentence."""

    kind: Literal["Normal", "Warning"]
    reason: Reason
    message: str


Status = TypeVar("Status", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class TaskDecision(Generic[Status]):
    """Actions in order, the status to show, events, and when to look again, in seconds."""

    status: Status
    actions: tuple[TaskAction, ...] = ()
    events: tuple[TaskEvent, ...] = ()
    requeue_after: float | None = None


def pause_after(failures: int) -> timedelta:
    """How long to wait before another try after so many that failed."""
    doublings: int = min(max(failures, 1) - 1, 10)
    return min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY)


def seconds_until(moment: datetime | None, now: datetime) -> float | None:
    """Seconds from now to a moment, at least a tenth; None for none."""
    return None if moment is None else max((moment - now).total_seconds(), 0.1)


def date_conditions(
    verdicts: tuple[Verdict, ...],
    before: tuple[Condition, ...],
    now: datetime,
    generation: int,
) -> tuple[Condition, ...]:
    """Make conditions of verdicts; those whose status stays keep their time, others as before."""
    known = {condition.type: condition for condition in before}
    dated = date_verdicts(verdicts, before, now, generation)
    known |= {condition.type: condition for condition in dated}
    # Those of others stay, as far as there is room.
    new = {verdict.type for verdict in verdicts}
    others = [c for c in known.values() if c.type not in new][: MOST_CONDITIONS - len(new)]
    kept = {c.type for c in others} | new
    return tuple(c for c in known.values() if c.type in kept)


def find_block(conditions: tuple[Condition, ...]) -> str:
    """Message of the condition that says what keeps a Job from going on; empty without one."""
    return next((c.message for c in conditions if c.reason == backups.JOB_BLOCKED.name), "")


def refuse(
    conditions: tuple[Condition, ...], why: str, now: datetime, generation: int
) -> tuple[Condition, ...]:
    """The conditions when Kubernetes refuses an action."""
    return date_conditions(
        (Verdict(condition_types.COMPLETED, "False", tasks.REFUSED_BY_KUBERNETES, why),),
        conditions,
        now,
        generation,
    )

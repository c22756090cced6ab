"""Verdict about one aspect of an object, and the condition that it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from etcd_operator.api.cluster import Condition
from etcd_operator.api.parse import format_time
from etcd_operator.core.reasons.reason import Reason

Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A condition without its times."""

    type: str
    status: Truth
    reason: Reason
    message: str


def date_verdicts(
    verdicts: tuple[Verdict, ...],
    before: tuple[Condition, ...],
    now: datetime,
    generation: int,
) -> tuple[Condition, ...]:
    """Make conditions of verdicts; those whose status stays keep their time."""
    known, this_time = {condition.type: condition for condition in before}, format_time(now)
    dated = []
    for verdict in verdicts:
        old = known.get(verdict.type)
        same = old is not None and old.status == verdict.status
        dated.append(
            Condition(
                type=verdict.type,
                status=verdict.status,
                reason=verdict.reason.name,
                message=verdict.message,
                last_transition_time=old.last_transition_time if old and same else this_time,
                observed_generation=generation,
            )
        )
    return tuple(dated)

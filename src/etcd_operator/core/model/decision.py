"""Decision of one rule: a reason, a sentence, and actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons.reason import Reason

# How soon to look again, in seconds, when no watch event may tell us sooner.
LEARNER_SYNC = 0.03  # a learner may be in sync any moment: a promotion costs etcd one round trip
ADD_WINDOW = 0.1  # etcd's five-second window is about to end: be there when it does
LEAVING = 0.2  # a Pod leaves the client Service, of which no watch tells
REFUSED_STOP = 0.2  # a budget has yet to see that an earlier Pod has gone
POD_START = 0.5  # a process is starting, an election is running
OUTSIDE_CHANGE = 5.0  # only the outside world can help


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of the first rule that had something to say.

    `corrects_objects` says whether our own objects may be corrected in the same pass; `settled`
    that there is nothing left to do for the spec as it is; `passing` that what the reason usually
    means for good passes by itself this time. `requeue_after` is in seconds; None leaves it to
    watches and the steady probe.
    """

    reason: Reason
    message: str
    phase: Phase
    actions: tuple[Action, ...] = ()
    requeue_after: float | None = None
    corrects_objects: bool = True
    settled: bool = False
    passing: bool = False

    @property
    def blocked(self) -> bool:
        """Whether nothing goes on until a person or the outside world has acted."""
        return self.reason.blocks and not self.passing


Rule = Callable[[Snapshot], Decision | None]

"""Estimated time of previewed steps, from medians that were measured.

The medians are those of docs/performance.md, on one machine whose images are pulled and with small
databases: downloads of images, the copy of a large database to a new member, and backups come on
top. An estimate says which step is long, and not when it ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

# Seconds. Half of 3 -> 5, a Pod that is killed, half of 5 -> 3, creation of three members.
MEDIANS: Final[Mapping[str, float]] = {
    "AddLearner": 1.1,
    "RemoveMember": 0.25,
    "EvictPod": 2.4,
    "DeletePod": 2.4,
    "Start": 1.7,
}
# etcd 3.5 takes a second learner only when the first was connected for five seconds.
LEARNER_WINDOW: Final = 5.0


def estimate(steps: Iterable[str], *, waits: float = 0.0, one_learner: bool = False) -> float:
    """Return seconds for the named steps, and for what is `waited` between them."""
    total, learners = waits, 0
    for step in steps:
        total += MEDIANS.get(step, 0.0)
        learners += step == "AddLearner"
    return total + (LEARNER_WINDOW * max(0, learners - 1) if one_learner else 0.0)

"""What was measured: single samples, and what several of them say together."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

# The longest time without an acknowledged write while three members are rolled.
WRITE_GAP: Final = "write gap, roll"
STEPS: Final = (
    "create 1",
    "create 3",
    "create 5",
    "3 → 5",
    "3 → 5 at once",
    "5 → 3",
    "3 → 1",
    "1 → 3",
    "pod kill",
    WRITE_GAP,
)


class Side(Enum):
    """Whose cluster it is: a hand-written StatefulSet, or one of the operator."""

    FLOOR = "floor"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Usage:
    """What the operator used from before a step until its status said that all is done."""

    cpu_seconds: float
    window_seconds: float
    resident_bytes: float
    requests: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """One step, once. `seconds` is None if it did not get there; `failure` then says why.

    `moments` are seconds from the request to what was seen on the way, `began` is when the request
    was sent by the clock on the wall, so that logs can be laid beside it.
    """

    step: str
    version: str
    side: Side
    repetition: int
    seconds: float | None
    failure: str = ""
    began: str = ""
    moments: Mapping[str, float] = field(default_factory=dict)
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """The samples of one step on one side; the numbers leave the failed ones out."""

    median: float
    low: float
    high: float
    count: int
    failures: int


@dataclass(frozen=True, slots=True)
class Row:
    """One step on one version of etcd, both sides beside each other."""

    step: str
    version: str
    floor: Spread | None
    ours: Spread | None

    @property
    def ratio(self) -> float | None:
        """How many times as long as the floor ours takes, if both were measured."""
        if self.floor is None or self.ours is None:
            return None
        return self.ours.median / self.floor.median


def spread(samples: Iterable[Sample]) -> Spread | None:
    """Summarise samples of one kind; None without any, infinite numbers if all failed."""
    everything = list(samples)
    if not everything:
        return None
    times = [s.seconds for s in everything if s.seconds is not None] or [float("inf")]
    failures = sum(s.seconds is None for s in everything)
    return Spread(statistics.median(times), min(times), max(times), len(everything), failures)


def summarise(samples: Iterable[Sample]) -> list[Row]:
    """Return one row for each step and version that was measured, in the order of STEPS."""
    everything = list(samples)
    versions = sorted({s.version for s in everything})
    rows = []
    for step in STEPS:
        for version in versions:
            here = [s for s in everything if (s.step, s.version) == (step, version)]
            if here:
                floor, ours = (spread(s for s in here if s.side is side) for side in Side)
                rows.append(Row(step, version, floor, ours))
    return rows


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step costs the operator: medians of its samples."""

    step: str
    version: str
    cpu_seconds: float
    requests: Mapping[str, float]
    reaction_seconds: float | None


REACTION: Final = "operator's first write"


def summarise_costs(samples: Iterable[Sample]) -> list[Cost]:
    """Return the operator's cost of each step and version, in the order of STEPS."""
    ours = [s for s in samples if s.usage is not None]
    costs = []
    for step in STEPS:
        for version in sorted({s.version for s in ours}):
            here = [s for s in ours if (s.step, s.version) == (step, version)]
            if here:
                costs.append(_cost(step, version, here))
    return costs


def _cost(step: str, version: str, samples: list[Sample]) -> Cost:
    usages = [s.usage for s in samples if s.usage is not None]
    verbs = sorted({verb for usage in usages for verb in usage.requests})
    reactions = [s.moments[REACTION] for s in samples if REACTION in s.moments]
    return Cost(
        step,
        version,
        statistics.median(usage.cpu_seconds for usage in usages),
        {verb: statistics.median(u.requests.get(verb, 0) for u in usages) for verb in verbs},
        statistics.median(reactions) if reactions else None,
    )


def largest_resident(samples: Iterable[Sample]) -> float | None:
    """The most memory that the operator held at the end of any step, in bytes."""
    sizes = [s.usage.resident_bytes for s in samples if s.usage is not None]
    return max(sizes, default=None)

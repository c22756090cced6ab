"""What was promised, and whether it is kept.

Medians are judged, and a failed sample never passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tests.perf.samples import WRITE_GAP, Row, Spread


@dataclass(frozen=True, slots=True)
class Target:
    """A promise about a step: at most `factor` times the floor's median + `seconds`.

    `version` is the beginning of the versions that it is about.
    """

    step: str
    version: str = "v"
    factor: float = 0.0
    seconds: float = 0.0

    def limit(self, floor: Spread | None) -> float | None:
        """The limit in seconds; None if it depends on a floor that was not measured."""
        if not self.factor:
            return self.seconds
        if floor is None or floor.median == float("inf"):
            return None
        return self.factor * floor.median + self.seconds

    def __str__(self) -> str:
        """As in the table: `≤ 1.3 x floor`, `≤ floor + 1 s`, `≤ 4 s`."""
        if not self.factor:
            return f"≤ {self.seconds:g} s"
        times = "" if self.factor == 1 else f"{self.factor:g} x "
        more = f" + {self.seconds:g} s" if self.seconds else ""
        return f"≤ {times}floor{more}"


TARGETS: Final = (
    Target("create 3", factor=1.3),
    Target("3 → 5", seconds=4.0),
    # Members leave the client Service first: one second and a half, once for all of them.
    Target("5 → 3", seconds=3.3),
    Target("3 → 1", seconds=2.5),
    Target("1 → 3", "v3.5.", seconds=8.0),
    Target("1 → 3", "v3.6.", seconds=4.0),
    Target("pod kill", factor=1.0, seconds=1.0),
    Target(WRITE_GAP, seconds=0.25),
)
RESIDENT_LIMIT: Final = 80e6


@dataclass(frozen=True, slots=True)
class Verdict:
    """A row with its target, the limit in seconds that follows, and whether it was kept.

    `met` is None without a target, or when either side is missing.
    """

    row: Row
    target: Target | None = None
    limit: float | None = None
    met: bool | None = None


def find_target(row: Row) -> Target | None:
    """Return the promise about this row, if there is one."""
    for target in TARGETS:
        if target.step == row.step and row.version.startswith(target.version):
            return target
    return None


def judge(row: Row) -> Verdict:
    """Hold a row against its target."""
    target = find_target(row)
    limit = target.limit(row.floor) if target else None
    if limit is None or row.ours is None:
        return Verdict(row, target, limit)
    return Verdict(row, target, limit, not row.ours.failures and row.ours.median <= limit)


def find_missed(verdicts: Iterable[Verdict], resident: float | None) -> list[str]:
    """Name every target that was missed or could not be judged; memory comes last."""
    missed = [
        f"{verdict.row.step} on {verdict.row.version} ({verdict.target})"
        for verdict in verdicts
        if verdict.target and not verdict.met
    ]
    if resident is None or resident > RESIDENT_LIMIT:
        missed.append(f"operator memory (≤ {RESIDENT_LIMIT / 1e6:.0f} MB)")
    return missed

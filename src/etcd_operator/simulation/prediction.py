"""What a preview says: steps and waits in order, and where the cluster comes to rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PredictedStep:
    """An action of the operator: in which pass, by which rule, and what a guard says to it.

    `reason` is that of the rule's decision; `sentence` is that of the Event when it was done, and
    `ahead` the same before it is; `pod` and `disk` are the names of a Pod that restarts
    or ends, and of the claim of a disk that is deleted, set aside or put back, empty if none is.
    """

    number: int
    rule: str
    reason: str
    action: str
    sentence: str
    ahead: str = ""
    veto: str = ""
    pod: str = ""
    disk: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """What the operator waits for between two steps, in its own words."""

    number: int
    rule: str
    reason: str
    sentence: str
    seconds: float = 0.0


Entry = PredictedStep | Wait


@dataclass(frozen=True, slots=True)
class Prediction:
    """Steps and waits in order, and where the cluster comes to rest.

    `ends` is "settled", "waiting", "person", "gone", "vetoed", "cycle", "bound", or "unsafe" where
    the model finds that what happens next must never happen. `seconds` is an estimate: see
    `estimate`. `restarts` are the Pods of now that end, in order. `warnings` are what the operator
    says of the spec in the end, without refusing it.
    """

    entries: tuple[Entry, ...]
    ends: str
    reason: str
    sentence: str
    seconds: float
    restarts: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        """Whether the cluster comes to be as its spec wants it, or is gone as it was asked."""
        return self.ends in ("settled", "gone")

    @property
    def steps(self) -> tuple[PredictedStep, ...]:
        """The actions, in order."""
        return tuple(entry for entry in self.entries if isinstance(entry, PredictedStep))

    @property
    def disks(self) -> tuple[str, ...]:
        """The claims of the disks whose data goes, in order."""
        gone, _ = self._follow_disks()
        return tuple(gone)

    @property
    def kept_disks(self) -> tuple[str, ...]:
        """The claims of the disks whose volumes are set aside and stay, in order."""
        _, aside = self._follow_disks()
        return tuple(aside)

    def _follow_disks(self) -> tuple[dict[str, None], dict[str, None]]:
        gone: dict[str, None] = {}
        aside: dict[str, None] = {}
        for step in self.steps:
            match step.action:
                case "QuarantineDisk" if step.disk:
                    aside[step.disk] = None
                case "RebindVolume":
                    aside.pop(step.disk, None)
                case "RestoreReclaimPolicy" if step.disk in aside:
                    del aside[step.disk]
                    gone[step.disk] = None
                case "DeleteObject" if step.disk:
                    gone[step.disk] = None
        return gone, aside


def mark_common(found: Prediction, without: Prediction) -> tuple[bool, ...]:
    """Return for each entry of a preview whether it comes without the change as well.

    An entry that comes as often in the other preview, or more often, is one of its own.
    """
    others = Counter(_identify(entry) for entry in without.entries)
    marks = []
    for entry in found.entries:
        key = _identify(entry)
        marks.append(others[key] > 0)
        others[key] -= 1
    return tuple(marks)


def _identify(entry: Entry) -> tuple[str, str]:
    kind = entry.action if isinstance(entry, PredictedStep) else "Wait"
    return kind, entry.sentence

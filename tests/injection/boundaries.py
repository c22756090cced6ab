"""Where a fault is injected: before and after each effect, each place once.

An effect is one request that changes something, in the API server or in etcd. Its places are
counted per step of a story, in a journal that outlives the process: a life that was ended there
passes by the next time.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from etcd_operator.json_types import Json

# How often one effect is looked at per step. A status and an event come and go with timing.
TURNS: Final = 6
FEW_TURNS: Final = {"Event": 1, "Lease": 1, "EtcdCluster/status": 2}


class Mode(StrEnum):
    """What happens at a place."""

    NOTHING = "nothing"  # the reference
    KILL = "kill"  # SIGKILL before the request, and after its answer
    LOST = "lost"  # the effect took place, its answer never came
    REFUSED = "refused"  # the request is answered with an error, and has no effect
    SLOW = "slow"  # the answer takes five seconds
    LATE = "late"  # the process sleeps; another has taken over when the request is sent
    STALE = "stale"  # the effect took place, and no watch tells of anything for some seconds


SIDES: Final[dict[Mode, tuple[str, ...]]] = {
    Mode.NOTHING: (),
    Mode.KILL: ("before", "after"),
    Mode.LOST: ("after",),
    Mode.REFUSED: ("before",),
    Mode.SLOW: ("after",),
    Mode.LATE: ("before",),
    Mode.STALE: ("after",),
}


@dataclass(frozen=True, slots=True)
class Boundary:
    """One place: `turn` counts how often the effect has taken place in this step, from 0."""

    step: str
    effect: str
    turn: int
    side: str

    def __str__(self) -> str:
        """As in a report."""
        return f"{self.step}: {self.side} {self.effect} #{self.turn + 1}"

    def is_chosen(self, share: float, seed: int) -> bool:
        """Whether a sample of this share contains it; 1 contains every place."""
        digest = hashlib.sha256(f"{seed} {self}".encode()).digest()
        return int.from_bytes(digest[:4]) < share * 2**32


def places(effects: Mapping[tuple[str, str], int], mode: Mode) -> Iterator[Boundary]:
    """Every place at which a mode disturbs a story that has these effects, by step and effect."""
    for (step, effect), times in effects.items():
        for turn in range(min(times, _limit(effect))):
            for side in SIDES[mode]:
                yield Boundary(step, effect, turn, side)


class Journal:
    """What has happened so far, in a directory: written by the operator, read by all."""

    def __init__(self, place: Path) -> None:
        self._step = place / "step"
        self._lines = place / "journal.jsonl"
        self._lines.touch()
        self._done: Counter[tuple[str, str]] = Counter()
        self._hit: set[Boundary] = set()
        for line in self.read():
            if line["what"] == "done":
                self._done[line["step"], line["effect"]] += 1
            elif line["what"] == "hit":
                self._hit.add(_boundary(line))

    def begin(self, step: str) -> None:
        """Begin a step; whole, because the operator reads it at any moment."""
        draft = self._step.with_suffix(".draft")
        draft.write_text(step)
        draft.replace(self._step)

    def step(self) -> str:
        """The present step."""
        return self._step.read_text()

    def turn(self, step: str, effect: str) -> int:
        """How often the effect has taken place in this step."""
        return self._done[step, effect]

    def claim(self, boundary: Boundary) -> bool:
        """Whether this place was not hit yet; from now on it was."""
        if boundary in self._hit or boundary.turn >= _limit(boundary.effect):
            return False
        self._hit.add(boundary)
        self._write("hit", boundary.step, boundary.effect, boundary.turn, boundary.side)
        return True

    def note(self, step: str, effect: str) -> None:
        """The effect took place."""
        self._write("done", step, effect, self._done[step, effect], "")
        self._done[step, effect] += 1

    def read(self) -> list[Json]:
        """Everything that was written."""
        lines: list[Json] = [json.loads(line) for line in self._lines.read_text().splitlines()]
        return lines

    def hits(self) -> list[Boundary]:
        """The places at which something happened."""
        return [_boundary(line) for line in self.read() if line["what"] == "hit"]

    def effects(self) -> Counter[tuple[str, str]]:
        """How often each effect took place, by step."""
        done = (line for line in self.read() if line["what"] == "done")
        return Counter((line["step"], line["effect"]) for line in done)

    def _write(self, what: str, step: str, effect: str, turn: int, side: str) -> None:
        line = {
            "what": what,
            "step": step,
            "effect": effect,
            "turn": turn,
            "side": side,
            "at": time.time(),
        }
        with self._lines.open("a") as file:
            file.write(json.dumps(line) + "\n")


def _boundary(line: Json) -> Boundary:
    return Boundary(line["step"], line["effect"], line["turn"], line["side"])


def _limit(effect: str) -> int:
    return FEW_TURNS.get(effect.split()[1] if " " in effect else "", TURNS)

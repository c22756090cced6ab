"""What a client felt: the longest time without a write, what failed, what a watch missed.

Times are of a monotonic clock.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from tests.perf.writing import longest_gap


@dataclass(frozen=True, slots=True)
class Answer:
    """One write: its number, when it was sent and answered, and what failed."""

    sent: float
    answered: float
    error: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Felt:
    """What a client felt of a change: seconds without a write, and all that failed.

    `watch` has a sentence for each thing that was wrong with the watch beside the writes.
    """

    gap: float
    writes: int
    errors: tuple[str, ...]
    watch: tuple[str, ...] = ()


def judge(answers: Sequence[Answer], began: float, ended: float) -> Felt:
    """Return what was felt between two moments; a gap that reaches beyond them counts whole."""
    good = [a.answered for a in answers if not a.error]
    gap = longest_gap(good, began, ended)
    during = [a for a in answers if began <= a.sent <= ended]
    return Felt(gap, len(during), tuple(a.error for a in during if a.error))


def judge_watch(
    answers: Sequence[Answer], events: Sequence[int], began: float, ended: float
) -> tuple[str, ...]:
    """Return what a watch did wrong with what was written between two moments.

    `events` are the numbers that it reported, in the order in which it did.
    It has to report each acknowledged number, once and in order. Whether a write that failed took
    effect, or when, nobody knows.
    """
    written = {a.number for a in answers if not a.error and began <= a.sent <= ended}
    seen = [number for number in events if number in written]
    missed = len(written - set(seen))
    turned = sum(later <= earlier for earlier, later in itertools.pairwise(seen))
    said = [(missed, "events missed"), (turned, "events repeated or out of order")]
    return tuple(f"{count} of {len(written)} {what}" for count, what in said if count)


def add(felt: Sequence[Felt]) -> Felt:
    """Return what several writers of one client felt: the longest gap, and all that failed."""
    return Felt(
        max(one.gap for one in felt),
        sum(one.writes for one in felt),
        tuple(error for one in felt for error in one.errors),
        tuple(said for one in felt for said in one.watch),
    )

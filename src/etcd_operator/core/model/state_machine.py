"""State machines as tables: at which stage, on which condition, what is done and what follows.

The rows of a stage are asked in order, and the first whose condition holds decides. A stage changes
by a `Transition` of the table and in no other way; a `Meanwhile` stays. The pages about the
machines are generated from the tables: a condition's docstring is what the arrow says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

View = TypeVar("View")
Done = TypeVar("Done")
Stage = TypeVar("Stage", bound=Enum)


@dataclass(frozen=True, slots=True)
class Meanwhile(Generic[View, Done]):
    """What is done while a stage lasts. A `stage` of None: nothing is under way."""

    stage: Enum | None
    when: Callable[[View], bool]
    do: Callable[[View], Done]


@dataclass(frozen=True, slots=True)
class Transition(Generic[View, Done]):
    """What is done at the end of a stage, and the stage that follows; None: it is over."""

    stage: Enum | None
    when: Callable[[View], bool]
    do: Callable[[View], Done]
    to: Enum | None


@dataclass(frozen=True, slots=True)
class StateMachine(Generic[View, Done]):
    """The rows of all stages, each stage's in the order in which they are asked."""

    rows: tuple[Meanwhile[View, Done] | Transition[View, Done], ...]

    def find_row(
        self, stage: Enum | None, view: View
    ) -> Meanwhile[View, Done] | Transition[View, Done] | None:
        """The row that decides; None if the stage has nothing to do."""
        return next((row for row in self.rows if row.stage is stage and row.when(view)), None)

    def find_next(self, stage: Stage, view: View) -> Stage:
        """The stage that is due; the present one while nothing ends it."""
        row = self.find_row(stage, view)
        to = row.to if isinstance(row, Transition) else None
        return to if isinstance(to, type(stage)) else stage

    @property
    def transitions(self) -> Iterator[Transition[View, Done]]:
        """The rows by which a stage ends."""
        return (row for row in self.rows if isinstance(row, Transition))


def otherwise(_: object) -> bool:
    """Whether no earlier row of the stage applies."""
    return True

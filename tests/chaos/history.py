"""What clients did and were answered, and what must be true of it.

Every written value is unique, so that a value names the write that made it. A write without an
answer may have taken effect at any time, or never. `judge` needs the log: every change that etcd
made, in order, read at the end from the first revision on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from etcd_operator.json_types import Json

Kind = Literal["put", "get", "cas"]

SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Operation:
    """One request. Times are monotonic nanoseconds; without an answer `known` is false.

    `found` is what a read or a failed exchange saw, empty for no key. `revision` is the one at
    which a successful write was committed.
    """

    client: int
    kind: Kind
    key: str
    call: int
    returned: int
    known: bool
    value: str = ""
    expected: str = ""
    found: str = ""
    done: bool = False
    revision: int = 0

    @property
    def wrote(self) -> bool:
        """Whether it was acknowledged that this changed the key."""
        return self.known and (self.kind == "put" or (self.kind == "cas" and self.done))

    @property
    def may_write(self) -> bool:
        """Whether it asked for a change."""
        return self.kind != "get"


@dataclass(frozen=True, slots=True)
class Change:
    """One event of a watch: at this revision the key got this value."""

    revision: int
    key: str
    value: str


@dataclass
class History:
    """Everything that was recorded; `watches` are the changes that each watcher was told of."""

    operations: list[Operation] = field(default_factory=list)
    watches: list[list[Change]] = field(default_factory=list)
    log: list[Change] = field(default_factory=list)


def find_lost(operations: Iterable[Operation], log: Iterable[Change]) -> list[Operation]:
    """Acknowledged writes that etcd does not have, or has at another revision."""
    known = {change.value: change for change in log}
    return [
        made
        for made in operations
        if made.wrote
        and (
            (change := known.get(made.value)) is None
            or (change.key, change.revision) != (made.key, made.revision)
        )
    ]


def judge(history: History) -> list[str]:
    """Every violation that can be told without a search, as sentences."""
    operations, log = history.operations, history.log
    said = [
        f"acknowledged write {made.key}={made.value} at revision {made.revision} is lost"
        for made in find_lost(operations, log)
    ]
    asked = {made.value for made in operations if made.may_write}
    said += [
        f"{change.key}={change.value} at revision {change.revision} was never asked for"
        for change in log
        if change.value not in asked
    ]
    said += _judge_order(log, "the log")
    values = [change.value for change in log]
    if len(set(values)) != len(values):
        said.append("a write took effect twice")
    said += _judge_time(operations)
    for number, changes in enumerate(history.watches):
        said += _judge_watch(changes, log, f"watcher {number}")
    return said


def _judge_order(changes: Sequence[Change], who: str) -> list[str]:
    return [
        f"{who} tells of revision {later.revision} after {earlier.revision}"
        for earlier, later in itertools.pairwise(changes)
        if later.revision <= earlier.revision
    ][:SHOWN]


def _judge_watch(changes: Sequence[Change], log: Sequence[Change], who: str) -> list[str]:
    """Ordered, each once, none left out between the first and the last."""
    said = _judge_order(changes, who)
    if not changes:
        return [*said, f"{who} was told of nothing"]
    first, last = changes[0].revision, changes[-1].revision
    expected = {change for change in log if first <= change.revision <= last}
    told = set(changes)
    said += [f"{who} was never told of {c}" for c in sorted(expected - told, key=_revision)[:SHOWN]]
    said += [f"{who} was told of {c}" for c in sorted(told - expected, key=_revision)[:SHOWN]]
    return said


def _revision(change: Change) -> int:
    return change.revision


def _judge_time(operations: Iterable[Operation]) -> list[str]:
    """A write that began after another had ended has the higher revision."""
    writes = [made for made in operations if made.wrote]
    by_end = sorted(writes, key=lambda made: made.returned)
    said, place, highest = [], 0, 0
    for made in sorted(writes, key=lambda made: made.call):
        while place < len(by_end) and by_end[place].returned < made.call:
            highest = max(highest, by_end[place].revision)
            place += 1
        if made.revision <= highest:
            said.append(f"{made.key}={made.value} began after revision {highest} was acknowledged")
    return said[:SHOWN]


def prune(history: History) -> list[Operation]:
    """The operations that linearizability depends on.

    A read without an answer says nothing. A write without an answer whose value nobody ever saw
    explains nothing: whatever was seen is explained as well without it.
    """
    seen = {made.found for made in history.operations if made.known}
    seen |= {made.expected for made in history.operations if made.kind == "cas" and made.done}
    seen |= {change.value for change in history.log}
    return [
        made for made in history.operations if made.known or (made.may_write and made.value in seen)
    ]


def encode(operations: Iterable[Operation]) -> list[Json]:
    """As the checker reads them."""
    made = [asdict(one) for one in operations]
    return [{**one, "return": one.pop("returned")} for one in made]

"""Recorded pass: what it saw, what it decided and what it then did; and its replay.

A recording is a list of passes of one cluster, oldest first, in a document of its own format. A
replay runs what was seen through the planner of this version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import Plan, plan
from etcd_operator.core.recording.snapshot_document import (
    read_snapshot,
    write_snapshot,
)
from etcd_operator.json_types import Json

FORMAT: Final = "etcd.etcd.io/recorded-passes/v1"


class UnreadableRecording(ValueError):
    """A document that is no recording, or one of another format."""


@dataclass(frozen=True, slots=True)
class RecordedPass:
    """One pass. `actions` are those that were planned, as sentences; the first `done` took effect.

    `stopped` is why not all did: the word of a guard, or an error; empty if all did.
    """

    snapshot: Snapshot
    rule: str
    reason: str
    message: str
    actions: tuple[str, ...]
    done: int = 0
    stopped: str = ""

    @classmethod
    def of(cls, snapshot: Snapshot, planned: Plan, done: int, stopped: str) -> RecordedPass:
        """Return the record of a pass."""
        decision = planned.decision
        actions = tell_actions(planned, snapshot)
        return cls(
            snapshot, planned.rule, decision.reason.name, decision.message, actions, done, stopped
        )


def tell_actions(planned: Plan, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the sentences of the planned actions, in order."""
    return tuple(a.event(snapshot.naming.name).sentence for a in planned.actions)


def write_pass(recorded: RecordedPass) -> Json:
    """Return a pass as a document."""
    return {
        "snapshot": write_snapshot(recorded.snapshot),
        "rule": recorded.rule,
        "reason": recorded.reason,
        "message": recorded.message,
        "actions": list(recorded.actions),
        "done": recorded.done,
        "stopped": recorded.stopped,
    }


def write_recording(version: str, passes: Sequence[Json]) -> Json:
    """Return a recording; `version` is that of the operator."""
    return {"format": FORMAT, "operator": version, "passes": list(passes)}


def read_recording(document: object) -> tuple[RecordedPass, ...]:
    """Read a recording; raises UnreadableRecording with a sentence for anything else."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        found = document.get("format") if isinstance(document, dict) else type(document).__name__
        raise UnreadableRecording(f"it is no recording of passes ({FORMAT}), but {found!r}")
    try:
        return tuple(_read_pass(each) for each in document["passes"])
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableRecording(f"a pass in it cannot be read: {error}") from error


def _read_pass(document: Json) -> RecordedPass:
    return RecordedPass(
        read_snapshot(document["snapshot"]),
        str(document["rule"]),
        str(document["reason"]),
        str(document["message"]),
        tuple(str(each) for each in document["actions"]),
        int(document.get("done", 0)),
        str(document.get("stopped", "")),
    )


@dataclass(frozen=True, slots=True)
class ReplayDifference:
    """The first thing of a pass that this version does otherwise; `number` counts from 1."""

    number: int
    what: str
    recorded: str
    now: str


def replay(passes: Sequence[RecordedPass]) -> Iterator[ReplayDifference]:
    """Yield the first difference of each pass that this version would make otherwise."""
    for number, recorded in enumerate(passes, 1):
        planned = plan(recorded.snapshot)
        pairs = (
            ("rule", recorded.rule, planned.rule),
            ("reason", recorded.reason, planned.decision.reason.name),
            *_compare_actions(recorded.actions, tell_actions(planned, recorded.snapshot)),
            ("message", recorded.message, planned.decision.message),
        )
        for what, then, now in pairs:
            if then != now:
                yield ReplayDifference(number, what, then, now)
                break


def _compare_actions(
    recorded: tuple[str, ...], now: tuple[str, ...]
) -> Iterator[tuple[str, str, str]]:
    for place in range(max(len(recorded), len(now))):
        then = recorded[place] if place < len(recorded) else "(nothing)"
        yield f"action {place + 1}", then, now[place] if place < len(now) else "(nothing)"

"""The judges of a history see every kind of violation, and let a good history pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.chaos.history import Change, History, Kind, Operation, find_lost, judge, prune


def made(kind: Kind, value: str, call: int, returned: int, **more: object) -> Operation:
    fields = {"client": 0, "key": "k", "known": True, "value": value, **more}
    return Operation(kind=kind, call=call, returned=returned, **fields)  # type: ignore[arg-type]  # by name


LOG = [Change(2, "k", "a"), Change(3, "k", "b"), Change(5, "k", "c")]


def good() -> History:
    return History(
        operations=[
            made("put", "a", 0, 1, revision=2),
            made("get", "", 2, 3, found="a", revision=2),
            made("cas", "b", 4, 5, expected="a", done=True, revision=3),
            made("cas", "x", 6, 7, expected="a", done=False, found="b", revision=3),
            made("put", "c", 8, 9, known=False),
            made("put", "never", 10, 11, known=False),
        ],
        watches=[list(LOG), LOG[1:]],
        log=list(LOG),
    )


def test_a_good_history_passes() -> None:
    assert judge(good()) == []
    assert find_lost(good().operations, LOG) == []


def lose(history: History) -> None:
    del history.log[0]
    history.watches = [LOG[1:], LOG[1:]]


def move(history: History) -> None:
    history.operations[0] = replace(history.operations[0], revision=4)


def invent(history: History) -> None:
    for changes in (history.log, *history.watches):
        changes.append(Change(9, "k", "nobody wrote this"))


def repeat(history: History) -> None:
    for changes in (history.log, *history.watches):
        changes.append(Change(9, "k", "c"))


def disorder(history: History) -> None:
    history.watches[0] = [LOG[1], LOG[0], LOG[2]]


def tell_twice(history: History) -> None:
    history.watches[0] = [LOG[0], LOG[0], *LOG[1:]]


def leave_out(history: History) -> None:
    history.watches[0] = [LOG[0], LOG[2]]


def tell_otherwise(history: History) -> None:
    history.watches[0] = [LOG[0], Change(3, "k", "c"), LOG[2]]


def tell_nothing(history: History) -> None:
    history.watches[0] = []


def turn_back_time(history: History) -> None:
    early = replace(history.operations[0], value="b", revision=3)
    late = replace(history.operations[2], value="a", revision=2, expected="b")
    history.operations[0], history.operations[2] = early, late


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lose, "acknowledged write k=a at revision 2 is lost"),
        (move, "acknowledged write k=a at revision 4 is lost"),
        (invent, "was never asked for"),
        (repeat, "took effect twice"),
        (disorder, "tells of revision 2 after 3"),
        (tell_twice, "tells of revision 2 after 2"),
        (leave_out, "was never told of"),
        (tell_otherwise, "was told of"),
        (tell_nothing, "was told of nothing"),
        (turn_back_time, "began after revision 3 was acknowledged"),
    ],
)
def test_each_violation_is_seen(spoil: Callable[[History], None], words: str) -> None:
    history = good()
    spoil(history)
    assert any(words in sentence for sentence in judge(history))


def test_only_what_nobody_saw_is_left_out() -> None:
    kept = {one.value for one in prune(good()) if one.may_write}
    assert kept == {"a", "b", "x", "c"}

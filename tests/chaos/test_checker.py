"""The built checker finds what no order explains, and accepts what some order does."""

from __future__ import annotations

import pytest

from tests.chaos.history import Operation
from tests.chaos.linearizability import check

pytestmark = [pytest.mark.etcd, pytest.mark.timeout(240)]


def put(value: str, call: int, returned: int, *, known: bool = True) -> Operation:
    return Operation(0, "put", "k", call, returned, known, value=value)


def get(found: str, call: int, returned: int) -> Operation:
    return Operation(1, "get", "k", call, returned, known=True, found=found)


def cas(
    expected: str, value: str, call: int, returned: int, *, found: str = "", known: bool = True
) -> Operation:
    done = known and not found
    return Operation(2, "cas", "k", call, returned, known, value, expected, found, done)


LEGAL = {
    "in a row": [put("a", 0, 1), get("a", 2, 3), cas("a", "b", 4, 5), get("b", 6, 7)],
    "at the same time": [put("a", 0, 9), put("b", 1, 8), get("b", 10, 11)],
    "a read before the first write": [get("", 0, 1), put("a", 2, 3)],
    "a failed exchange": [put("a", 0, 1), cas("x", "b", 2, 3, found="a"), get("a", 4, 5)],
    "a write without an answer, seen later": [
        put("a", 0, 1),
        put("b", 2, 3, known=False),
        get("a", 4, 5),
        get("b", 6, 7),
    ],
    "a write without an answer, never seen": [
        put("a", 0, 1),
        put("b", 2, 3, known=False),
        get("a", 4, 5),
    ],
    "an exchange without an answer": [
        put("a", 0, 1),
        cas("a", "b", 2, 3, known=False),
        get("b", 4, 5),
    ],
}
ILLEGAL = {
    "a stale read": [put("a", 0, 1), put("b", 2, 3), get("a", 4, 5)],
    "a lost write": [put("a", 0, 1), get("", 2, 3)],
    "a read of what nobody wrote": [put("a", 0, 1), get("z", 2, 3)],
    "two exchanges of one value": [put("a", 0, 1), cas("a", "b", 2, 3), cas("a", "c", 4, 5)],
    "an exchange that should have failed": [put("a", 0, 1), cas("x", "b", 2, 3)],
    "an exchange that failed without a reason": [put("a", 0, 1), cas("a", "b", 2, 3, found="a")],
    "there and back": [put("a", 0, 1), put("b", 2, 3, known=False), get("b", 4, 5), get("a", 6, 7)],
}


@pytest.mark.parametrize("name", LEGAL)
def test_what_an_order_explains_is_accepted(name: str) -> None:
    verdict = check(LEGAL[name])
    assert (verdict.illegal, verdict.undecided, verdict.keys) == ((), (), 1)


@pytest.mark.parametrize("name", ILLEGAL)
def test_what_no_order_explains_is_found(name: str) -> None:
    assert check(ILLEGAL[name]).illegal == ("k",)

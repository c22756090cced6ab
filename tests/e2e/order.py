"""The order of tests that run beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

# Of all tests; those after it are short.
EARLY: Final = 0.6

_Test = TypeVar("_Test")


def spread(tests: Iterable[_Test], is_lengthy: Callable[[_Test], bool]) -> list[_Test]:
    """Return the tests in an order in which the lengthy ones begin early, but not together.

    One that begins at the end runs while the other processes have nothing left to do, and all of
    them at once leave each other, and what else runs then, no processor time.
    """
    ordered = list(tests)
    lengthy = [test for test in ordered if is_lengthy(test)]
    short = [test for test in ordered if not is_lengthy(test)]
    between = int(len(short) * EARLY / len(lengthy)) if lengthy else 0
    found: list[_Test] = []
    for number, test in enumerate(lengthy):
        found += [test, *short[number * between : (number + 1) * between]]
    return found + short[len(lengthy) * between :]

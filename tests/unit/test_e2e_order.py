"""The order of tests on the cluster that run beside each other."""

from __future__ import annotations

from tests.e2e.order import spread


def test_lengthy_ones_begin_early_and_apart_from_each_other() -> None:
    tests = [f"{number}" for number in range(18)] + ["long-1", "long-2"]
    found = spread(tests, lambda test: test.startswith("long"))
    assert sorted(found) == sorted(tests)
    assert [found.index(f"long-{number}") for number in (1, 2)] == [0, 6]
    assert [test for test in found if "long" not in test] == tests[:18], "the rest stays in order"


def test_without_lengthy_ones_nothing_changes() -> None:
    assert spread("abc", lambda _: False) == ["a", "b", "c"]
    assert spread("abc", lambda _: True) == ["a", "b", "c"]

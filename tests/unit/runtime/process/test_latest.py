"""Latest: how much is remembered, and what goes first."""

from __future__ import annotations

from etcd_operator.runtime.process.latest import Latest


def test_the_oldest_goes_when_there_is_one_too_many() -> None:
    known: Latest[str, int] = Latest(2)
    known["a"], known["b"], known["c"] = 1, 2, 3
    assert list(known.items()) == [("b", 2), ("c", 3)]


def test_what_is_stored_again_is_the_newest() -> None:
    known: Latest[str, int] = Latest(2)
    known["a"], known["b"] = 1, 2
    known["a"] = 3
    known["c"] = 4
    assert list(known.items()) == [("a", 3), ("c", 4)]


def test_reading_keeps_nothing_for_longer() -> None:
    known: Latest[str, int] = Latest(2)
    known["a"], known["b"] = 1, 2
    assert known["a"] == 1
    known["c"] = 3
    assert "a" not in known

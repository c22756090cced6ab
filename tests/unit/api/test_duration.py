"""Durations: what Go reads, to the nanosecond; nothing else."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from etcd_operator.api.duration import Duration, parse_nanoseconds

LENGTHS = {
    "0": 0,
    "500ms": 500_000_000,
    "1.5s": 1_500_000_000,
    "1h30m": 5_400_000_000_000,
    "30m1h": 5_400_000_000_000,
    "250us": 250_000,
    "250µs": 250_000,
    "250μs": 250_000,
    "7ns": 7,
    "0.000000001s": 1,
    "2160h": 7_776_000_000_000_000,
}


@pytest.mark.parametrize("text", LENGTHS)
def test_what_go_reads(text: str) -> None:
    assert parse_nanoseconds(text) == LENGTHS[text]


@pytest.mark.parametrize(
    "text", ["", "5", "5d", "-5s", "+5s", "5 s", "s", "5s\n", "5S", "1_0s", "٣s", "9" * 9 + "h"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|longer than"):
        Duration(text)


@given(some.integers(0, 2_000_000), some.sampled_from(["ns", "us", "ms", "s", "m", "h"]))
def test_more_of_a_unit_is_longer(number: int, unit: str) -> None:
    assert parse_nanoseconds(f"{number + 1}{unit}") > parse_nanoseconds(f"{number}{unit}")


def test_a_duration_stays_as_it_was_written() -> None:
    duration = copy.deepcopy(Duration("90m"))
    assert (duration, duration.length) == ("90m", timedelta(hours=1.5))

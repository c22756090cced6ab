"""Kubernetes quantities by value."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.api.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1", 1),
        ("+1", 1),
        ("-1", -1),
        ("1.", 1),
        (".5", Fraction(1, 2)),
        ("100m", Fraction(1, 10)),
        ("1u", Fraction(1, 10**6)),
        ("1n", Fraction(1, 10**9)),
        ("1k", 1000),
        ("1Ki", 1024),
        ("1.5Gi", 3 * 2**29),
        ("2M", 2 * 10**6),
        ("3T", 3 * 10**12),
        ("1P", 10**15),
        ("1E", 10**18),
        ("1Ei", 2**60),
        ("1e3", 1000),
        ("1E3", 1000),
        ("12e-1", Fraction(6, 5)),
        ("1e+2", 100),
    ],
)
def test_values(text: str, value: Fraction) -> None:
    assert parse_quantity(text) == value


@pytest.mark.parametrize(
    "text", ["", "ten", "1 Gi", "Gi", "1gi", "1KI", "1kk", "1e", "--1", "1,5", "0x10", "1Gi\n", "."]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity such as 10Gi or 500m"):
        parse_quantity(text)


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "1" * 100_000])
def test_an_absurd_amount_costs_nobody_any_time(text: str) -> None:
    """One user's field must not hold up everybody else's clusters."""
    started = time.process_time()
    with pytest.raises(ValueError, match=r"."):
        parse_quantity(text)
    assert time.process_time() - started < 1


SUFFIXES = ("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


@given(number=st.integers(-(10**9), 10**9), suffix=st.sampled_from(SUFFIXES))
def test_whole_numbers_scale(number: int, suffix: str) -> None:
    assert parse_quantity(f"{number}{suffix}") == number * parse_quantity(f"1{suffix}")


@given(number=st.integers(0, 10**6), power=st.integers(-9, 9))
def test_exponents_scale(number: int, power: int) -> None:
    assert parse_quantity(f"{number}e{power}") == number * Fraction(10) ** power


@given(st.integers(0, 10**6))
def test_the_same_amount_written_otherwise_is_equal(number: int) -> None:
    assert parse_quantity(f"{number}Gi") == parse_quantity(f"{number * 1024}Mi")
    assert parse_quantity(f"{number}") == parse_quantity(f"{number * 1000}m")
    assert parse_quantity(f"{number}.0") == parse_quantity(f"{number}")

"""Kubernetes quantities by value."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.api.quantity import Quantity, read_quantity
from etcd_operator.api.resources import Resources
from etcd_operator.core.objects.resources import render_resources


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
    assert Quantity.parse(text).value == value


@pytest.mark.parametrize(
    "text", ["", "ten", "1 Gi", "Gi", "1gi", "1KI", "1kk", "1e", "--1", "1,5", "0x10", "1Gi\n", "."]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity such as 10Gi or 500m"):
        Quantity.parse(text)


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "1" * 100_000])
def test_an_absurd_amount_costs_nobody_any_time(text: str) -> None:
    """One user's field must not hold up everybody else's clusters."""
    started = time.process_time()
    with pytest.raises(ValueError, match=r"."):
        Quantity.parse(text)
    assert time.process_time() - started < 1


SUFFIXES = ("", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


@given(number=st.integers(-(10**9), 10**9), suffix=st.sampled_from(SUFFIXES))
def test_whole_numbers_scale(number: int, suffix: str) -> None:
    assert Quantity.parse(f"{number}{suffix}").value == number * Quantity.parse(f"1{suffix}").value


@given(number=st.integers(0, 10**6), power=st.integers(-9, 9))
def test_exponents_scale(number: int, power: int) -> None:
    assert Quantity.parse(f"{number}e{power}").value == number * Fraction(10) ** power


@given(st.integers(0, 10**6))
def test_the_same_amount_written_otherwise_is_equal(number: int) -> None:
    assert Quantity.parse(f"{number}Gi") == Quantity.parse(f"{number * 1024}Mi")
    assert Quantity.parse(f"{number}") == Quantity.parse(f"{number * 1000}m")
    assert Quantity.parse(f"{number}.0") == Quantity.parse(f"{number}")


@pytest.mark.parametrize("written", ["1Gi", "1024Mi", "1.50", 1, "1e3"])
def test_an_amount_is_written_back_as_it_was(written: str | int) -> None:
    """A number that is spelled anew would roll the Pods of a cluster that nobody has changed."""
    given = {"requests": {"cpu": written}}
    found = Resources.model_validate(given)
    assert found.model_dump(mode="json", exclude_unset=True) == given
    assert render_resources(found) == {"requests": {"cpu": str(written)}}


@pytest.mark.parametrize("written", [None, True, "", [], {}, ["1"], "1Gi\n", b"1", 1j])
def test_what_stands_in_an_object_need_not_be_an_amount(written: object) -> None:
    assert read_quantity(written) is None


def test_amounts_are_ordered_by_value() -> None:
    texts = ["10Gi", "9Gi", "1", "1000m", "9Mi"]
    assert [str(each) for each in sorted(map(Quantity.parse, texts))] == [
        *("1", "1000m", "9Mi", "9Gi", "10Gi")
    ]

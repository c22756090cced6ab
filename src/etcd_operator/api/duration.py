"""Durations as Go writes them, for Kubernetes and etcd: `90s`, `1h30m`, `1.5s`, `10ms`."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # the micro sign, U+00B5
    "μs": 1_000,  # the Greek letter mu, U+03BC
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_NUMBER: Final = "[0-9]{1,9}(?:[.][0-9]{1,9})?"
_UNIT: Final = "ns|us|µs|μs|ms|s|m|h"
# For Python, for CEL and for Go: all of them read it alike.
DURATION_FORM: Final = f"(?:0|(?:{_NUMBER}(?:{_UNIT})){{1,6}})"
# Go counts nanoseconds in 64 bits, one of them for the sign.
_LONGEST: Final = 2**63 - 1
_PART: Final = re.compile(f"({_NUMBER})({_UNIT})")


def parse_nanoseconds(text: str) -> int:
    """Return the length of a duration as etcd's configuration file wants it.

    Raises ValueError with a sentence if the text is not one.
    """
    if re.fullmatch(DURATION_FORM, text) is None:
        raise ValueError(f"{text[:80]!r} is not a duration such as 500ms, 5m or 1h30m")
    length = sum(int(Fraction(number) * _NANOSECONDS[unit]) for number, unit in _PART.findall(text))
    if length > _LONGEST:
        raise ValueError(f"{text[:80]!r} is longer than 292 years")
    return length


class Duration(str):
    """A duration, as it was written: `1h30m` and `90m` are two texts of one `length`.

    Raises ValueError with a sentence for any other text.
    """

    __slots__ = ("length",)

    length: timedelta

    def __new__(cls, text: str) -> Self:
        """Parse the text."""
        made = super().__new__(cls, text)
        made.length = timedelta(microseconds=parse_nanoseconds(text) // 1_000)
        return made

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A string for JSON and for the CRD, parsed where it comes in."""
        return core_schema.no_info_after_validator_function(_read, handler(str))


def _read(text: str) -> Duration:
    try:
        return Duration(text)
    except ValueError:
        raise PydanticCustomError(
            "duration", "use a length of time such as 500ms, 5m or 1h30m"
        ) from None

"""Kubernetes quantities: `500m`, `1Gi`, `1e3`, compared by value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Final, Self

# No more digits than any amount needs: exact arithmetic on `1e999999999` would never end.
_FORM: Final = re.compile(
    r"([+-]?(?:\d{1,30}\.?\d{0,30}|\.\d{1,30}))(?:([eE][+-]?\d{1,2})|([KMGTPE]i|[numkMGTPE]|))"
)
_SUFFIXES: Final = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}


# The same few amounts are read in every pass; what is no amount is not kept.
@lru_cache(maxsize=512)
def parse_quantity(text: str) -> Fraction:
    """Return the exact value of a quantity, in its base unit (bytes, cores, …).

    Raises ValueError with a sentence if the text is not a quantity.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is not a quantity such as 10Gi or 500m")
    number, exponent, suffix = match.groups()
    value = Fraction(number.rstrip(".") or "0")
    if exponent:
        return value * Fraction(10) ** int(exponent[1:])
    return value * _SUFFIXES[suffix or ""]


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """An amount with the text that it was written as: `1Gi` and `1024Mi` are equal."""

    value: Fraction
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a text; raises ValueError with a sentence if it is not a quantity."""
        return cls(parse_quantity(text), text)

    def __str__(self) -> str:
        """The text."""
        return self.text


def read_quantity(text: str) -> Quantity | None:
    """Return the quantity; None for an empty text, and for one that is no quantity."""
    try:
        return Quantity.parse(text)
    except ValueError:
        return None

"""Kubernetes quantities: `500m`, `1Gi`, `1e3`, compared by value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

# No more digits than any amount needs: exact arithmetic on `1e999999999` would never end.
_FORM: Final = re.compile(
    r"([+-]?(?:[0-9]{1,30}[.]?[0-9]{0,30}|[.][0-9]{1,30}))"
    r"(?:([eE][+-]?[0-9]{1,2})|([KMGTPE]i|[numkMGTPE]|))"
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


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """An amount in its base unit (bytes, cores, …): `1Gi` and `1024Mi` are equal.

    `written` is what stands in the manifest, a text or a whole number: it is written back as it is.
    """

    value: Fraction
    written: str | int = field(compare=False)

    @classmethod
    def parse(cls, written: str | int) -> Self:
        """Parse a text or a number; raises ValueError with a sentence if it is not a quantity."""
        return cls(_parse(str(written)), written)

    def __str__(self) -> str:
        """The text, as Kubernetes stores it: it has 1 only as "1"."""
        return str(self.written)

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        """A text or a number in JSON, parsed where it comes in."""
        return core_schema.no_info_plain_validator_function(
            _read_field, serialization=core_schema.plain_serializer_function_ser_schema(_write)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A text, of which the CRD makes a text or a number."""
        return {"type": "string", "x-quantity": True}


# The same few amounts are read in every pass; what is no amount is not kept.
@lru_cache(maxsize=512)
def _parse(text: str) -> Fraction:
    match = _FORM.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]!r} is not a quantity such as 10Gi or 500m")
    number, exponent, suffix = match.groups()
    value = Fraction(number.rstrip(".") or "0")
    if exponent:
        return value * Fraction(10) ** int(exponent[1:])
    return value * _SUFFIXES[suffix or ""]


def read_quantity(written: object) -> Quantity | None:
    """Return the quantity that stands in an object, whatever that is; None for all else."""
    if isinstance(written, bool) or not isinstance(written, str | int | float):
        return None
    try:
        return Quantity.parse(str(written) if isinstance(written, float) else written)
    except ValueError:
        return None


def _read_field(given: object) -> Quantity:
    if isinstance(given, Quantity):
        return given
    found = read_quantity(given)
    if found is None:
        raise PydanticCustomError("quantity", "use a quantity such as 10Gi or 500m")
    return found


def _write(quantity: Quantity) -> str | int:
    return quantity.written

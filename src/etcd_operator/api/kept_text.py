"""Texts of a spec that are parsed where they come in, and kept where they cannot be.

A default in place of a version or an image that nobody understands would be another etcd. So what
is none is a value and no error, and is told of with all else that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


@dataclass(frozen=True, slots=True)
class KeptText:
    """A text of a field.

    `longest` is what the API server lets pass, in characters. Of what an older CRD let pass no more
    than `shown` are kept: what is cut off is none.
    """

    longest: ClassVar[int]
    shown: ClassVar[int]

    text: str

    def __str__(self) -> str:
        """The text."""
        return self.text

    @classmethod
    def read(cls, given: object) -> Self:
        """Return whatever stands in the field."""
        if isinstance(given, cls):
            return given
        text = str(given)
        return cls(text if len(text) <= cls.shown else f"{text[: cls.shown]}…")

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        """A text in JSON, parsed where it comes in."""
        # The Jobs know versions as well, and start without pydantic.
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls.read, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A text of bounded length."""
        return {"type": "string", "maxLength": cls.longest}

"""Base of every part of the API: frozen, camelCase outside, unknown fields ignored."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

# Records of which fields were set that are shared; users write what they like.
_SHARED: Final = 1024


class Model(BaseModel):
    """A part of a kind."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        coerce_numbers_to_str=True,  # quantities may be written as numbers
    )

    def model_post_init(self, _: Any, /) -> None:
        """Share the record of which fields were set with every part that has the same.

        It is half of what a cluster takes, and there are thousands. Nobody changes one: a copy with
        changes gets its own.
        """
        record = _share(frozenset(self.__pydantic_fields_set__))
        object.__setattr__(self, "__pydantic_fields_set__", record)


@lru_cache(maxsize=_SHARED)
def _share(names: frozenset[str]) -> set[str]:
    return set(names)

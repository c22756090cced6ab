"""Values of a chart in their three forms: `values.yaml`, `values.schema.json`, a table.

A chart's values are a model; descriptions, defaults and what is refused are written there once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from etcd_operator.json_types import Json

_WIDTH: Final = 100


class ChartValues(BaseModel):
    """Values, or a part of them: unknown names are refused, names are in camelCase."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


def becomes(default: Any, field: str, text: str, alias: str | None = None) -> Any:
    """A value that becomes a field of an object; `alias` where its name is not camelCase."""
    return Field(default, description=text, alias=alias, json_schema_extra={"becomes": field})


def refused(remedy: str, alias: str | None = None) -> Any:
    """A value of another chart that has no meaning here: `remedy` is what to do in its place."""
    return Field(None, description=remedy, alias=alias, json_schema_extra={"refused": True})


def read_extra(field: FieldInfo, name: str) -> Any:
    """Return what `becomes` or `refused` noted of a value; nothing if neither made it."""
    extra = field.json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None


def render_values(values: type[ChartValues]) -> str:
    """Return `values.yaml`: every value with its default, below a comment that explains it."""
    return "\n".join(_render(values(), depth=0))


def _render(values: ChartValues, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        if read_extra(field, "refused"):
            continue
        if depth == 0:
            yield ""
        for line in wrap(field.description or "", _WIDTH - len(indent) - 2):
            yield f"{indent}# {line}"
        if isinstance(value, ChartValues):
            yield f"{indent}{_name(name, field)}:"
            yield from _render(value, depth + 1)
        else:
            text = yaml.safe_dump({_name(name, field): value}, sort_keys=False, width=_WIDTH)
            yield from (f"{indent}{line}" for line in text.splitlines())
    if depth == 0:
        yield ""


def render_schema(values: type[ChartValues], title: str) -> str:
    """Return `values.schema.json`, by which Helm refuses a value and names it."""
    schema = values.model_json_schema(by_alias=True)
    # Of charts that have this one as a part.
    schema["properties"]["global"] = {"type": "object"}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return json.dumps({**dialect, **_drop_titles(schema)}, indent=2, sort_keys=True) + "\n"


def _drop_titles(schema: Any) -> Any:
    """Without the titles, which only repeat names, and the defaults, which values.yaml has."""
    if isinstance(schema, list):
        return [_drop_titles(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: each
        for key, each in schema.items()
        if not (key == "title" and isinstance(each, str))
        and not _is_default(key, schema)
        and not (key in ("becomes", "refused") and not isinstance(each, dict))
    }
    return {key: _drop_titles(each) for key, each in kept.items()}


def _is_default(key: str, schema: Json) -> bool:
    kinds = {"type", "$ref", "anyOf", "enum", "const", "refused"}
    return key == "default" and bool(kinds & schema.keys())


def list_values(
    values: type[ChartValues], prefix: str = ""
) -> Iterator[tuple[str, Any, FieldInfo]]:
    """Yield the path and the default of every value, and what else is noted of it."""
    defaults = values()
    for name, field in values.model_fields.items():
        path, value = f"{prefix}{_name(name, field)}", getattr(defaults, name)
        if isinstance(value, ChartValues):
            yield from list_values(type(value), f"{path}.")
        else:
            yield path, value, field


def _name(name: str, field: FieldInfo) -> str:
    return field.alias or name

"""What the API server says of an object by the schema of its CRD."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from etcd_operator.json_types import Json

_TYPES: Final[dict[str, type]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "object": dict,
    "array": list,
}


def find_faults(item: Json, definition: Json) -> list[str]:
    """Return what the API server would refuse, or silently drop, each with its path."""
    group, version = str(item["apiVersion"]).split("/")
    spec = definition["spec"]
    assert (group, item["kind"]) == (spec["group"], spec["names"]["kind"])
    (served,) = (v for v in spec["versions"] if v["name"] == version and v["served"])
    schema = {**served["schema"]["openAPIV3Schema"]}
    schema["properties"] = {**schema["properties"], "metadata": {"type": "object", "any": True}}
    return list(_check(item, schema, "."))


def _check(value: Any, schema: Json, path: str) -> Iterator[str]:
    if schema.get("x-kubernetes-int-or-string"):
        schema = {**schema, "type": "integer" if isinstance(value, int) else "string"}
    kind = schema["type"]
    fits: bool = isinstance(value, _TYPES[kind])
    if not fits or (kind == "integer" and isinstance(value, bool)):
        yield f"{path} is no {kind}"
    elif kind == "object":
        yield from _check_object(value, schema, path)
    elif kind == "array":
        for index, one in enumerate(value):
            yield from _check(one, schema["items"], f"{path}[{index}]")
    elif value not in schema.get("enum", (value,)):
        yield f"{path} {value} is none of {schema['enum']}"
    elif kind == "string" and len(value) < schema.get("minLength", 0):
        yield f"{path} is too short"
    elif kind == "string" and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path} {value} does not match {schema['pattern']}"


def _check_object(value: Json, schema: Json, path: str) -> Iterator[str]:
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}{name} is missing"
    for name, inner in value.items():
        known = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
        if known:
            yield from _check(inner, known, f"{path}{name}.")
        elif not schema.get("any"):
            yield f"{path}{name} is unknown"

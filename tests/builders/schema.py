"""What a schema of a CRD does not know of an object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from etcd_operator.json_types import Json


def find_unknown(value: Any, schema: Json, path: str) -> Iterator[str]:
    """Yield the fields that the API server would drop."""
    if not isinstance(value, dict) or "properties" not in schema:
        return
    for name, inner in value.items():
        if name in schema["properties"]:
            yield from find_unknown(inner, schema["properties"][name], f"{path}.{name}")
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name}"

"""Fields that the API server would drop, because the schema of the kind does not have them.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from etcd_operator.json_types import Json


def find_unknown(value: Any, schema: Json, path: str) -> Iterator[str]:
    """Yield the path of each field that a structural schema does not know."""
    if isinstance(value, list) and "items" in schema:
        for index, one in enumerate(value):
            yield from find_unknown(one, schema["items"], f"{path}[{index}]")
    if not isinstance(value, dict) or "properties" not in schema:
        return
    for name, inner in value.items():
        if name in schema["properties"]:
            yield from find_unknown(inner, schema["properties"][name], f"{path}.{name}")
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            yield f"{path}.{name}"

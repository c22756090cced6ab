"""Field managers, as the API server has them in `metadata.managedFields`."""

from __future__ import annotations

import json

from etcd_operator import FIELD_MANAGER
from etcd_operator.core.objects.drift import Difference, Step
from etcd_operator.json_types import Json


def find_manager(live: Json, difference: Difference) -> str:
    """Return the field manager other than the operator that has set a field; empty if none has.

    The one that wrote last, if several have.
    """
    entries = live.get("metadata", {}).get("managedFields") or ()
    ranked = sorted(entries, key=lambda entry: str(entry.get("time", "")), reverse=True)
    for entry in ranked:
        name = str(entry.get("manager", ""))
        if name != FIELD_MANAGER and _has(entry.get("fieldsV1") or {}, difference.steps):
            return name
    return ""


def _has(fields: Json, steps: tuple[Step, ...]) -> bool:
    """Whether a field, or a value that it is a part of, is in a set of fields."""
    for step in steps:
        if not any(key.startswith(("f:", "k:")) for key in fields):
            return True  # a list or a mapping that is owned as one value
        below = _descend(fields, step)
        if below is None:
            return False
        fields = below
    return True


def _descend(fields: Json, step: Step) -> Json | None:
    if isinstance(step, str):
        found: Json | None = fields.get(f"f:{step}")
        return found
    for key, below in fields.items():
        if key.startswith("k:") and json.loads(key[2:]) == dict(step):
            return dict(below)
    return None

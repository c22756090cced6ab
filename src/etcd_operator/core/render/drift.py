"""Judge whether a live object still says what we rendered.

The API server adds defaults, so the rendered manifest must be a part of the live object, not equal
to it. Three things are stricter: our fingerprint must be there (it notices what we no longer want),
a ConfigMap's `data` must be exactly ours (a stray file is an open gate), and so must the spec of a
NetworkPolicy (whatever is added to it opens or closes something).
"""

from __future__ import annotations

from typing import Any

from etcd_operator.api.quantity import parse_quantity

Json = dict[str, Any]


def find_drift(rendered: Json, live: Json) -> str | None:
    """Return the path of the first field that differs, e.g. `spec.ports[0].port`; None if none."""
    if "data" in rendered and rendered["data"] != live.get("data"):
        return "data"
    found = _differ(rendered, live, "")
    if found is None and find_strays(rendered, live):
        return "spec"
    return found


def find_strays(rendered: Json, live: Json) -> Json:
    """Return a merge patch that removes what others have put beside ours, where none may be."""
    exact = ["data"] if "data" in rendered else []
    exact += ["spec"] if rendered.get("kind") == "NetworkPolicy" else []
    found = {field: _find_strays(rendered[field], live.get(field) or {}) for field in exact}
    return {field: patch for field, patch in found.items() if patch}


def _find_strays(want: Json, have: Json) -> Json:
    """What is in one mapping and not in the other, as nulls; lists are ours as a whole."""
    found: Json = {}
    for key, value in have.items():
        if key not in want:
            found[key] = None
        elif isinstance(value, dict) and isinstance(want[key], dict):
            if below := _find_strays(want[key], value):
                found[key] = below
        elif isinstance(value, list) and value != want[key]:
            found[key] = want[key]
    return found


def _differ(want: Any, have: Any, path: str) -> str | None:
    if isinstance(want, dict):
        return _differ_mapping(want, have, path)
    if isinstance(want, list):
        return _differ_list(want, have, path)
    return None if _equal(want, have) else path


def _differ_mapping(want: Json, have: Any, path: str) -> str | None:
    if not isinstance(have, dict):
        # The API server drops empty maps on the way in.
        return None if not want and have is None else path
    for key, value in want.items():
        below = f"{path}.{key}" if path else key
        if (found := _differ(value, have.get(key), below)) is not None:
            return found
    return None


def _differ_list(want: list[Any], have: Any, path: str) -> str | None:
    if not want and have is None:
        return None
    if not isinstance(have, list) or len(have) != len(want):
        return path
    for index, (one, other) in enumerate(zip(want, have, strict=True)):
        if (found := _differ(one, other, f"{path}[{index}]")) is not None:
            return found
    return None


def _equal(want: Any, have: Any) -> bool:
    if want == have:
        return True
    if isinstance(want, str | int) and isinstance(have, str | int):
        # "1000m" is stored as "1", as is 1, and "1024Mi" as "1Gi": compare amounts by value.
        try:
            return parse_quantity(str(want)) == parse_quantity(str(have))
        except ValueError:
            return False
    return False

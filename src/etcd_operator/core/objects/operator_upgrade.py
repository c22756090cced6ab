"""Tells templates that the spec has changed from those that a new version of the operator has.

The first are rolled at once, as somebody has asked for it; the others in turn, so that an upgrade
of the operator does not restart members of every cluster at the same time. The StatefulSet records
which of the two its template is.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.core.model.naming import (
    ANNOTATION_ASKED,
    ANNOTATION_CHANGED_BY,
    ANNOTATION_FINGERPRINT,
    ANNOTATION_RESIZABLE,
    ANNOTATION_TEMPLATE,
)
from etcd_operator.core.objects.drift import find_differences
from etcd_operator.json_types import Json

BY_SPEC: Final = "spec"
BY_OPERATOR: Final = "operator"

_RECORDS: Final = frozenset(
    f"metadata.annotations.{name}"
    for name in (
        ANNOTATION_ASKED,
        ANNOTATION_CHANGED_BY,
        ANNOTATION_FINGERPRINT,
        ANNOTATION_RESIZABLE,
        ANNOTATION_TEMPLATE,
    )
)


def record_template(template: str, asked: str, live: Json | None) -> dict[str, str]:
    """Return the annotations for a template with this hash, asked for by what has that hash."""
    known = _annotations(live)
    by = known.get(ANNOTATION_CHANGED_BY, BY_SPEC)
    if known.get(ANNOTATION_TEMPLATE) == template:
        asked = known.get(ANNOTATION_ASKED, asked)  # nothing is written for the record alone
    elif live is not None:
        by = BY_OPERATOR if known.get(ANNOTATION_ASKED, asked) == asked else BY_SPEC
    return {
        ANNOTATION_ASKED: asked,
        ANNOTATION_TEMPLATE: template,
        ANNOTATION_CHANGED_BY: by,
    }


def is_upgrade(rendered: Json, live: Json) -> bool:
    """Whether writing it does nothing but roll Pods for a template that nobody has asked for.

    What else there is to write cannot wait, and takes the template with it.
    """
    wanted, known = _annotations(rendered), _annotations(live)
    if known.get(ANNOTATION_ASKED, wanted[ANNOTATION_ASKED]) != wanted[ANNOTATION_ASKED]:
        return False
    if known.get(ANNOTATION_TEMPLATE) == wanted[ANNOTATION_TEMPLATE]:
        return False
    if not live.get("spec", {}).get("replicas"):
        return False
    differences = find_differences(rendered, live)
    if any(difference.foreign for difference in differences):
        return False
    paths = {difference.path for difference in differences} - _RECORDS
    rolls = ANNOTATION_TEMPLATE in known or bool(paths)
    return rolls and all(path.startswith("spec.template.") for path in paths)


def is_rolling(live: Json) -> bool:
    """Whether a template that nobody has asked for is being given to the Pods of a StatefulSet."""
    if _annotations(live).get(ANNOTATION_CHANGED_BY) != BY_OPERATOR:
        return False
    status, replicas = live.get("status") or {}, live.get("spec", {}).get("replicas", 0)
    observed = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
    done = min(status.get("updatedReplicas", 0), status.get("readyReplicas", 0))
    return not observed or done < replicas


def _annotations(body: Json | None) -> dict[str, str]:
    found: dict[str, str] = ((body or {}).get("metadata") or {}).get("annotations") or {}
    return found

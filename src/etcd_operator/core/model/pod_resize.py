"""Read from a Pod which CPU and memory etcd has, and how far a change of them is."""

from __future__ import annotations

from etcd_operator.api.parse import parse_time
from etcd_operator.core.model.compute import read_compute
from etcd_operator.core.model.live_objects import PodResize
from etcd_operator.core.model.naming import ANNOTATION_RESIZE, RESIZE_REFUSED
from etcd_operator.json_types import Json

# Of a Pod whose resources are being changed. Source: PodResizePending in Kubernetes' core/v1.
_CONDITIONS = ("PodResizePending", "PodResizeInProgress")
_LONGEST = 300


def observe_resize(raw: Json, container: Json) -> Json:
    """Return the fields of a Pod about its resources; `container` is the status of etcd's."""
    containers = (raw.get("spec") or {}).get("containers") or ()
    own = next((c for c in containers if c.get("name") == "etcd"), None)
    told = container.get("resources")
    annotations = (raw.get("metadata") or {}).get("annotations") or {}
    return {
        "compute": None if own is None else read_compute(own.get("resources")),
        "compute_in_effect": None if told is None else read_compute(told),
        "resize": _read_request(str(annotations.get(ANNOTATION_RESIZE, ""))),
        "resize_waits": _find_waits(raw.get("status") or {}),
    }


def _read_request(text: str) -> PodResize | None:
    wanted, _, since = text.partition(" ")
    if not wanted:
        return None
    # A time that nobody can read is one that is over.
    return PodResize(wanted, None if since == RESIZE_REFUSED else parse_time(since))


def _find_waits(status: Json) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("type") in _CONDITIONS and condition.get("status") == "True":
            words = (condition.get("reason") or condition["type"], condition.get("message"))
            return ": ".join(str(word) for word in words if word)[:_LONGEST]
    return ""

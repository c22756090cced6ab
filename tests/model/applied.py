"""Live objects of what was applied: the same one for the same manifest."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Final

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.parse import observe_child
from etcd_operator.core.objects.metadata import fingerprint
from tests.builders.snapshots import NOW

WRITTEN: Final = NOW + timedelta(seconds=1)

_OBJECTS: Final[dict[tuple[str, str], Child]] = {}


def apply_object(action: ApplyObject) -> Child:
    """The live object; a StatefulSet has the revision of its template."""
    live = copy.deepcopy(action.manifest)
    version = fingerprint(live)
    live["metadata"].update(uid=action.kind, resourceVersion=version, generation=1)
    if action.kind == "StatefulSet":
        revision = fingerprint(live["spec"]["template"])
        live["status"] = {"updateRevision": revision, "observedGeneration": 1}
    made = replace(observe_child(action.kind, live), written=WRITTEN)
    return _OBJECTS.setdefault((action.kind, version), made)

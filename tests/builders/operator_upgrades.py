"""Templates of an earlier version of the operator."""

from __future__ import annotations

import copy
from collections.abc import Callable

from etcd_operator.core.model.naming import ANNOTATION_FINGERPRINT, ANNOTATION_TEMPLATE
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.json_types import Json
from tests.builders.snapshots import change_child


def older(snapshot: Snapshot, change: Callable[[Json], object]) -> Snapshot:
    """A cluster whose StatefulSet was written by a version with another template."""
    body = copy.deepcopy(snapshot.children["StatefulSet", "db"].body)
    annotations = body["metadata"]["annotations"]
    annotations |= {ANNOTATION_TEMPLATE: "old", ANNOTATION_FINGERPRINT: "old"}
    change(body)
    return change_child(snapshot, "StatefulSet", "db", body=body)


def other_probe(body: Json) -> None:
    """Change a template as a new version of the operator may: another period of a probe."""
    body["spec"]["template"]["spec"]["containers"][0]["livenessProbe"]["periodSeconds"] = 11

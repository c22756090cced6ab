"""The Pod template that a pass leaves."""

from __future__ import annotations

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.template import read_image, read_version
from etcd_operator.core.plan.planner import plan


def find_template(snapshot: Snapshot) -> tuple[str, str]:
    """Image and version in the StatefulSet as it will be after this pass."""
    applied = {a.kind: a.manifest for a in plan(snapshot).actions if isinstance(a, ApplyObject)}
    live = snapshot.statefulset
    made = applied.get("StatefulSet") or (live.body if live else {})
    return str(read_image(made)), str(read_version(made))

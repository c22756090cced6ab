"""Pods that were made from another template than the StatefulSet has now."""

from __future__ import annotations

from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.snapshot import Snapshot


def is_outdated(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether a Pod was made from another template than the StatefulSet has now."""
    live = snapshot.statefulset
    wanted = live.body.get("status", {}).get("updateRevision") if live else None
    current = snapshot.statefulset_observed
    return bool(current and wanted and pod.revision and pod.revision != wanted)

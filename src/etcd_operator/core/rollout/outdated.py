"""Pods that were made from another template than the StatefulSet has now."""

from __future__ import annotations

from etcd_operator.core.model.live_objects import Pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.rollout.resizing import find_resize


def is_outdated(snapshot: Snapshot, pod: Pod) -> bool:
    """Whether a Pod has to be made anew for the template that the StatefulSet has now.

    Not one that Kubernetes can give it, or is giving it, without that.
    """
    live = snapshot.statefulset
    wanted = live.update_revision if live else ""
    current = snapshot.statefulset_observed
    other = bool(current and wanted and pod.revision and pod.revision != wanted)
    return other and find_resize(snapshot, pod) is None

"""The EtcdCluster is being deleted: everything of it goes, nothing else does.

Needs neither etcd nor a quorum. Disks go last and only by uid; the finalizer is let go when they
are gone, so that a new cluster of the same name never meets them.
"""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import Action, DeleteObject, SetFinalizer
from etcd_operator.core.decision import LATER, Decision
from etcd_operator.core.naming import FINALIZER
from etcd_operator.core.snapshot import Snapshot

WHY = "its EtcdCluster is being deleted"


def tear_down(snapshot: Snapshot) -> Decision | None:
    """Delete the StatefulSet, the Pods and the disks, then let the EtcdCluster go."""
    cluster = snapshot.cluster
    if not cluster.deleting:
        return None
    keep_disks = cluster.spec.storage.retention_policy.when_deleted == "Retain"
    actions: list[Action] = []
    waiting: list[str] = []
    live = snapshot.statefulset
    if live and live.owner_uid == cluster.uid:
        waiting.append(f"StatefulSet {live.name}")
        if not live.deleting:
            actions.append(DeleteObject("StatefulSet", live.name, live.uid, WHY))
    for pod in snapshot.pods:
        waiting.append(f"Pod {pod.name}")
        if not pod.deleting:
            # A leader that stops looks seconds long for an heir among members that stop as well;
            # with disks that go too there is nothing to hand over.
            grace = None if keep_disks else 1
            actions.append(DeleteObject("Pod", pod.name, pod.uid, WHY, grace_seconds=grace))
    # Disks of an earlier cluster of the same name are nobody's to wait for.
    ours = [claim for claim in snapshot.claims if claim.owner_uid == cluster.uid]
    for claim in () if keep_disks else ours:
        waiting.append(f"PersistentVolumeClaim {claim.name}")
        if not claim.deleting:
            actions.append(DeleteObject("PersistentVolumeClaim", claim.name, claim.uid, WHY))
    if not waiting and FINALIZER in cluster.finalizers:
        actions = [SetFinalizer(False, cluster.uid, cluster.resource_version)]
    message = f"Waiting for {', '.join(waiting)} to go." if waiting else "Everything is gone."
    return Decision(
        reason="Deleting",
        message=message,
        phase=Phase.DELETING,
        actions=tuple(actions),
        wake_after=LATER if waiting else None,
        upkeep=False,
    )

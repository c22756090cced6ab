"""The guards of a deletion: what it leaves as orphans, and when it is over; see `guards`."""

from __future__ import annotations

from etcd_operator.core.actions import Action, SetFinalizer
from etcd_operator.core.lifecycle.orphans import is_made_for, is_orphaning
from etcd_operator.core.model.snapshot import Snapshot


def refuse_orphan(action: Action, snapshot: Snapshot) -> str | None:
    """Of a cluster that is deleted with --cascade=orphan nothing is touched but the finalizer."""
    if not snapshot.cluster.deleting or isinstance(action, SetFinalizer):
        return None
    left = [c for c in snapshot.children.values() if is_made_for(c, snapshot)]
    unowned = left and not any(child.owner_uid for child in left)
    return (
        "the EtcdCluster is deleted with --cascade=orphan: its objects stay"
        if "orphan" in snapshot.cluster.finalizers or unowned
        else None
    )


def refuse_release(snapshot: Snapshot) -> str | None:
    """Return why the finalizer must stay: without it nobody looks after what is left."""
    if not snapshot.cluster.deleting:
        return "the EtcdCluster is not being deleted"
    if is_orphaning(snapshot):
        return None
    uid = snapshot.naming.uid
    live = snapshot.statefulset
    keeps_disks = snapshot.spec.storage.retention_policy.when_deleted == "Retain"
    disks = not keeps_disks and any(claim.owner_uid == uid for claim in snapshot.claims)
    if snapshot.pods or disks or (live and live.owner_uid == uid):
        return "a Pod, a disk or the StatefulSet of the EtcdCluster still exists"
    return None

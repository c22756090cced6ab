"""Deletions with --cascade=orphan: what the EtcdCluster owns is to stay."""

from __future__ import annotations

from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import LABEL_CLUSTER_UID, ORPHAN
from etcd_operator.core.model.snapshot import Snapshot


def is_orphaning(snapshot: Snapshot) -> bool:
    """Whether the deletion is to leave what the EtcdCluster owns.

    The garbage collector takes the owner from each object first, and then its finalizer from the
    EtcdCluster; nobody may have seen that one.
    """
    if not snapshot.cluster.deleting:
        return False
    ours = [child for child in snapshot.children.values() if is_made_for(child, snapshot)]
    orphaned = bool(ours) and not any(child.owner_uid for child in ours)
    return ORPHAN in snapshot.cluster.finalizers or orphaned


def is_made_for(child: Child, snapshot: Snapshot) -> bool:
    """Whether its label says that it was made for this EtcdCluster, whoever owns it now."""
    labels = child.body.get("metadata", {}).get("labels") or {}
    return bool(labels.get(LABEL_CLUSTER_UID) == snapshot.naming.uid)

"""The guard of a deletion that leaves orphans; see `guards`."""

from __future__ import annotations

from etcd_operator.core.actions import Action, SetFinalizer
from etcd_operator.core.lifecycle.orphans import is_made_for
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

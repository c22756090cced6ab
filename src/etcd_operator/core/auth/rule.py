"""Bring etcd's users and roles to what the spec asks for."""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import ChangeAuth
from etcd_operator.core.auth.diff import find_changes
from etcd_operator.core.model.decision import POD_START, Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import routine


def sync_auth(snapshot: Snapshot) -> Decision | None:
    """Make users and roles as the spec has them, then let etcd ask for them."""
    changes, live = find_changes(snapshot), snapshot.membership
    if not changes or live is None or not snapshot.quorum_confirmed:
        return None
    return Decision(
        reason=routine.SYNCING_AUTH,
        message=f"Updating users and roles: {len(changes)} changes left.",
        phase=snapshot.cluster.status.phase or Phase.RUNNING,
        actions=tuple(ChangeAuth(change, live.cluster_id) for change in changes),
        requeue_after=POD_START,
    )

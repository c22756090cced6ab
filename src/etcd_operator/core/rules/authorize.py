"""Bring etcd's users and roles to what the spec asks for."""

from __future__ import annotations

from etcd_operator.api.cluster import Phase
from etcd_operator.core.access import find_changes
from etcd_operator.core.actions import ChangeAccess
from etcd_operator.core.decision import PRESENTLY, Decision
from etcd_operator.core.reasons import routine
from etcd_operator.core.snapshot import Snapshot


def authorize(snapshot: Snapshot) -> Decision | None:
    """Make users and roles as the spec has them, then let etcd ask for them."""
    changes, live = find_changes(snapshot), snapshot.membership
    if not changes or live is None or not snapshot.quorum_confirmed:
        return None
    return Decision(
        reason=routine.SYNCING_AUTH,
        message=f"Changing users and roles: {len(changes)} to go.",
        phase=snapshot.cluster.status.phase or Phase.RUNNING,
        actions=tuple(ChangeAccess(change, live.cluster_id) for change in changes),
        wake_after=PRESENTLY,
    )

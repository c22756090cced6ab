"""Guard of Services: an address by which clients reach a member does not go while it is asked for.

Whoever provides a load balancer gives its address back with the Service, and perhaps not again.
"""

from __future__ import annotations

from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.model.naming import ordinal_of_pod
from etcd_operator.core.model.snapshot import Snapshot


def is_of_member(action: DeleteObject, snapshot: Snapshot) -> bool:
    """Whether this is the Service of one member."""
    of_member = ordinal_of_pod(action.name, snapshot.naming.name) is not None
    return action.kind == "Service" and of_member


def refuse_service_removal(action: DeleteObject, snapshot: Snapshot) -> str | None:
    """Refuse to delete the Service of a member that is there, or is to be, while it is wanted."""
    wanted = snapshot.spec.member_addresses
    if wanted is None or wanted.service is None or snapshot.cluster.deleting:
        return None
    ordinal = ordinal_of_pod(action.name, snapshot.naming.name) or 0
    there = {pod.ordinal for pod in snapshot.pods} | {claim.ordinal for claim in snapshot.claims}
    if ordinal < snapshot.spec.size or ordinal in there:
        return "spec.memberAddresses asks for this Service"
    return None

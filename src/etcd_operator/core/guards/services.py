"""Guard of Services: an address by which clients reach members does not go while it is asked for.

Whoever provides a load balancer gives its address back with the Service, and perhaps not again.
"""

from __future__ import annotations

from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.model.naming import ordinal_of_pod
from etcd_operator.core.model.snapshot import Snapshot


def may_go(name: str, snapshot: Snapshot) -> bool:
    """Whether a Service of this name is one that the cluster may have or not, as its spec says."""
    return name not in (snapshot.naming.client_service, snapshot.naming.peer_service)


def refuse_service_removal(action: DeleteObject, snapshot: Snapshot) -> str | None:
    """Refuse to delete a Service by which clients may reach members, while it is wanted."""
    if snapshot.cluster.deleting:
        return None
    ordinal = ordinal_of_pod(action.name, snapshot.naming.name)
    if ordinal is None:
        named = action.name in snapshot.spec.service.aliases
        return "spec.service.aliases names this Service" if named else None
    wanted = snapshot.spec.member_addresses
    if wanted is None or wanted.service is None:
        return None
    there = {pod.ordinal for pod in snapshot.pods} | {claim.ordinal for claim in snapshot.claims}
    if ordinal < snapshot.spec.size or ordinal in there:
        return "spec.memberAddresses asks for this Service"
    return None

"""Services under further names that lead to the members: which there are to be, and which are.

Such a name may be that of a Service which is not the operator's, above all of the one that clients
used before a take-over. That is left alone; the operator's own comes when the name is free.
"""

from __future__ import annotations

from typing import Final

from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import LABEL_COMPONENT, ordinal_of_pod
from etcd_operator.core.model.snapshot import Snapshot

# The component of such a Service, by its label.
ALIAS: Final = "alias"


def wanted_aliases(snapshot: Snapshot) -> tuple[str, ...]:
    """The aliases that may be created: none while old members may be behind such a name."""
    return () if snapshot.take_over else snapshot.spec.service.aliases


def find_foreign_aliases(snapshot: Snapshot) -> list[str]:
    """The aliases of the spec that are names of Services which are not the cluster's."""
    named = (snapshot.child("Service", name) for name in snapshot.spec.service.aliases)
    return [live.name for live in named if live and live.owner_uid != snapshot.naming.uid]


def find_unwanted_aliases(snapshot: Snapshot) -> list[Child]:
    """The aliases of the cluster that its spec does not name any more."""
    return [
        child
        for child in snapshot.children.values()
        if child.owner_uid == snapshot.naming.uid
        and is_alias(child)
        and not is_own_name(snapshot, child.name)
        and child.name not in snapshot.spec.service.aliases
        and not child.deleting
    ]


def is_alias(child: Child) -> bool:
    """Whether this is a Service with the label of an alias."""
    labels = child.body.get("metadata", {}).get("labels") or {}
    return child.kind == "Service" and labels.get(LABEL_COMPONENT) == ALIAS


def is_own_name(snapshot: Snapshot, name: str) -> bool:
    """Whether the cluster has a Service of this name without any alias."""
    naming = snapshot.naming
    of_member = ordinal_of_pod(name, naming.name) is not None
    return of_member or name in (naming.client_service, naming.peer_service)

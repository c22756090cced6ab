"""Actions on a StatefulSet that is taken over, and on its members in etcd.

`cluster_id` is that of the etcd cluster that was looked at. Members are named by
their Pods, or by their endpoints.
"""

from __future__ import annotations

from dataclasses import dataclass

from etcd_operator.core.actions.event import ActionEvent
from etcd_operator.core.reasons import events


@dataclass(frozen=True, slots=True)
class ScaleSource:
    """Scale a StatefulSet of somebody else in, as it was looked at: its last Pod goes."""

    name: str
    uid: str
    resource_version: str
    replicas: int
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Scaled StatefulSet {self.name} to {self.replicas}: {cluster} takes it over."
        return ActionEvent(events.SOURCE_SCALED, sentence)


@dataclass(frozen=True, slots=True)
class RemoveSourceMember:
    """Remove the member of a Pod, or a process at an endpoint, that is gone for good."""

    pod: str
    ordinal: int
    member_id: int
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Removed member {self.pod} ({self.member_id:x}): {cluster} took it over."
        return ActionEvent(events.MEMBER_REMOVED, sentence)


@dataclass(frozen=True, slots=True)
class PassLeadership:
    """Transfer leadership between a member of the cluster and one that it takes over."""

    from_name: str
    from_id: int
    to_name: str
    to_id: int
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        return ActionEvent(
            events.LEADER_MOVED, f"Moved leadership from {self.from_name} to {self.to_name}."
        )

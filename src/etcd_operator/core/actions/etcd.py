"""Actions on etcd: its members, its maintenance, its users and roles.

`cluster_id` is that of the etcd cluster that was looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

from etcd_operator.core.actions.event import ActionEvent
from etcd_operator.core.auth.state import Change
from etcd_operator.core.reasons import events


@dataclass(frozen=True, slots=True)
class AddLearner:
    """Add a member, without a vote."""

    ordinal: int
    peer_url: str
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Added member {cluster}-{self.ordinal} as a learner."
        return ActionEvent(events.MEMBER_ADDED, sentence)


@dataclass(frozen=True, slots=True)
class PromoteMember:
    """Give a learner its vote."""

    ordinal: int
    member_id: int
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Promoted learner {cluster}-{self.ordinal} ({self.member_id:x}) to voter."
        return ActionEvent(events.MEMBER_PROMOTED, sentence)


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Remove a member from the cluster."""

    ordinal: int
    member_id: int
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Removed member {cluster}-{self.ordinal} ({self.member_id:x})."
        return ActionEvent(events.MEMBER_REMOVED, sentence)


@dataclass(frozen=True, slots=True)
class UpdateMember:
    """Change the peer URLs of a member; etcd takes all of them for where others reach it."""

    ordinal: int
    member_id: int
    peer_urls: tuple[str, ...]
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        urls = " and ".join(self.peer_urls)
        sentence = f"Listed member {cluster}-{self.ordinal} ({self.member_id:x}) at {urls}."
        return ActionEvent(events.MEMBER_UPDATED, sentence)


@dataclass(frozen=True, slots=True)
class MoveLeader:
    """Transfer leadership from one member to another."""

    from_ordinal: int
    from_id: int
    to_ordinal: int
    to_id: int
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        source, target = f"{cluster}-{self.from_ordinal}", f"{cluster}-{self.to_ordinal}"
        return ActionEvent(events.LEADER_MOVED, f"Moved leadership from {source} to {target}.")


@dataclass(frozen=True, slots=True)
class Compact:
    """Remove the history of keys up to a revision; what they hold now stays."""

    revision: int
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Compacted the history of keys up to revision {self.revision}."
        return ActionEvent(events.COMPACTED, sentence)


@dataclass(frozen=True, slots=True)
class Defragment:
    """Have one member write its database anew, without unused space; it serves nobody meanwhile."""

    ordinal: int
    member_id: int
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Defragmented the database of {cluster}-{self.ordinal}."
        return ActionEvent(events.DEFRAGMENTED, sentence)


@dataclass(frozen=True, slots=True)
class DisarmAlarm:
    """Disarm an alarm (NOSPACE, CORRUPT) about one member."""

    alarm: str
    member_id: int
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        sentence = f"Disarmed the alarm {self.alarm} of member {self.member_id:x}."
        return ActionEvent(events.ALARM_DISARMED, sentence)


@dataclass(frozen=True, slots=True)
class SetDowngrade:
    """Enable etcd's downgrade to a minor version such as 3.5, or end it where it stands (empty)."""

    target: str
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        if not self.target:
            return ActionEvent(events.DOWNGRADE_CANCELED, "Ended the etcd downgrade.")
        sentence = f"Enabled the etcd downgrade to {self.target}."
        return ActionEvent(events.DOWNGRADE_ENABLED, sentence)


@dataclass(frozen=True, slots=True)
class ChangeAuth:
    """Take one step with etcd's users and roles."""

    change: Change
    cluster_id: int

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        return ActionEvent(events.AUTH_SYNCED, f"{self.change.sentence}.")

"""The action on connection Secrets."""

from __future__ import annotations

from dataclasses import dataclass

from etcd_operator.core.actions.event import ActionEvent
from etcd_operator.core.connections.state import Connection
from etcd_operator.core.reasons import events


@dataclass(frozen=True, slots=True)
class WriteConnection:
    """Write a connection Secret, from the Secrets with its certificate and its password.

    `uid` and `resource_version` are those of the Secret that was looked at, empty if there was
    none. It is refused if one of the Secrets that it is made from has changed.
    """

    connection: Connection
    uid: str
    resource_version: str
    why: str

    def event(self, cluster: str) -> ActionEvent:
        """Return the reason and the sentence of the Event."""
        verb = "Updated" if self.uid else "Created"
        sentence = f"{verb} the connection Secret {self.connection.secret}: {self.why}."
        return ActionEvent(events.CONNECTION_WRITTEN, sentence)

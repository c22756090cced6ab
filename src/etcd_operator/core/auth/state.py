"""etcd's own users and roles, and the steps that change them, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission of a role; `kind` is READ, WRITE or READWRITE, the range as etcd has it."""

    kind: str
    key: bytes
    range_end: bytes = b""


@dataclass(frozen=True, slots=True)
class EtcdAuth:
    """Users and roles in etcd: roles of each user, grants of each role, whether auth is enabled."""

    enabled: bool = False
    users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    roles: Mapping[str, frozenset[Grant]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed:
    """Names of users and roles to ask etcd for, where those of others are of no interest."""

    users: frozenset[str]
    roles: frozenset[str]


class Step(Enum):
    """Kinds of changes, as the sentence of the Event says them."""

    ADD_ROLE = "Created the role {subject}"
    GRANT = "Granted the role {subject} permission to {grant}"
    REVOKE = "Revoked from the role {subject} the permission to {grant}"
    ADD_USER = "Created the user {subject}"
    GIVE_ROLE = "Granted the role {role} to the user {subject}"
    TAKE_ROLE = "Revoked the role {role} from the user {subject}"
    ENABLE = "Enabled authentication"
    DISABLE = "Disabled authentication"
    DELETE_USER = "Deleted the user {subject}"
    DELETE_ROLE = "Deleted the role {subject}"


@dataclass(frozen=True, slots=True)
class Change:
    """One step; `subject` is a user or a role."""

    step: Step
    subject: str = ""
    role: str = ""
    grant: Grant | None = None

    @property
    def sentence(self) -> str:
        """The change, as a sentence without its full stop."""
        return self.step.value.format(
            subject=self.subject, role=self.role, grant=_describe(self.grant)
        )


def _describe(grant: Grant | None) -> str:
    if grant is None:
        return ""
    verbs = {"READ": "read", "WRITE": "write", "READWRITE": "read and write"}
    what = repr(grant.key.decode(errors="replace"))
    return f"{verbs[grant.kind]} {what}{' and a range from it on' if grant.range_end else ''}"

"""etcd's own users and roles, and the steps that change them, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

# The user that the operator and its Jobs are where members serve clients plain text. No spec can
# list it, because the names there have no dots.
OPERATOR_USER: Final = "operator.etcd.etcd.io"
# In etcd's ranges the first key of all, and no end.
NUL: Final = b"\0"


@dataclass(frozen=True, slots=True)
class Grant:
    """Permission of a role; `kind` is READ, WRITE or READWRITE, the range as etcd has it."""

    kind: str
    key: bytes
    range_end: bytes = b""


class PasswordState(Enum):
    """etcd's answer to a login as a user with the password that the spec gives it, or any other.

    etcd shows no password, and tells who has none from who has another one.
    """

    WANTED = "wanted"
    OTHER = "other"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PasswordSecret:
    """A Secret with the password of a user, as far as it is public.

    `problem` is why it cannot be used, in a sentence's part that goes with its name; `owner_uid` is
    the uid of the object that it goes with, empty if none.
    """

    name: str
    uid: str
    resource_version: str
    problem: str = ""
    owner_uid: str = ""


@dataclass(frozen=True, slots=True)
class EtcdAuth:
    """Users and roles in etcd: roles of each user, grants of each role, whether auth is enabled.

    `passwords` are those of users that the spec lists; etcd tells of none while auth is disabled.
    `revision` is etcd's count of changes.
    """

    enabled: bool = False
    users: Mapping[str, frozenset[str]] = field(default_factory=dict)
    roles: Mapping[str, frozenset[Grant]] = field(default_factory=dict)
    passwords: Mapping[str, PasswordState] = field(default_factory=dict)
    revision: int = 0


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
    SET_LOGIN = "Set the password of the user {subject} to that in Secret {secret}"
    # etcd gives no password to a user that was created without one, and takes none away.
    RECREATE_USER = "Created the user {subject} anew, {how} a password"
    GIVE_ROLE = "Granted the role {role} to the user {subject}"
    TAKE_ROLE = "Revoked the role {role} from the user {subject}"
    ENABLE = "Enabled authentication"
    DISABLE = "Disabled authentication"
    DELETE_USER = "Deleted the user {subject}"
    DELETE_ROLE = "Deleted the role {subject}"


@dataclass(frozen=True, slots=True)
class Change:
    """One step; `subject` is a user or a role, `secret` has the password that a user gets."""

    step: Step
    subject: str = ""
    role: str = ""
    grant: Grant | None = None
    secret: PasswordSecret | None = None

    @property
    def sentence(self) -> str:
        """The change, as a sentence without its full stop."""
        return self.step.value.format(
            subject=self.subject,
            role=self.role,
            grant=_describe(self.grant),
            secret=self.secret.name if self.secret else "",
            how="with" if self.secret else "without",
        )


def end_of_prefix(key: bytes) -> bytes:
    """Return the first key after all that begin with this one; NUL stands for no end at all."""
    rest = key.rstrip(b"\xff")
    return rest[:-1] + bytes((rest[-1] + 1,)) if rest else NUL


def _describe(grant: Grant | None) -> str:
    if grant is None:
        return ""
    verbs = {"READ": "read", "WRITE": "write", "READWRITE": "read and write"}
    return f"{verbs[grant.kind]} {_describe_keys(grant.key, grant.range_end)}"


def _describe_keys(key: bytes, end: bytes) -> str:
    first, after = (repr(each.decode(errors="replace")) for each in (key, end))
    if not end:
        return f"the key {first}"
    if end == NUL:  # https://etcd.io/docs/v3.6/learning/api/#key-ranges
        return "all keys" if key == NUL else f"all keys from {first} on"
    if end == end_of_prefix(key):
        return f"all keys that begin with {first}"
    return f"the keys from {first} to the last one before {after}"

"""Every error the operator raises on purpose.

OperatorError
├── KubeError                 an answer (or none) of the Kubernetes API server
│   ├── NotFound              404
│   ├── Conflict              409: resourceVersion or uid precondition, or the object exists
│   ├── Invalid               400, 422: the server refuses the object; `reason` says why
│   ├── Forbidden             401, 403: missing rights, quota, admission; 500 without its webhook
│   ├── Gone                  410: the resourceVersion asked for is too old
│   ├── EvictionRefused       429, 500: a PodDisruptionBudget lets no Pod go; ask again
│   └── KubeUnavailable       429, 5xx, timeouts, refused or broken connections: try again
├── EtcdError                 an answer (or none) of an etcd member
│   ├── EtcdUnreachable       no connection, or no answer before the deadline: outcome unknown
│   │   └── MessageTooLarge   a message is larger than gRPC takes, here or there
│   └── EtcdRefused           etcd answered no; `refusal` says which no it was
├── CannotListen              the port of a setting is taken, or may not be used
└── TaskError                 a Job for a backup or a restore cannot go on; the text says why
    └── BackupDiffers         restored for trial, a backup holds other data than its cluster
"""

from __future__ import annotations

from enum import Enum
from typing import Final

# What etcd says to who logs in as a user that was created without a password. Source:
# `ErrNoPasswordUser` in etcd's server/auth/store.go.
NO_PASSWORD: Final = "password was given for no password user"  # noqa: S105 (a sentence)


class OperatorError(Exception):
    """The root of all errors raised on purpose."""


class KubeError(OperatorError):
    """The API server said no, or nothing. `status` is the HTTP status, 0 when there was none."""

    def __init__(self, message: str, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotFound(KubeError):
    """The object does not exist."""


class Conflict(KubeError):
    """A precondition failed, or the object to be created exists."""


class Invalid(KubeError):
    """The server refuses the object as it is."""


class Forbidden(KubeError):
    """The server refuses the operator: RBAC, quota or admission."""


class Gone(KubeError):
    """The resourceVersion to continue from has been compacted away."""


class EvictionRefused(KubeError):
    """A PodDisruptionBudget lets the Pod not go; the text names the budget where it is known."""


class KubeUnavailable(KubeError):
    """No usable answer; the same call may succeed later. `retry_after` in seconds, when told."""

    def __init__(
        self, message: str, status: int = 0, reason: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(message, status, reason)
        self.retry_after = retry_after


def find_retry_after(error: Exception) -> float | None:
    """Seconds for which the API server asked to wait; None if it did not, or for another error."""
    return error.retry_after if isinstance(error, KubeUnavailable) else None


class EtcdError(OperatorError):
    """An etcd member said no, or nothing."""


class EtcdUnreachable(EtcdError):
    """No connection or no answer in time. Whether the request took effect is unknown."""


class MessageTooLarge(EtcdUnreachable):
    """An answer is larger than is read here, or a request than is read there: make it smaller."""


class Refusal(Enum):
    """The answers of etcd that decisions depend on; everything else is OTHER."""

    UNHEALTHY_CLUSTER = "unhealthy cluster"
    TOO_MANY_LEARNERS = "too many learners"
    LEARNER_NOT_READY = "learner not ready"
    NOT_A_LEARNER = "not a learner"
    MEMBER_NOT_FOUND = "member not found"
    MEMBER_EXISTS = "member exists"
    NOT_ENOUGH_STARTED_MEMBERS = "not enough started members"
    NOT_LEADER = "not leader"
    NO_LEADER = "no leader"
    COMPACTED = "compacted"
    TOO_LARGE = "request too large"
    TOO_MANY_OPERATIONS = "too many operations"
    NO_DOWNGRADE = "no downgrade"
    LOGIN_IMPOSSIBLE = "the user has no password"
    LOGIN_FAILED = "wrong user or password"
    AUTHENTICATION = "authentication"
    OTHER = "other"


class EtcdRefused(EtcdError):
    """Etcd answered with a refusal: the request had no effect."""

    def __init__(self, message: str, refusal: Refusal = Refusal.OTHER) -> None:
        super().__init__(message)
        self.refusal = refusal


class CannotListen(OperatorError):
    """The port of a setting is taken, or may not be used; the text names the setting."""


class TaskError(OperatorError):
    """A Job for a backup or a restore cannot go on; the text is the sentence for the user."""


class BackupDiffers(TaskError):
    """Restored for trial, a backup holds other data than the cluster that it was taken from."""

"""Tell from the status of a gRPC call whether etcd refused it, or whether nobody knows.

Etcd reports some refusals with the code of a broken connection (`unhealthy cluster` is
UNAVAILABLE), so refusals are told apart by etcd's own sentences, which are part of its API
(`api/v3rpc/rpctypes/error.go`).
"""

from __future__ import annotations

from typing import Final

import grpc

from etcd_operator.errors import (
    NO_PASSWORD,
    EtcdError,
    EtcdRefused,
    EtcdUnreachable,
    MessageTooLarge,
    Refusal,
)
from etcd_operator.printable import make_printable

LONGEST_DETAILS: Final = 300

_REFUSALS: Final = (
    ("unhealthy cluster", Refusal.UNHEALTHY_CLUSTER),
    ("too many learner members", Refusal.TOO_MANY_LEARNERS),
    ("can only promote a learner member which is in sync", Refusal.LEARNER_NOT_READY),
    ("can only promote a learner member", Refusal.NOT_A_LEARNER),
    ("member not found", Refusal.MEMBER_NOT_FOUND),
    ("Peer URLs already exists", Refusal.MEMBER_EXISTS),
    ("member ID already exist", Refusal.MEMBER_EXISTS),
    (
        "re-configuration failed due to not enough started members",
        Refusal.NOT_ENOUGH_STARTED_MEMBERS,
    ),
    ("not leader", Refusal.NOT_LEADER),
    ("required revision has been compacted", Refusal.COMPACTED),
    ("request is too large", Refusal.TOO_LARGE),
    ("too many operations in txn request", Refusal.TOO_MANY_OPERATIONS),
    ("no inflight downgrade", Refusal.NO_DOWNGRADE),
    (NO_PASSWORD, Refusal.LOGIN_IMPOSSIBLE),
    ("invalid user ID or password", Refusal.LOGIN_FAILED),
    # Some calls of 3.5 say these with the code of an unknown error.
    ("user name is empty", Refusal.AUTHENTICATION),
    ("permission denied", Refusal.AUTHENTICATION),
    ("authentication failed", Refusal.AUTHENTICATION),
    ("invalid auth token", Refusal.AUTHENTICATION),
    ("revision of auth store is old", Refusal.AUTHENTICATION),
)
# Said after the request may have been proposed: nobody knows whether it will be carried out.
_UNKNOWN_OUTCOME: Final = ("request timed out", "leader changed", "no leader", "server stopped")
# Said by gRPC: here of an answer that came, there of a request.
_TOO_LARGE: Final = "message larger than max"


def translate_error(code: grpc.StatusCode, details: str, address: str) -> EtcdError:
    """Return the error of `errors` for a gRPC status: refused, or outcome unknown."""
    # As long as etcd's own are; what else calls itself a member may send kilobytes.
    sentence = f"{address}: {make_printable(details[:LONGEST_DETAILS]) or code.name}"
    for text, refusal in _REFUSALS:
        if text in details:
            return EtcdRefused(sentence, refusal)
    if _TOO_LARGE in details:
        return MessageTooLarge(sentence)
    unknown = code in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    )
    if unknown or any(text in details for text in _UNKNOWN_OUTCOME):
        return EtcdUnreachable(sentence)
    return EtcdRefused(sentence)

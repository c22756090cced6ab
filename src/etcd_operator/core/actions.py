"""Everything the operator can do, as data: a closed union of frozen values.

Each action carries the preconditions that the server checks (uid, resourceVersion, member and
cluster ID), so that acting on an old view fails instead of doing harm. `describe` is the sentence
of the event and of the log line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, assert_never

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SetFinalizer:
    """Add the finalizer to the EtcdCluster, or remove it. Fenced by uid and resourceVersion."""

    present: bool
    uid: str
    resource_version: str


@dataclass(frozen=True, slots=True)
class ApplyObject:
    """Server-side apply one rendered object.

    `uid` is that of the live object that was looked at (empty: there was none, and the server
    creates it); the server refuses if another object has taken its place. `resource_version`,
    where given, makes it refuse as well if anything changed since: so an operator that slept
    through its lease can neither open a gate nor stop Pods from an old view.
    """

    kind: str
    name: str
    uid: str
    resource_version: str
    why: str
    manifest: Json = field(hash=False)


@dataclass(frozen=True, slots=True)
class DeleteObject:
    """Delete one Pod, claim or StatefulSet: exactly this one, by uid."""

    kind: str
    name: str
    uid: str
    why: str


@dataclass(frozen=True, slots=True)
class LabelPod:
    """Say on a Pod whether it is a voter or a learner: Services and budgets select by it."""

    name: str
    uid: str
    role: str


@dataclass(frozen=True, slots=True)
class AddLearner:
    """Announce a new member, without a vote."""

    ordinal: int
    peer_url: str
    cluster_id: int


@dataclass(frozen=True, slots=True)
class PromoteMember:
    """Give a learner its vote."""

    ordinal: int
    member_id: int
    cluster_id: int


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Take a member out of the cluster."""

    ordinal: int
    member_id: int
    cluster_id: int


@dataclass(frozen=True, slots=True)
class MoveLeader:
    """Hand leadership from one member to another."""

    from_ordinal: int
    from_id: int
    to_ordinal: int
    to_id: int
    cluster_id: int


EtcdAction = AddLearner | PromoteMember | RemoveMember | MoveLeader
KubeAction = SetFinalizer | ApplyObject | DeleteObject | LabelPod
Action = EtcdAction | KubeAction


def describe(action: Action, cluster: str) -> tuple[str, str]:
    """Return the event reason and sentence for an action that took effect on `cluster`."""
    match action:
        case SetFinalizer(present=present):
            verb = "Took charge of" if present else "Let go of"
            return ("Adopted" if present else "Released"), f"{verb} {cluster}."
        case ApplyObject(kind=kind, name=name, uid=uid, why=why):
            verb = "Updated" if uid else "Created"
            return f"{verb}{kind}", f"{verb} {kind} {name}: {why}."
        case DeleteObject(kind=kind, name=name, why=why):
            return f"Deleted{kind}", f"Deleted {kind} {name}: {why}."
        case LabelPod(name=name, role=role):
            return "PodRole", f"Pod {name} is now a {role}."
        case AddLearner(ordinal=ordinal):
            return "MemberAdded", f"Added member {cluster}-{ordinal} as a learner."
        case PromoteMember(ordinal=ordinal, member_id=member_id):
            return (
                "MemberPromoted",
                f"Promoted learner {cluster}-{ordinal} ({member_id:x}) to voter.",
            )
        case RemoveMember(ordinal=ordinal, member_id=member_id):
            return "MemberRemoved", f"Removed member {cluster}-{ordinal} ({member_id:x})."
        case MoveLeader(from_ordinal=source, to_ordinal=target):
            return (
                "LeaderMoved",
                f"Moved leadership from {cluster}-{source} to {cluster}-{target}.",
            )
    assert_never(action)

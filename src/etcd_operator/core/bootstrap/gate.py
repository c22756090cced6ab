"""Layout of the StatefulSet and the gate for a given membership.

The gate is the set of configuration files, one per member, that decides what an etcd process may
do when it starts on an empty disk (with a write-ahead log on its disk, etcd ignores the file):

    NEW     form the cluster with the others of the first generation. Exists only until the
            cluster ID is recorded, and only where no earlier life may have been.
    JOIN    join the members listed, all announced to etcd. Only for a learner that never served.
    CLOSED  fail to start. Everyone else: a member whose disk was wiped cannot form a cluster of
            its own nor come back empty under its old identity.

A voter of the first generation that etcd has never heard of serving may have voted all the same:
it publishes that it serves a moment later, and where its disk was lost since nobody can tell. So
one that was too late to form the cluster is replaced by a learner.

Without a member list confirmed by a quorum nothing is ever lowered, opened or taken away.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from etcd_operator.core.bootstrap.gate_record import (
    has_served,
    recorded_bootstrap,
    recorded_members,
    restored_members,
)
from etcd_operator.core.consistency.divergence import next_differed
from etcd_operator.core.in_place_restore.record import find_restore_record
from etcd_operator.core.model.members import Member
from etcd_operator.core.model.naming import MOST_MEMBERS
from etcd_operator.core.model.ownership import announced_beyond
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.quorum_loss.approval import find_recovered, spent_approvals
from etcd_operator.core.quorum_loss.record import Recovery
from etcd_operator.core.rollout.versions import next_record
from etcd_operator.core.takeover.record import TakeOver


class Gate(Enum):
    """Permission of a member with an empty disk."""

    NEW = "new"
    JOIN = "join"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Layout:
    """The gate per ordinal, who is listed in the files, and how many Pods there are to be.

    `cluster_id` is None while the cluster is not formed; `bootstrap` is the number of members of
    the first generation, kept until then. `confirmed` is False when no quorum stands behind this
    layout: then a gate that already fences by cluster ID is left exactly as it is. `recovery` is
    under way, from a lost majority; `recovered` is the record of the last one, and `spent` of all
    approvals that count no more. `version` is the record of what members ran. `served` is recorded
    while the cluster ID is not: there was a majority. Ordinals below `announced` may be announced
    to etcd. `differed` is the record of members whose data differed. `take_over` is under way, and
    `beside` are the members that it takes over: who joins has to know them. `peer_urls` are
    those of members, by ordinal, that have others than a member which starts now.
    """

    gates: tuple[Gate, ...]
    listed: tuple[int, ...]
    replicas: int
    cluster_id: int | None
    bootstrap: int | None
    confirmed: bool = True
    recovery: Recovery | None = None
    recovered: str = ""
    spent: tuple[str, ...] = ()
    version: str = ""
    served: bool = False
    announced: int = 0
    differed: str = ""
    take_over: TakeOver | None = None
    beside: tuple[Member, ...] = ()
    peer_urls: tuple[tuple[int, tuple[str, ...]], ...] = ()


def lay_out_bootstrap(snapshot: Snapshot, members: int) -> Layout:
    """The layout of a cluster that is not formed yet: all members start together as NEW.

    The gate is CLOSED where disks exist but nothing says that they belong to this bootstrap, where
    an EtcdRestore filled them: they hold the cluster already; where the members are to join another
    cluster; and once a Pod was Ready: then a majority has formed it, whether or not the operator
    can ask.
    """
    stopped = snapshot.spec.size == 0
    remains = snapshot.claims or [pod for pod in snapshot.pods if pod.ephemeral]
    earlier_life = bool(remains) and recorded_bootstrap(snapshot) is None
    # A restored disk needs no file to start from; one that lost its data must not begin anew.
    restore = find_restore_record(snapshot.cluster)
    restored = restore is not None or restored_members(snapshot) is not None
    served = has_served(snapshot)
    joins = snapshot.cluster.spec.joins is not None
    gate = Gate.CLOSED if earlier_life or restored or served or joins else Gate.NEW
    everyone = tuple(range(members))
    return Layout(
        gates=(gate,) * members,
        listed=everyone,
        replicas=0 if stopped else members,
        cluster_id=None,
        bootstrap=members,
        served=served,
    )


def lay_out(snapshot: Snapshot, cluster_id: int) -> Layout:
    """The layout of a formed cluster."""
    if snapshot.quorum_confirmed:
        return _from_members(snapshot, cluster_id)
    recorded = recorded_members(snapshot)
    replicas = max(max(recorded, default=-1) + 1, snapshot.replicas or 0)
    highest = max([replicas, *(claim.ordinal + 1 for claim in snapshot.claims)])
    return Layout(
        gates=(Gate.CLOSED,) * min(highest, MOST_MEMBERS),
        listed=recorded,
        replicas=0 if snapshot.spec.size == 0 else replicas,
        cluster_id=cluster_id,
        bootstrap=None,
        confirmed=False,
        version=next_record(snapshot),
        announced=snapshot.announced,
    )


def _from_members(snapshot: Snapshot, cluster_id: int) -> Layout:
    by_ordinal = snapshot.ownership.own
    # A file that is not there is as closed as one that says so.
    highest = max(by_ordinal, default=-1) + 1
    gates = tuple(_gate(by_ordinal.get(ordinal)) for ordinal in range(highest))
    return Layout(
        gates=gates,
        listed=tuple(sorted(by_ordinal)),
        replicas=0 if snapshot.spec.size == 0 else highest,
        cluster_id=cluster_id,
        bootstrap=None,
        recovered=" ".join(find_recovered(snapshot)).strip(),
        spent=spent_approvals(snapshot),
        version=next_record(snapshot),
        announced=_next_announced(snapshot, highest),
        differed=next_differed(snapshot),
        take_over=snapshot.take_over,
        beside=snapshot.ownership.taken_over,
        peer_urls=_find_other_urls(snapshot),
    )


def _find_other_urls(snapshot: Snapshot) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """The peer URLs of members that TLS between members is being turned on or off for."""
    naming = snapshot.naming
    return tuple(
        (ordinal, member.peer_urls)
        for ordinal, member in sorted(snapshot.ownership.own.items())
        if member.peer_urls != (naming.peer_url(ordinal),)
        and naming.gives_urls(ordinal, member.peer_urls)
    )


def _next_announced(snapshot: Snapshot, members: int) -> int:
    """How many ordinals may be announced from now on.

    On record before the first of them is announced, so that whoever finds a member knows whose it
    is. It is lowered only when the members beyond are gone; and beside a foreign member nothing is
    announced, for that one might be taken for ours.
    """
    size = snapshot.spec.size
    if snapshot.ownership.foreign:
        return snapshot.announced
    beyond = announced_beyond(snapshot.gate_annotations)
    return max(members, beyond) if members > size else size


def _gate(member: Member | None) -> Gate:
    if member is not None and member.is_learner and not member.started:
        return Gate.JOIN
    return Gate.CLOSED

"""Clusters that have lost their majority, and every stage of going on without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from etcd_operator.core import guards
from etcd_operator.core.actions import Action, QuarantineDisk
from etcd_operator.core.membership.disks import EMPTY
from etcd_operator.core.model.live_objects import PodProblem, Probe
from etcd_operator.core.model.members import MemberList, RaftProgress
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from tests.builders.snapshots import (
    CLUSTER_ID,
    NOW,
    after_kubernetes,
    answer,
    change_child,
    change_pod,
    formed,
    member,
    member_id,
    silent,
    with_spec,
    with_status,
    without_pods,
)

LONG = timedelta(hours=1)
CRASHES = PodProblem("CrashLoopBackOff", "etcd ended")
LOST = [
    {
        "type": "QuorumHealthy",
        "status": "False",
        "reason": "MajorityLost",
        "lastTransitionTime": "2026-03-04T05:00:00Z",
    }
]
REQUEST = "c1d/90"


def approve(snapshot: Snapshot, cluster_id: str = "c1d", revision: int = 90) -> Snapshot:
    """A person approves going on."""
    wanted = {"clusterID": cluster_id, "acceptedRevision": revision}
    return with_spec(snapshot, recovery={"quorumLoss": wanted})


def lost(*away: int, size: int = 3, **revisions: int) -> Snapshot:
    """The majority has been away for minutes; `m0=95` gives a member's committed index."""
    snapshot = with_status(silent(formed(size), *away), conditions=LOST)
    for ordinal in range(size):
        snapshot = change_pod(snapshot, ordinal, ready=False, unready_since=NOW - LONG)
    probes = dict(snapshot.probes)
    for name, index in revisions.items():
        ordinal = int(name[1:])
        probes[ordinal] = answer(ordinal, raft_index=index, revision=index)
    probes = {o: Probe(replace(p.status, leader=0)) if p.status else p for o, p in probes.items()}
    return replace(snapshot, probes=probes)


def follow(snapshot: Snapshot) -> Snapshot:
    """Let everything that the plan wants take effect."""
    for action in plan(snapshot).actions:
        assert guards.refuse(action, snapshot) is None, action
        snapshot = take_effect(snapshot, action)
    return snapshot


def take_effect(snapshot: Snapshot, action: Action) -> Snapshot:
    """What becomes of the world."""
    match action:
        case QuarantineDisk(uid=uid):
            return replace(snapshot, claims=tuple(c for c in snapshot.claims if c.uid != uid))
        case _ if getattr(action, "kind", "") == "Pod":
            return change_pod(snapshot, 0, deleting=True)
        case _:
            return after_kubernetes(snapshot, action)


def isolating() -> Snapshot:
    """The record is written."""
    return follow(approve(lost(1, 2)))


def alone() -> Snapshot:
    """The others' Pods and disks are gone, and that was recorded."""
    snapshot = without_pods(follow(isolating()), 1, 2)
    return follow(follow(snapshot))


def forced() -> Snapshot:
    """The kept member runs as a cluster of its own."""
    snapshot = follow(alone())
    snapshot = change_pod(follow(snapshot), 0, deleting=False, forced=True, uid="forced")
    return replace(
        snapshot,
        membership=MemberList(CLUSTER_ID, (member(0),), True),
        probes={0: answer(0)},
    )


def settled_again() -> Snapshot:
    """The kept member runs from the usual template again."""
    snapshot = follow(follow(follow(forced())))
    return change_pod(snapshot, 0, deleting=False, forced=False, uid="usual")


def leaderless() -> Snapshot:
    """Nobody leads, but two of three answer."""
    snapshot = lost(1, 2)
    return replace(snapshot, probes={**snapshot.probes, 1: answer(1)})


def started_again(*ordinals: int, size: int = 3, **reach: int) -> Snapshot:
    """These members run again and serve nobody, the others crash. `m0=95`: how far one reaches."""
    snapshot = lost(*range(size), size=size)
    probes = {}
    for ordinal in range(size):
        if ordinal in ordinals:
            index = reach.get(f"m{ordinal}", 100)
            standing = RaftProgress(member_id(ordinal), index, index, is_learner=False)
            probes[ordinal] = Probe(None, "no answer", standing)
        else:
            snapshot = change_pod(snapshot, ordinal, running=False, restarts=3, problem=CRASHES)
    return replace(snapshot, probes=probes)


def with_standing(
    snapshot: Snapshot, ordinal: int, index: int, *, is_learner: bool = False
) -> Snapshot:
    """This member runs and serves nobody."""
    standing = RaftProgress(member_id(ordinal), index, index, is_learner)
    return replace(snapshot, probes={**snapshot.probes, ordinal: Probe(None, "", standing)})


def says_empty(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """These members ended with the words that their disks are empty."""
    for ordinal in ordinals:
        snapshot = change_pod(snapshot, ordinal, termination_message=EMPTY[0])
    return snapshot


def approve_and_begin(snapshot: Snapshot) -> Snapshot:
    """It is approved, and that is recorded."""
    return follow(approve(snapshot))


def gate_of(snapshot: Snapshot) -> dict[str, str]:
    """The files of the ConfigMap."""
    assert snapshot.config_map is not None
    return dict(snapshot.config_map.body["data"])


def with_note(snapshot: Snapshot, name: str, text: str) -> Snapshot:
    """The ConfigMap carries an annotation as well."""
    gate = snapshot.config_map
    assert gate is not None
    metadata = gate.body["metadata"]
    notes = {**metadata["annotations"], name: text}
    body = {**gate.body, "metadata": {**metadata, "annotations": notes}}
    return change_child(snapshot, gate.kind, gate.name, body=body)

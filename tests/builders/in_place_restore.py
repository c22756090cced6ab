"""Clusters in every stage of a restore in place."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.in_place_restore.record import (
    ANNOTATION_RECORD,
    ANNOTATION_WISH,
    OldDisk,
    RestoreRecord,
    Stage,
)
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.members import MemberList
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.json_types import Json
from tests.builders.snapshots import (
    CLUSTER_ID,
    after_kubernetes,
    answer,
    claim,
    formed,
    member,
    pod,
    with_cluster,
    with_status,
    without_pods,
)

NEW_ID = 0xE11
OLD_DISKS = tuple(OldDisk(o, f"claim-{o}", f"v-{o}") for o in range(3))
RECORD = RestoreRecord(Stage.KEEP, "r", CLUSTER_ID, 3, (0, 1, 2), OLD_DISKS)
VOLUMES = ("v-0", "v-1", "v-2")
DONE = {"etcd.etcd.io/restore": "r", "etcd.etcd.io/restore-size": "3", "etcd.etcd.io/restored": "r"}


def before(**changes: Any) -> Snapshot:
    """A healthy cluster of three whose disks have volumes."""
    snapshot = formed(3)
    claims = tuple(claim(o, volume=f"v-{o}") for o in range(3))
    return replace(snapshot, claims=claims, unlabelled_claims=(), **changes)


def wished(snapshot: Snapshot, annotations: Json | None = None) -> Snapshot:
    """An EtcdRestore wants to replace what the cluster holds."""
    marks = {ANNOTATION_WISH: "r", **(annotations or {})}
    return with_cluster(snapshot, annotations={**snapshot.cluster.annotations, **marks})


def at(
    stage: Stage, snapshot: Snapshot, annotations: Json | None = None, *, undone: bool = False
) -> Snapshot:
    """So far it is on record; `undone`: the wish was taken away."""
    marks = {ANNOTATION_RECORD: RECORD.at(stage).write(), **(annotations or {})}
    snapshot = with_cluster(snapshot, annotations=marks)
    return snapshot if undone else wished(snapshot)


def stopped(snapshot: Snapshot | None = None) -> Snapshot:
    """Nothing runs: the StatefulSet says so, and no Pod is left."""
    snapshot = at(Stage.STOP, snapshot or before())
    (apply,) = (a for a in plan(snapshot).actions if isinstance(a, ApplyObject))
    snapshot = after_kubernetes(snapshot, apply)
    return replace(without_pods(snapshot, 0, 1, 2), probes={}, membership=None)


def with_disks(snapshot: Snapshot, *volumes: str) -> Snapshot:
    """These volumes have claims, by ordinal; one that begins with v is of the cluster of before."""
    claims = tuple(claim(o, uid=f"of-{v}", volume=v) for o, v in enumerate(volumes))
    return replace(snapshot, claims=claims)


def fresh(stage: Stage = Stage.FILL, *, undone: bool = False) -> Snapshot:
    """Nothing runs, and all disks are new."""
    return with_disks(at(stage, stopped(), undone=undone), "n-0", "n-1", "n-2")


def started(*, undone: bool = False, led: bool = True) -> Snapshot:
    """The members of the restored cluster run and answer, with IDs of their own."""
    snapshot = with_cluster(at(Stage.START, fresh(), undone=undone), resource_version="8")
    annotations = {**snapshot.cluster.annotations, **DONE}
    snapshot = with_cluster(snapshot, annotations=annotations)
    for action in plan(snapshot).actions:
        snapshot = after_kubernetes(snapshot, action)
    members = tuple(member(o, id=0xB0 + o) for o in range(3))
    leader = 0xB0 if led else 0
    answers = {o: answer(o, member_id=0xB0 + o, cluster_id=NEW_ID) for o in range(3)}
    probes = {o: Probe(replace(p.status, leader=leader)) for o, p in answers.items() if p.status}
    return replace(
        snapshot,
        pods=tuple(pod(o) for o in range(3)),
        probes=probes,
        membership=MemberList(NEW_ID, members, led),
    )


def serving() -> Snapshot:
    """The new cluster ID is known in every place."""
    snapshot = with_status(started(), clusterID="e11")
    for action in plan(snapshot).actions:
        snapshot = after_kubernetes(snapshot, action)
    snapshot = at(Stage.SERVE, snapshot, DONE)
    for action in plan(snapshot).actions:
        snapshot = after_kubernetes(snapshot, action)
    return snapshot

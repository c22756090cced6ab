"""A tiny Kubernetes with a tiny etcd: what becomes of a snapshot when actions take effect.

The world is itself a Snapshot, changed by pure functions: `after` is the effect of one action,
`pass_time` lets Pods start and stop and members join. What etcd would refuse raises Impossible.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    DeleteObject,
    EvictPod,
    LabelPod,
    MoveLeader,
    PromoteMember,
    RemoveMember,
)
from etcd_operator.core.model.members import Member, MemberList
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.status.report import report
from tests.builders.snapshots import (
    NAMING,
    after_kubernetes,
    answer,
    claim,
    led_by,
    member_id,
    pod,
    with_cluster,
)


class Impossible(Exception):
    """Etcd or Kubernetes would not do this, or harm would be done."""


def after(world: Snapshot, action: Action) -> Snapshot:
    """The world after one action took effect."""
    match action:
        case ApplyObject() | LabelPod():
            return after_kubernetes(world, action)
        case AddLearner(ordinal=ordinal):
            return _add_learner(world, ordinal)
        case PromoteMember(ordinal=ordinal):
            return _promote(world, ordinal)
        case RemoveMember(ordinal=ordinal):
            return _remove(world, ordinal)
        case MoveLeader(to_ordinal=ordinal):
            return led_by(world, ordinal)
        case DeleteObject(kind="PersistentVolumeClaim", uid=uid):
            return replace(world, claims=tuple(c for c in world.claims if c.uid != uid))
        case DeleteObject(kind="Pod", uid=uid) | EvictPod(uid=uid):
            return replace(world, pods=tuple(p for p in world.pods if p.uid != uid))
        case _:
            raise Impossible(f"no script does this: {action}")


def pass_time(world: Snapshot) -> Snapshot:
    """Pods follow the StatefulSet, disks follow Pods, started members answer; status is shown."""
    world = _follow_replicas(world)
    probes, members = {}, []
    for line in world.members:
        ordinal = ordinal_of(line)
        if ordinal in running(world):
            probes[ordinal] = answer(
                ordinal, version=_version(world), is_learner=line.is_learner, leader=_leader(world)
            )
        members.append(_joined(line) if ordinal in probes else line)
    pods = tuple(replace(p, ready=p.ordinal in probes) for p in world.pods)
    live = _membership(world, members)
    world = replace(world, pods=pods, probes=probes, membership=live)
    return with_cluster(world, status=report(world, plan(world).decision))


def voters(world: Snapshot) -> set[int]:
    """The ordinals with a vote."""
    return {ordinal_of(m) for m in world.members if not m.is_learner}


def running(world: Snapshot) -> set[int]:
    """The ordinals whose process runs."""
    return {p.ordinal for p in world.pods if p.running}


def ordinal_of(line: Member) -> int:
    """The ordinal of a member; all are ours here."""
    ordinal = NAMING.ordinal_of_member(line)
    assert ordinal is not None
    return ordinal


def _membership(world: Snapshot, members: list[Member]) -> MemberList:
    known = world.membership
    assert known is not None
    return MemberList(known.cluster_id, tuple(members), True)


def _change(world: Snapshot, members: list[Member]) -> Snapshot:
    return replace(world, membership=_membership(world, members))


def _add_learner(world: Snapshot, ordinal: int) -> Snapshot:
    if any(ordinal_of(m) == ordinal for m in world.members):
        raise Impossible("member exists")
    if _version(world) < "3.6" and any(m.is_learner for m in world.members):
        raise Impossible("too many learners")
    line = Member(member_id(ordinal), "", (NAMING.peer_url(ordinal),), is_learner=True)
    return _change(world, [*world.members, line])


def _promote(world: Snapshot, ordinal: int) -> Snapshot:
    if ordinal not in world.probes:
        raise Impossible("learner not ready")
    return _change(
        world,
        [replace(m, is_learner=False) if ordinal_of(m) == ordinal else m for m in world.members],
    )


def _remove(world: Snapshot, ordinal: int) -> Snapshot:
    if _leader(world) == ordinal and len(voters(world)) > 1:
        raise Impossible("the leader would go without handing over: writes would stop")
    left = [m for m in world.members if ordinal_of(m) != ordinal]
    probes = {o: probe for o, probe in world.probes.items() if o != ordinal}
    return replace(_change(world, left), probes=probes)


def _follow_replicas(world: Snapshot) -> Snapshot:
    """The StatefulSet controller: one Pod for each ordinal below `replicas`, each with a disk."""
    wanted = world.replicas or 0
    pods = [p for p in world.pods if p.ordinal < wanted]
    disks = {c.ordinal for c in world.claims}
    fresh = [o for o in range(wanted) if o not in {p.ordinal for p in pods}]
    claims = [claim(o, uid=f"claim-{o}-{world.now}") for o in range(wanted) if o not in disks]
    started = [_start(world, o, empty=o not in disks) for o in fresh]
    return replace(world, pods=(*pods, *started), claims=(*world.claims, *claims))


def _start(world: Snapshot, ordinal: int, *, empty: bool) -> Any:
    """A Pod starts: with data it just runs, on an empty disk its gate decides."""
    known = {ordinal_of(m): m for m in world.members}
    if ordinal in known and known[ordinal].started:
        if empty:
            raise Impossible(f"db-{ordinal} has lost its data")
        return pod(ordinal)
    if ordinal not in known and not empty:
        raise Impossible(f"db-{ordinal} starts on data of a member that is gone")
    settings = _gate(world, ordinal)
    if settings["initial-cluster-state"] == "new":
        raise Impossible(f"db-{ordinal} would form a cluster of its own")
    listed = {entry.split("=")[0] for entry in settings["initial-cluster"].split(",")}
    joins = ordinal in known and listed == {NAMING.member(o) for o in known}
    return pod(ordinal, running=joins, ever_ran=True, ready=False, restarts=0 if joins else 2)


def _gate(world: Snapshot, ordinal: int) -> dict[str, Any]:
    gate = world.config_map
    text = gate.body["data"].get(NAMING.config_key(ordinal), "") if gate else ""
    lines = (line.partition(": ") for line in text.splitlines())
    settings = {key: json.loads(value) for key, _, value in lines}
    return settings or {"initial-cluster-state": "existing", "initial-cluster": ""}


def _joined(line: Member) -> Member:
    ordinal = ordinal_of(line)
    return replace(line, name=NAMING.member(ordinal), client_urls=(NAMING.client_url(ordinal),))


def _leader(world: Snapshot) -> int:
    return world.leader_id - member_id(0)


def _version(world: Snapshot) -> str:
    return world.cluster.spec.version.number

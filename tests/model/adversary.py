"""The guard alone: whatever a planner that has gone mad wants, what the guard permits is safe.

In every state that a scenario reaches, every conceivable action is offered to the guard on a true
view; those that it lets pass are carried out and judged like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from etcd_operator.api.quantity import Quantity
from etcd_operator.core import guards
from etcd_operator.core.actions import (
    Action,
    AddLearner,
    ApplyObject,
    DeleteObject,
    EvictPod,
    MoveLeader,
    PromoteMember,
    RemoveMember,
    ResizeClaim,
    SetFinalizer,
)
from etcd_operator.core.bootstrap.gate import Gate, Layout
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.cluster_objects import render_config_map
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.simulation.passes import JudgedAction, Planned, handle
from etcd_operator.simulation.world import State
from tests.model.explore import Counterexample, Explorer, Result, World
from tests.model.invariants import judge_effect
from tests.model.scenario import Scenario

# Of a disk that has 10Gi and asks for more, less than it asks for.
BETWEEN: Final = Quantity.parse("15Gi")


def tempt(scenario: Scenario, *, most_ahead: int | None = None) -> Result:
    """Offer the guard everything, in every state of the scenario; stops at the first violation.

    `most_ahead`: only in those that `explore` looks at then.
    """
    explorer = Explorer(World(scenario), 1, most_ahead)
    result = explorer.run()
    result.transitions = 0
    # What the guard allows depends on what was seen alone, which many states have in common.
    allowed: dict[Planned, list[JudgedAction]] = {}
    for state in explorer.states():
        planned = explorer.world.operator.plan(state)
        if planned is None or state.remembered:
            continue
        if planned not in allowed:
            allowed[planned] = list(_allow(planned.snapshot, scenario.width, result))
        for judged in allowed[planned]:
            violated = _try(explorer.world, state, planned, judged)
            result.transitions += 1
            if violated is not None:
                steps = (*explorer.path(state), f"operator: {judged.action!s:.300}")
                result.counterexamples.append(Counterexample(scenario.name, violated, steps))
                return result
    return result


def _allow(snapshot: Snapshot, width: int, result: Result) -> Iterator[JudgedAction]:
    """Every action that can be conceived, and that the guard does not refuse."""
    for action in _conceive(snapshot, width):
        if guards.refuse(action, snapshot) is None:
            yield JudgedAction(action, None, handle(action, snapshot, limit=8), window=False)
        else:
            result.transitions += 1


def _try(world: World, state: State, planned: Planned, judged: JudgedAction) -> str | None:
    after, _ = judged.perform(state)
    return judge_effect(state, after, judged, planned, world.scenario.specs)


def _conceive(snapshot: Snapshot, width: int) -> Iterator[Action]:
    """Every action that names something which exists."""
    cluster = snapshot.cluster
    yield SetFinalizer(False, cluster.uid, cluster.resource_version)
    for pod in snapshot.pods:
        yield DeleteObject("Pod", pod.name, pod.uid, "")
        yield DeleteObject("Pod", pod.name, pod.uid, "", pod.resource_version)
        yield EvictPod(pod.name, pod.uid, "")
    for claim in snapshot.claims:
        yield DeleteObject("PersistentVolumeClaim", claim.name, claim.uid, "")
        yield ResizeClaim(claim.name, claim.uid, BETWEEN)
    yield from _conceive_applies(snapshot, width)
    yield from _conceive_changes(snapshot)


def _conceive_applies(snapshot: Snapshot, width: int) -> Iterator[Action]:
    spec, naming = snapshot.cluster.spec, snapshot.naming
    everyone = tuple(range(width))
    layout = Layout((Gate.NEW,) * width, everyone, width, cluster_id=None, bootstrap=width)
    live, gate = snapshot.statefulset, snapshot.config_map
    if live is not None:
        yield DeleteObject(live.kind, live.name, live.uid, "")
        for replicas in range(width):
            manifest = render_statefulset(
                spec, naming, replace(layout, replicas=replicas), live.body
            )
            yield ApplyObject(live.kind, live.name, live.uid, "", "", manifest)
    manifest = render_config_map(spec, naming, layout)
    yield ApplyObject("ConfigMap", naming.config_map, gate.uid if gate else "", "", "", manifest)


def _conceive_changes(snapshot: Snapshot) -> Iterator[Action]:
    live = snapshot.membership
    if live is None:
        return
    for seat in snapshot.seats():
        ordinal, member = seat.ordinal, seat.member
        if member is None:
            yield AddLearner(ordinal, snapshot.naming.peer_url(ordinal), live.cluster_id)
            continue
        yield AddLearner(ordinal, member.peer_urls[0], live.cluster_id)
        yield RemoveMember(ordinal, member.id, live.cluster_id)
        yield PromoteMember(ordinal, member.id, live.cluster_id)
        yield MoveLeader(0, snapshot.leader_id, ordinal, member.id, live.cluster_id)

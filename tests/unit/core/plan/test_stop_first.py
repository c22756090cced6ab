"""Members that serve stop before they are removed: who does, in which order, who is not."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest

from etcd_operator.core.actions import EvictPod
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.decision import REFUSED_STOP
from etcd_operator.core.model.naming import ROLE_LEAVING, ROLE_VOTER
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from tests.builders.actions import briefs
from tests.builders.clients import left_by_clients, with_clients
from tests.builders.snapshots import (
    change_claim,
    change_pod,
    formed,
    led_by,
    silent,
    with_spec,
    without_claims,
)


def out(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """Clients are led to these Pods no more."""
    for ordinal in ordinals:
        snapshot = change_pod(snapshot, ordinal, role=ROLE_LEAVING)
    return left_by_clients(snapshot, *ordinals)


def shrinking(size: int, to: int) -> Snapshot:
    """Clients are led to the members above a size no more; these serve."""
    return out(with_clients(with_spec(formed(size), size=to)), *range(to, size))


FIVE = shrinking(5, 3)


EPHEMERAL = out(
    with_clients(
        reduce(
            lambda scene, ordinal: change_pod(scene, ordinal, ephemeral=True),
            range(5),
            with_spec(without_claims(formed(5, storage={"ephemeral": {}}), *range(5)), size=3),
        )
    ),
    3,
    4,
)


def done(snapshot: Snapshot) -> list[str]:
    """What the plan does to members, in order."""
    return [b for b in briefs(snapshot) if b.startswith(("lead", "evict", "remove", "delete Pod"))]


def test_the_highest_stops_and_is_removed_and_the_next_one_is_left_to_the_next_pass() -> None:
    made = plan(FIVE)
    assert briefs(FIVE) == ("evict db-4", "remove 4"), "the StatefulSet changes meanwhile"
    assert made.decision.requeue_after == REFUSED_STOP
    (stop,) = (action for action in made.actions if isinstance(action, EvictPod))
    assert (stop.grace_seconds, stop.wait_seconds) == (1, 0.5)


def test_leadership_moves_before_its_member_stops() -> None:
    assert done(led_by(FIVE, 4)) == ["lead 4>0", "evict db-4", "remove 4"]


@pytest.mark.parametrize(
    ("scene", "removals"),
    [
        (shrinking(2, 1), ["remove 1"]),
        (shrinking(3, 1), ["evict db-2", "remove 2", "remove 1"]),
        (shrinking(4, 1), ["evict db-3", "remove 3"]),
        (silent(FIVE, 0), ["remove 4", "remove 3"]),
        (change_pod(silent(FIVE, 0), 0, ready=True), ["remove 4", "remove 3"]),
        (silent(FIVE, 3), ["remove 3", "remove 4"]),
        (change_pod(FIVE, 0, ready=False), ["remove 4", "remove 3"]),
        (change_pod(FIVE, 4, deleting=True), ["remove 4", "remove 3"]),
        (change_pod(FIVE, 4, role=ROLE_VOTER), ["remove 4"]),
        (change_claim(FIVE, 4, deleting=True), ["remove 4"]),
        (EPHEMERAL, ["remove 4", "remove 3"]),
        (replace(FIVE, stop_refused=True), ["remove 4", "remove 3"]),
    ],
    ids=[
        "of two none can be missed",
        "then of two none can be missed",
        "of three one can be missed",
        "another voter is missed",
        "another voter is missed, and its Pod is Ready yet",
        "one that goes too is missed",
        "the budget has no room",
        "it ends already",
        "clients are still led to it",
        "its data would go with it",
        "its data is in an emptyDir",
        "Kubernetes refused it again and again",
    ],
)
def test_a_member_is_removed_at_once_where_it_cannot_or_need_not_be_stopped(
    scene: Snapshot, removals: list[str]
) -> None:
    assert done(scene) == removals


def test_the_guard_counts_on_nobody_who_is_told_to_stop() -> None:
    stop = EvictPod("db-1", "pod-1", "so")
    assert refuse(stop, formed(3)) is None
    assert refuse(stop, change_pod(formed(3), 2, deleting=True)) is not None
    assert refuse(stop, change_pod(formed(5), 4, deleting=True)) is None


def test_a_pod_that_its_plan_deletes_is_not_stopped_before() -> None:
    asked = out(with_clients(change_pod(formed(3), 2, replace_asked=True)), 2)
    assert done(asked) == ["remove 2", "delete Pod db-2"]

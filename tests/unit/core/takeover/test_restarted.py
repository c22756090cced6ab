"""Old members that a person only restarts: none of them is removed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject, RemoveSourceMember
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.takeover.record import (
    ANNOTATION_AWAY,
    LONGEST_AWAY,
    PATIENCE_SECONDS,
    Stage,
)
from tests.builders.snapshots import CLUSTER_ID, NOW
from tests.builders.take_over import endpoint, removing, source_id, world_at

REMOVE = RemoveSourceMember(endpoint(2), 2, source_id(2), CLUSTER_ID)


@pytest.mark.exhaustive
def test_one_that_is_only_restarted_stays() -> None:
    """Also another than the one that was asked for, and however often."""
    world = removing(pace=3)
    for _ in range(30):
        for ordinal in (0, 2):
            world.stop(ordinal)
            world.step()
            world.running.add(ordinal)
            world.step()
    assert not [each for each in world.done if isinstance(each, RemoveSourceMember)]
    world.stop(0)
    begun = world.now
    while source_id(0) in world.lines:
        told = world.step().decision.message
    assert (world.now - begun).total_seconds() == PATIENCE_SECONDS + world.pace
    assert told == f"Taking over: removing the old member {endpoint(0)}."
    assert source_id(2) in world.lines


def test_what_was_seen_long_ago_counts_for_nothing() -> None:
    """Nobody knows what it did since then: the operator was away, or the spec in the way."""
    world = removing(pace=PATIENCE_SECONDS)
    world.stop(2)
    world.step()
    world.now += timedelta(seconds=LONGEST_AWAY)
    assert guards.refuse(REMOVE, world.look()), "nor for the guard"
    world.step()
    assert source_id(2) in world.lines
    world.step()
    assert source_id(2) not in world.lines


def test_a_statefulset_that_a_person_scales_is_given_the_same_time() -> None:
    world = world_at(Stage.REMOVE, scale_in="Manual", pace=3)
    for _ in range(20):
        world.scale_source(0)
        world.step()
        world.scale_source(3)
        world.step()
    assert not [each for each in world.done if isinstance(each, RemoveSourceMember)]


@pytest.mark.parametrize("text", ["x", "2=", "2=-1", "2=1,2=1", f"2={10**12}", "2=1," * 9999])
def test_a_record_of_who_is_away_that_nobody_can_read_begins_anew(text: str) -> None:
    world = removing()
    world.stop(2)
    world.step()
    gate = world.children["ConfigMap", "db-config"]
    gate.body["metadata"]["annotations"][ANNOTATION_AWAY] = text
    record = world.look().take_over
    assert record
    assert not record.away
    assert guards.refuse(REMOVE, world.look())


def test_nobody_records_that_a_member_was_away_before_it_was_seen() -> None:
    world = removing()
    world.stop(2)
    scene = world.look()
    (recorded,) = plan(scene).actions
    assert guards.refuse(recorded, scene) is None
    assert isinstance(recorded, ApplyObject)
    since = int(NOW.timestamp()) - PATIENCE_SECONDS
    recorded.manifest["metadata"]["annotations"][ANNOTATION_AWAY] = f"2={since}"
    assert "nobody has seen before" in str(guards.refuse(recorded, scene))

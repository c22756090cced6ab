"""A take-over in a small world, pass by pass: with crashes, silences, and people who interfere."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import (
    AddLearner,
    ApplyObject,
    DeleteObject,
    PassLeadership,
    RemoveMember,
    RemoveSourceMember,
    ScaleSource,
)
from etcd_operator.core.in_place_restore.record import ANNOTATION_WISH
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.recording.snapshot_document import read_snapshot, write_snapshot
from etcd_operator.core.status.report import report
from etcd_operator.core.takeover.record import ANNOTATION_APPROVED, ANNOTATION_TAKE_OVER, Stage
from tests.builders.exhaustive import exhaustive
from tests.builders.snapshots import CLUSTER_ID, member_id
from tests.builders.take_over import MOST_PASSES, TakeOverWorld, run_to, source_id, world_at

OURS = {member_id(ordinal) for ordinal in range(3)}


def run_until_over(world: TakeOverWorld) -> None:
    for _ in range(MOST_PASSES):
        if world.step().rule == "report_settled":
            return
    raise AssertionError(f"it is never over: {world.step().decision.message}")


def run_to_rule(world: TakeOverWorld, reason: Any) -> str:
    for _ in range(MOST_PASSES):
        decision = world.step().decision
        if decision.reason is reason:
            return decision.message
    raise AssertionError(f"it never says {reason.name}, but {decision.message}")


@pytest.mark.parametrize("size", [1, 3, *exhaustive(5)])
def test_the_old_members_are_replaced_one_by_one(size: int) -> None:
    world = TakeOverWorld(size)
    run_until_over(world)
    assert set(world.lines) == OURS
    assert (world.replicas, world.running) == (0, set())
    removed = [a.ordinal for a in world.done if isinstance(a, RemoveSourceMember)]
    assert removed == sorted(range(size), reverse=True)
    assert world.look().recorded_cluster_id == CLUSTER_ID
    assert world.look().take_over is None


def test_the_old_name_leads_to_the_new_members_when_no_old_one_is_left() -> None:
    world = TakeOverWorld(spec={"service": {"aliases": ["gone"]}})
    run_to(world, Stage.REMOVE)
    early = ApplyObject("Service", "gone", "", "", "", {"metadata": {"annotations": {}}})
    assert "clients may reach old members" in str(guards.refuse(early, world.look()))
    while world.look().take_over is not None:
        assert ("Service", "gone") not in world.children
        world.step()
    run_until_over(world)
    assert ("Service", "gone") in world.children


def test_a_new_member_leads_before_an_old_one_that_does_is_stopped() -> None:
    world = TakeOverWorld()
    run_until_over(world)
    moved = [i for i, a in enumerate(world.done) if isinstance(a, PassLeadership)]
    stopped = [i for i, a in enumerate(world.done) if isinstance(a, ScaleSource)]
    assert len(moved) == 1
    assert moved[0] < stopped[0]


def test_nothing_is_asked_or_done_without_consent() -> None:
    world = TakeOverWorld(consent="")
    planned = world.step()
    assert planned.decision.reason is attention.TAKE_OVER_REFUSED
    command = "`kubectl annotate statefulset old etcd.etcd.io/allow-take-over-by=db`"
    assert command in planned.decision.message
    assert not world.done


def test_what_was_refused_begins_when_it_is_mended() -> None:
    """Its cluster ID is not this cluster's own before that is on record."""
    world = TakeOverWorld()
    world.lines[source_id(0)] = replace(world.lines[source_id(0)], is_learner=True)
    told = run_to_rule(world, attention.TAKE_OVER_REFUSED)
    assert "is a learner" in told
    assert world.status.cluster_id == ""
    assert not world.done
    world.lines[source_id(0)] = replace(world.lines[source_id(0)], is_learner=False)
    run_until_over(world)
    assert set(world.lines) == OURS
    assert world.status.cluster_id == f"{CLUSTER_ID:x}"


def test_the_record_comes_before_everything_else() -> None:
    world = TakeOverWorld()
    world.step()
    (recorded,) = world.children.values()
    assert ANNOTATION_TAKE_OVER in recorded.annotations
    assert len(world.done) == 1
    assert world.look().recorded_cluster_id == CLUSTER_ID


def test_one_learner_at_a_time_whatever_the_version_takes() -> None:
    world = TakeOverWorld()
    for _ in range(MOST_PASSES):
        if world.step().rule == "report_settled":
            break
        assert sum(line.is_learner for line in world.lines.values()) <= 1


def test_a_person_approves_what_was_compared() -> None:
    world = TakeOverWorld(take_over="Manual")
    told = run_to_rule(world, attention.TAKE_OVER_AWAITS_APPROVAL)
    assert "`kubectl annotate etcd db --overwrite etcd.etcd.io/approve-take-over=c1d/100`" in told
    world.annotations[ANNOTATION_APPROVED] = "c1d/99"  # of another comparison
    run_to_rule(world, attention.TAKE_OVER_AWAITS_APPROVAL)
    assert not [a for a in world.done if isinstance(a, ScaleSource | RemoveSourceMember)]
    world.annotations[ANNOTATION_APPROVED] = "c1d/100"
    run_until_over(world)
    assert set(world.lines) == OURS


def test_an_approval_that_is_taken_back_stops_it() -> None:
    world = TakeOverWorld(take_over="Manual")
    run_to(world, Stage.APPROVE)
    world.annotations[ANNOTATION_APPROVED] = "c1d/100"
    run_to(world, Stage.REMOVE)
    del world.annotations[ANNOTATION_APPROVED]
    assert world.step().decision.reason is attention.TAKE_OVER_AWAITS_APPROVAL
    assert world.replicas == 3


def test_a_restore_in_place_waits_until_it_is_over() -> None:
    world = TakeOverWorld()
    run_to(world, Stage.COMPARE)
    world.annotations[ANNOTATION_WISH] = "restore-uid"
    assert world.step().rule == "take_over"


@pytest.mark.parametrize("differing", [source_id(1), *exhaustive(member_id(2))])
def test_nobody_goes_while_data_differs(differing: int) -> None:
    world = TakeOverWorld(differing=differing)
    for _ in range(40):
        world.step()
    assert {source_id(ordinal) for ordinal in range(3)} <= world.lines.keys()
    assert world.replicas == 3


def pass_by_pass(passes: int) -> TakeOverWorld | None:
    """A world of its own after so many passes; None if it is over by then."""
    while len(_PASSES) <= passes:
        world = copy.deepcopy(_PASSES[-1])
        if world.step().rule == "report_settled":
            return None
        _PASSES.append(world)
    return copy.deepcopy(_PASSES[passes])


_PASSES = [TakeOverWorld()]


@pytest.mark.exhaustive
@pytest.mark.parametrize("passes", range(45))
def test_a_deletion_gives_the_old_cluster_back(passes: int) -> None:
    """Whenever it comes: no Pod of ours goes before its member has left etcd."""
    world = pass_by_pass(passes)
    if world is None:
        return
    before = set(world.running)
    world.deleting = True
    for _ in range(MOST_PASSES):
        planned = world.step()
        if world.gone or planned.rule == "delete_cluster":
            break
    assert world.running == before
    if before:
        left = {source_id(ordinal) for ordinal in before}
        assert left <= world.lines.keys()
        assert not world.lines.keys() & OURS
        assert world.has_quorum(world.heard())


def test_an_abandoned_deletion_waits_for_a_quorum() -> None:
    world = TakeOverWorld()
    run_to(world, Stage.COMPARE)
    world.deleting, world.silent = True, {source_id(0), source_id(1), source_id(2)}
    planned = world.step()
    assert planned.decision.reason is attention.TAKE_OVER_STOPPED
    assert "scale StatefulSet old to 0" in planned.decision.message
    assert not planned.actions
    world.scale_source(0)
    planned = world.step()
    assert planned.rule == "delete_cluster"
    assert any(isinstance(action, DeleteObject) for action in planned.actions)


def test_something_that_scales_the_old_one_out_again_is_told() -> None:
    world = TakeOverWorld()
    run_to(world, Stage.REMOVE)
    while len(world.lines) > 5:
        world.step()
    world.scale_source(3)
    planned = world.step()
    assert planned.decision.reason is attention.TAKE_OVER_STOPPED
    assert "Helm release or a GitOps controller" in planned.decision.message
    assert "scale it to 2" in planned.decision.message
    world.scale_source(2)
    run_until_over(world)


def test_a_member_that_nobody_knows_stops_everything() -> None:
    world = TakeOverWorld()
    run_to(world, Stage.COMPARE)
    stranger = world.lines[source_id(0)]
    world.lines[0xEE] = type(stranger)(0xEE, "x", ("http://x:2380",))
    decision = world.step().decision
    assert decision.reason is attention.FOREIGN_MEMBER


def test_a_lost_consent_stops_it() -> None:
    world = TakeOverWorld()
    run_to(world, Stage.REMOVE)
    world.consent = "another"
    decision = world.step().decision
    assert decision.reason is attention.TAKE_OVER_STOPPED
    assert "put it back" in decision.message


def test_another_size_or_version_waits_until_it_is_over() -> None:
    world = TakeOverWorld()
    run_to(world, Stage.JOIN)
    world.spec = {"size": 5, "version": "3.5.36"}
    snapshot = world.step().snapshot
    assert (snapshot.spec.size, snapshot.spec.version.number) == (3, "3.5.35")
    for _ in range(MOST_PASSES):
        world.step()
        if world.look().take_over is None:
            break
    assert world.step().snapshot.spec.size == 5


def test_old_members_that_do_not_answer_are_no_cluster_that_was_stopped() -> None:
    world = TakeOverWorld()
    world.step()
    world.silent = set(world.lines)
    world.step()
    decision = world.step().decision
    assert decision.reason is attention.NO_QUORUM


def test_size_0_stops_nothing_in_the_middle() -> None:
    world = TakeOverWorld()
    run_to(world, Stage.COMPARE)
    world.spec = {"size": 0}
    world.step()
    assert len(world.heard()) == 6


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(40))
def test_it_ends_whatever_is_cut_off(seed: int) -> None:
    """The operator crashes after any action, and any one member is silent for a while."""
    rng = random.Random(seed)
    world = TakeOverWorld(rng.choice([1, 3, 5]))
    for _ in range(60):
        world.silent = set()
        if rng.random() < 0.3 and len(world.lines) > 2:
            world.silent = {rng.choice(sorted(world.lines))}
        if world.step(rng.choice([0, 1, 1, 2, 99])).rule == "report_settled":
            break
    world.silent = set()
    run_until_over(world)
    assert set(world.lines) == OURS
    assert [a for a in world.done if isinstance(a, AddLearner)]
    removed = [a for a in world.done if isinstance(a, RemoveMember)]
    assert not removed, "no new member had to go"


def test_it_goes_on_in_the_usual_way_when_it_is_over() -> None:
    world = TakeOverWorld()
    run_until_over(world)
    assert world.step().decision.reason is routine.HEALTHY


def test_a_recorded_pass_has_what_was_seen_of_the_statefulset() -> None:
    world = TakeOverWorld()
    run_to(world, Stage.COMPARE)
    seen = world.look()
    assert read_snapshot(json.loads(json.dumps(write_snapshot(seen)))).source == seen.source


@pytest.mark.exhaustive
def test_a_scale_out_beside_old_members_counts_the_new_ones() -> None:
    world, told = TakeOverWorld(5), []
    for _ in range(MOST_PASSES):
        decision = world.step().decision
        if decision.reason is routine.SCALING_OUT:
            told.append(decision.message)
    assert told == [f"Scaling out from {count} to 3 members." for count in range(3)]


def test_old_members_that_are_away_are_named_and_new_ones_that_run_are_not() -> None:
    world = world_at(Stage.REMOVE)
    world.silent = {source_id(1)}
    assert _judge_quorum(world).endswith(" needed; old-1 did not answer.")
    world.silent, world.leader = {source_id(ordinal) for ordinal in range(3)}, 0
    assert _judge_quorum(world) == (
        "The majority does not answer: old-0, old-1, old-2 did not answer; "
        "db-0, db-1, db-2 answered without a leader."
    )


def _judge_quorum(world: TakeOverWorld) -> str:
    scene = world.look()
    conditions = report(scene, plan(scene).decision).conditions
    return next(each.message for each in conditions if each.type == "QuorumHealthy")

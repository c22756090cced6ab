"""Previews of take-overs: from the running cluster that is joined to the last old member."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.core.model.source import list_endpoints
from etcd_operator.core.takeover.record import ANNOTATION_APPROVED, PATIENCE_SECONDS, Stage
from etcd_operator.simulation.adopt import adopt
from etcd_operator.simulation.change import NO_CHANGE, Change
from etcd_operator.simulation.origin import Origin
from etcd_operator.simulation.predict import predict
from etcd_operator.simulation.prediction import Prediction, Wait
from etcd_operator.simulation.take_over import assume_members
from tests.builders.exhaustive import exhaustive
from tests.builders.snapshots import CLUSTER_ID, member_id, with_spec
from tests.builders.take_over import TakeOverWorld, endpoint, world_at

STAGED = ("Added", "Promoted", "Moved", "Scaled", "Removed")


def tell(found: Prediction) -> list[str]:
    """What becomes of members and of the StatefulSet, without member IDs."""
    told = (step.sentence.partition(" (")[0].partition(":")[0] for step in found.steps)
    return [sentence.rstrip(".") for sentence in told if sentence.startswith(STAGED)]


def test_old_members_go_when_the_new_ones_vote() -> None:
    found = predict(TakeOverWorld(3).look())
    assert (found.ends, found.reason) == ("settled", "Healthy")
    joins = [
        words
        for ordinal in range(3)
        for words in (f"Added member db-{ordinal} as a learner", f"Promoted learner db-{ordinal}")
    ]
    leaves = [
        words
        for left in (2, 1, 0)
        for words in (f"Scaled StatefulSet old to {left}", f"Removed member old-{left}")
    ]
    assert tell(found) == [*joins, "Moved leadership from old-0 to db-0", *leaves]
    assert not found.disks


def test_a_statefulset_of_any_size_is_refused_soon() -> None:
    seen = TakeOverWorld().look()
    assert seen.source
    huge = replace(seen.source, replicas=2**31 - 1, pods=())
    found = predict(assume_members(replace(seen, membership=None), huge))
    assert found.reason == "TakeOverRefused"
    assert "has 2147483647 replicas" in found.sentence


@pytest.mark.parametrize("listed", [True, *exhaustive(False)])
def test_a_member_that_a_person_stopped_is_waited_for(listed: bool) -> None:
    world = world_at(Stage.REMOVE, listed=listed, scale_in="Manual")
    world.leader = member_id(0)
    stopped = endpoint(2).partition(":")[0] if listed else "old-2"
    world.stop(2)
    world.replicas = 2
    found = predict(world.look())
    assert (found.ends, found.reason) == ("waiting", "TakeOverAwaitsStop")
    assert tell(found) == [f"Removed member {stopped}"]
    assert [wait.seconds for wait in found.entries if isinstance(wait, Wait)] == [PATIENCE_SECONDS]


@pytest.mark.exhaustive
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("stage", [None, *Stage])
def test_it_is_previewed_from_each_stage_on(size: int, stage: Stage | None) -> None:
    world = world_at(stage, size=size)
    found = predict(world.look())
    assert (found.ends, found.reason) == ("settled", "Healthy")
    before, told = len(world.done), tell(found)
    while world.look().take_over is not None or not world.done:
        world.step()
    name = "db"
    done = [action.event(name).sentence for action in world.done[before:]]
    gone = [each.partition(" (")[0] for each in done if each.startswith("Removed")]
    assert [each for each in told if each.startswith("Removed")] == gone


def test_the_cluster_stores_as_the_old_members_run() -> None:
    """What the cluster stores as is known from the old members, while there is no other."""
    state = adopt(Origin(TakeOverWorld(3).look(), ()))
    assert state.etcd is not None
    assert state.etcd.speaks == state.beyond.source.pods[0].status.minor


def test_an_approval_is_waited_for() -> None:
    world = TakeOverWorld(3, take_over="Manual")
    found = predict(world.look())
    assert (found.ends, found.reason) == ("waiting", "TakeOverAwaitsApproval")
    assert not [words for words in tell(found) if words.startswith(("Scaled", "Removed"))]
    world = world_at(Stage.APPROVE, take_over="Manual")
    assert predict(world.look()).ends == "waiting"
    revision = world.look().take_over.revision  # type: ignore[union-attr]  # it has begun
    world.annotations[ANNOTATION_APPROVED] = f"{CLUSTER_ID:x}/{revision}"
    assert tell(predict(world.look()))[-1] == "Removed member old-0"


@pytest.mark.parametrize("given", [{"listed": True}, *exhaustive({"scale_in": "Manual"})])
def test_a_person_is_waited_for_who_stops_old_members(given: dict[str, Any]) -> None:
    found = predict(TakeOverWorld(3, **given).look())
    assert (found.ends, found.reason) == ("waiting", "TakeOverAwaitsStop")
    assert tell(found)[-1].startswith("Moved leadership from")


def test_endpoints_that_nobody_has_asked_yet_are_assumed_to_serve() -> None:
    seen = replace(TakeOverWorld(listed=True).look(), membership=None)
    unasked = list_endpoints(tuple(endpoint(ordinal) for ordinal in range(3)))
    found = predict(assume_members(seen, unasked))
    assert (found.ends, found.reason) == ("waiting", "TakeOverAwaitsStop")


def test_without_consent_nothing_is_done() -> None:
    found = predict(TakeOverWorld(3, consent="").look())
    assert (found.ends, found.reason) == ("person", "TakeOverRefused")
    assert not found.steps


@pytest.mark.parametrize("stage", [Stage.COMPARE, Stage.REMOVE])
def test_a_deletion_gives_the_cluster_back(stage: Stage) -> None:
    found = predict(world_at(stage).look(), Change(deleted=True))
    assert found.ends == "gone"
    left = [words for words in tell(found) if words.startswith("Removed member")]
    assert sorted(left) == [f"Removed member db-{ordinal}" for ordinal in range(3)]
    assert len(found.disks) == 3


def test_once_it_is_over_the_cluster_is_one_like_all_others() -> None:
    world = TakeOverWorld(1)
    while world.look().take_over is not None or not world.done:
        world.step()
    snapshot = world.look()
    later = replace(snapshot, now=snapshot.now + timedelta(hours=1))
    assert predict(later, NO_CHANGE).ends == "settled"


@pytest.mark.parametrize(
    ("hosts", "far"),
    [
        (("old-0.old.team.svc:2379", "old-1.old.team.svc.cluster.local:2379"), ""),
        (("10.0.0.12:2379", "old-1.old.team.svc:2379"), "10.0.0.12"),
        pytest.param(
            ("etcd.example.org:2379", "10.0.0.11:2379"),
            "10.0.0.11, etcd.example.org",
            marks=pytest.mark.exhaustive,
        ),
    ],
    ids=["Pods", "one of them", "all"],
)
def test_processes_outside_kubernetes_have_to_resolve_its_names(
    hosts: tuple[str, ...], far: str
) -> None:
    seen = TakeOverWorld(listed=True).look()
    endpoints = [f"http://{host}" for host in hosts]
    joins = {"source": {"endpoints": endpoints}, "takeOver": "Automatic"}
    asked = with_spec(seen, bootstrap={"joinExisting": joins}).cluster
    found = predict(replace(seen, cluster=asked), NO_CHANGE)
    told = [said for said in found.assumptions if "resolve" in said]
    if not far:
        assert not told
        return
    (said,) = told
    assert said.startswith(f"The members at {far} resolve *.db-peer.team.svc.cluster.local and ")
    assert said.endswith("mirror their keys by spec.bootstrap.mirror, or restore a snapshot.")

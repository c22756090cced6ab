"""What is decided at each stage of a take-over, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.takeover.record import Stage
from etcd_operator.core.takeover.rule import begin_take_over, give_back, hold_recovery, take_over
from tests.builders.actions import Fires, Passes, flags
from tests.builders.snapshots import CLUSTER_ID, NAMING, formed, with_spec, with_status
from tests.builders.take_over import TakeOverWorld, source_id, world_at

LOST = {
    "type": "QuorumHealthy",
    "status": "False",
    "reason": "MajorityLost",
    "lastTransitionTime": "2026-03-04T05:00:00Z",
}
APPROVAL = {"quorumLoss": {"clusterID": f"{CLUSTER_ID:x}", "acceptedRevision": 1}}


def at(
    stage: Stage | None, change: Callable[[TakeOverWorld], None] | None = None, **given: object
) -> Snapshot:
    """The first pass of a stage, after a change of the world; None: nothing was done yet."""
    world = world_at(stage, **given)
    if change:
        change(world)
    return world.look()


def removing(passes: int, change: Callable[[TakeOverWorld], None] | None = None) -> Snapshot:
    """A later pass of the stage in which old members go."""
    world = world_at(Stage.REMOVE)
    for _ in range(passes):
        world.step()
    if change:
        change(world)
    return world.look()


def delete(world: TakeOverWorld) -> None:
    """Somebody deletes the EtcdCluster."""
    world.deleting = True


def silence(world: TakeOverWorld) -> None:
    """One old and one new member do not answer."""
    world.silent = {source_id(1), 0xA2}


def lose_quorum() -> Snapshot:
    """Four of six do not answer, and going on from one member is approved."""
    scene = at(Stage.COMPARE, lambda world: world.silent.update(world.lines.keys() - {0xA0, 0xA1}))
    return with_status(with_spec(scene, recovery=APPROVAL), conditions=[LOST])


def without_source_pods(scene: Snapshot) -> Snapshot:
    """Without Pods of the StatefulSet."""
    source = scene.source
    return replace(scene, source=replace(source, pods=(), replicas=0) if source else None)


FIRES = (
    Fires(
        "nobody said that it may",
        begin_take_over,
        at(None, consent=""),
        attention.TAKE_OVER_REFUSED,
        "spec.bootstrap.joinExisting is not carried out: StatefulSet old does not allow it: "
        "`kubectl annotate statefulset old etcd.etcd.io/allow-take-over-by=db`.",
        Phase.CREATING,
        flags=flags("blocked", "no corrections"),
    ),
    Fires(
        "the running cluster is recorded before anything is done",
        begin_take_over,
        at(None),
        routine.TAKING_OVER,
        "Joining 3 members of StatefulSet old.",
        Phase.SCALING,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "every member serves, old and new",
        take_over,
        at(Stage.COMPARE),
        routine.TAKING_OVER,
        "Taking over StatefulSet old.",
        Phase.SCALING,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "a new member leads, before the old one that does is stopped",
        take_over,
        removing(0),
        routine.TAKING_OVER,
        "Taking over: a new member is to lead.",
        Phase.SCALING,
        ("lead old-0>db-0",),
    ),
    Fires(
        "the last Pod is stopped",
        take_over,
        removing(1),
        routine.TAKING_OVER,
        "Taking over: stopping the old member old-2.",
        Phase.SCALING,
        ("scale old to 2",),
    ),
    Fires(
        "then its member leaves",
        take_over,
        removing(2),
        routine.TAKING_OVER,
        "Taking over: removing the old member old-2.",
        Phase.SCALING,
        ("remove old-2",),
    ),
    Fires(
        "no further one is stopped while members do not answer",
        take_over,
        removing(1, silence),
        routine.TAKING_OVER,
        "Taking over: waiting for db-2, old-1 to serve.",
        Phase.SCALING,
    ),
    Fires(
        "no old one is stopped beside a new one that does not answer",
        take_over,
        removing(1, lambda world: world.silent.add(0xA2)),
        routine.TAKING_OVER,
        "Taking over: waiting for db-2 to serve.",
        Phase.SCALING,
    ),
    Fires(
        "a deletion in the middle",
        give_back,
        at(Stage.COMPARE, delete),
        routine.GIVING_BACK,
        "Giving the cluster back to the members of StatefulSet old: its members leave etcd. To "
        "delete it with all data, scale StatefulSet old to 0.",
        Phase.DELETING,
        ("remove 2",),
        flags("no corrections"),
    ),
    Fires(
        "going on from one member is approved while old members may have the quorum",
        hold_recovery,
        lose_quorum(),
        attention.TAKE_OVER_STOPPED,
        "spec.recovery.quorumLoss is not carried out while members of StatefulSet old may run, for "
        "they may have the quorum: bring them back, or scale StatefulSet old to 0.",
        Phase.FAILED,
        flags=flags("blocked", "no corrections"),
    ),
)
PASSES = (
    Passes("a cluster that begins empty", begin_take_over, formed(3)),
    Passes("it has begun", begin_take_over, at(Stage.JOIN)),
    Passes("no take-over is under way", take_over, formed(3)),
    Passes("nobody deletes it", give_back, at(Stage.COMPARE)),
    Passes("a cluster without a take-over is deleted", give_back, formed(3)),
    Passes(
        "nobody is left to give it back to",
        give_back,
        without_source_pods(at(Stage.COMPARE, delete)),
    ),
    Passes("there is a quorum", hold_recovery, at(Stage.COMPARE)),
    Passes("the old Pods are gone", hold_recovery, without_source_pods(lose_quorum())),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_a_deletion_gives_leadership_back_as_well() -> None:
    world = TakeOverWorld()
    while (record := world.look().take_over) is None or record.stage is not Stage.COMPARE:
        world.step()
    world.deleting, world.leader = True, 0xA0
    planned = world.step()
    assert [action.event(NAMING.name).sentence for action in planned.actions] == [
        "Moved leadership from db-0 to old-0."
    ]

"""etcd's downgrade: when it begins, who may join meanwhile, and what the guard says to it."""

from __future__ import annotations

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import ApplyObject, SetDowngrade
from etcd_operator.core.guards import refuse
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import routine
from etcd_operator.core.rollout.version_change import (
    INCOMPATIBLE,
    end_downgrade_for_learners,
    prepare_version,
)
from tests.builders.actions import Fires, Passes
from tests.builders.snapshots import (
    CLUSTER_ID,
    outdated,
    settled,
    silent,
    with_learner,
    with_spec,
)
from tests.builders.versions import (
    MIDDLE,
    NEW,
    OLD,
    at,
    came_up,
    down,
    images,
    losing,
    running,
)

UNTIL_IT_JOINS = "Ending the downgrade until db-2 can vote: during one etcd lets nobody join."


def ended() -> Snapshot:
    """A downgrade was ended when members were about to be replaced, and before one was."""
    ready = settled(down(target="3.5.0", stored="3.5.0"))
    return running(outdated(ready, 0, 1, 2), *[MIDDLE] * 3)


FIRES = (
    Fires(
        "a member is to join in the middle of a downgrade",
        end_downgrade_for_learners,
        losing(MIDDLE, OLD, target="3.5.0"),
        routine.ENDING_DOWNGRADE,
        UNTIL_IT_JOINS,
        Phase.UPGRADING,
        ("downgrade off",),
    ),
    Fires(
        "one that crashed because of it starts again",
        end_downgrade_for_learners,
        losing(MIDDLE, OLD, target="3.5.0", message=f"fatal: {INCOMPATIBLE}"),
        routine.ENDING_DOWNGRADE,
        UNTIL_IT_JOINS,
        Phase.UPGRADING,
        ("downgrade off", "delete Pod db-2"),
    ),
    Fires(
        "members of 3.5 do not tell of a downgrade, and the one that is to join does",
        end_downgrade_for_learners,
        losing(OLD, OLD, message=f"fatal: {INCOMPATIBLE}"),
        routine.ENDING_DOWNGRADE,
        UNTIL_IT_JOINS,
        Phase.UPGRADING,
        ("downgrade off", "delete Pod db-2"),
    ),
    Fires(
        "a member is to join while snapshots are written",
        end_downgrade_for_learners,
        running(
            with_learner(with_spec(came_up(), version=NEW, size=5), 3),
            *[MIDDLE] * 3,
            target="3.5.0",
            stored="3.5.0",
        ),
        routine.ENDING_DOWNGRADE,
        "Ending the downgrade until db-3 can vote: during one etcd lets nobody join.",
        Phase.UPGRADING,
        ("apply ConfigMap db-config", "downgrade off"),
    ),
    Fires(
        "a downgrade that was ended before anybody ran its version begins again",
        prepare_version,
        ended(),
        routine.PREPARING_VERSION,
        "Preparing for v3.5.35: etcd makes every disk readable by 3.5.",
        Phase.UPGRADING,
        ("apply ConfigMap db-config", "apply StatefulSet db", "downgrade to 3.5"),
    ),
    Fires(
        "a downgrade does not begin before etcd stores as what its members run",
        prepare_version,
        down(stored="3.5.0"),
        routine.PREPARING_VERSION,
        "Preparing for v3.5.35: waiting until etcd stores as the version that its members run.",
        Phase.UPGRADING,
    ),
)
PASSES = (
    Passes("the downgrade is over", end_downgrade_for_learners, losing(MIDDLE, OLD)),
    Passes(
        "what was refused before it was over is restarted by the kubelet",
        end_downgrade_for_learners,
        losing(MIDDLE, OLD, message=f"fatal: {INCOMPATIBLE}"),
    ),
    Passes(
        "it crashes for another reason",
        end_downgrade_for_learners,
        losing(OLD, OLD, message="no space left on device"),
    ),
    Passes("nobody joins", end_downgrade_for_learners, down(target="3.5.0")),
    Passes(
        "the learner has joined",
        end_downgrade_for_learners,
        running(
            with_learner(with_spec(down(), size=5), 3, serves=True), *[MIDDLE] * 3, target="3.5.0"
        ),
    ),
    Passes(
        "the others go on beside a member that runs the version",
        prepare_version,
        losing(MIDDLE, OLD),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize(
    ("scene", "image"),
    [
        # The downgrade was ended before anybody ran its version: disks go up again.
        (ended(), "v3.6.16"),
        (outdated(losing(MIDDLE, MIDDLE), 0, 1), "v3.6.16"),
        (outdated(losing(MIDDLE, MIDDLE, target="3.5.0"), 0, 1), "v3.5.35"),
        (outdated(losing(MIDDLE, OLD), 0), "v3.5.35"),
    ],
)
def test_new_members_are_given_what_may_join(scene: Snapshot, image: str) -> None:
    assert images(scene) == image


def test_the_guard_begins_no_downgrade_that_etcd_could_not_carry_out() -> None:
    begin = SetDowngrade("3.5", CLUSTER_ID)
    assert refuse(SetDowngrade("3.6", CLUSTER_ID), at(NEW)) is None
    assert refuse(SetDowngrade("3.6", CLUSTER_ID), at(MIDDLE)) == "a member runs etcd 3.6.16"
    assert refuse(begin, down()) is None
    assert refuse(begin, silent(down(), 1)) == "a member is joining or does not answer"
    assert refuse(begin, at(NEW)) == "a member runs etcd 3.7.3"
    assert refuse(begin, at(OLD)) == "a member runs etcd 3.5.35"
    assert refuse(SetDowngrade("", CLUSTER_ID), at(MIDDLE)) is None
    assert refuse(SetDowngrade("", 7), at(MIDDLE)) is not None, "of another cluster"


def test_the_guard_starts_nobody_on_a_disk_that_cannot_be_read() -> None:
    ready = down(target="3.5.0", stored="3.5.0")
    applied = [a for a in plan(ready).actions if isinstance(a, ApplyObject)]
    (action,) = (a for a in applied if a.kind == "StatefulSet")
    assert refuse(action, ready) is None
    unready = down(target="3.5.0")
    assert refuse(action, unready) == "the disk of db-0 can be read by 3.6.0 or later only"

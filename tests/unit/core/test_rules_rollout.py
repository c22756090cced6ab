"""Replacing Pods: stuck ones, joiners, and a whole cluster one member at a time. And rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import DeleteObject, MoveLeader
from etcd_operator.core.plan import plan
from etcd_operator.core.rules import rollout, steady
from etcd_operator.core.snapshot import Snapshot
from tests.unit.core.scenes import (
    CLUSTER_ID,
    begun,
    change_child,
    change_pod,
    formed,
    led_by,
    member_id,
    outdated,
    silent,
    with_learner,
    with_spec,
    with_status,
    without_pods,
)
from tests.unit.core.shorthand import Fires, Passes, briefs, flags


def stuck(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """Pods that never came up, of an older template."""
    for ordinal in ordinals:
        snapshot = change_pod(snapshot, ordinal, running=False, ever_ran=False, ready=False)
    return outdated(snapshot, *ordinals)


def crashing_joiner(**changes: object) -> Snapshot:
    """An announced learner whose process crashed before its gate opened."""
    state = {"ever_ran": True, "restarts": 2, **changes}
    return with_learner(with_spec(formed(3), size=5), 3, **state)  # type: ignore[arg-type]


FIRES = (
    Fires(
        "a corrected spec reaches Pods that never started",
        rollout.replace_stuck_pods,
        stuck(begun(3), 0, 2),
        "ReplacingPods",
        "Replacing db-0, db-2: the spec was corrected.",
        Phase.CREATING,
        ("delete Pod db-0", "delete Pod db-2"),
    ),
    Fires(
        "a joiner that crashed too early is restarted",
        rollout.restart_joiners,
        crashing_joiner(),
        "RestartingJoiners",
        "Restarting db-3, which could not join yet.",
        Phase.SCALING,
        ("delete Pod db-3",),
    ),
    Fires(
        "the highest follower rolls first",
        rollout.roll,
        outdated(formed(3), 0, 1, 2),
        "Rolling",
        "Rolling db-2: 0 of 3 members are up to date.",
        Phase.UPGRADING,
        ("delete Pod db-2",),
    ),
    Fires(
        "then the next",
        rollout.roll,
        outdated(formed(3), 0, 1),
        "Rolling",
        "Rolling db-1: 1 of 3 members are up to date.",
        Phase.UPGRADING,
        ("delete Pod db-1",),
    ),
    Fires(
        "the leader hands over first and rolls last",
        rollout.roll,
        outdated(formed(3), 0),
        "Rolling",
        "Rolling db-0: 2 of 3 members are up to date.",
        Phase.UPGRADING,
        ("lead 0>1", "delete Pod db-0"),
    ),
    Fires(
        "a single member has nobody to hand over to",
        rollout.roll,
        outdated(formed(1), 0),
        "Rolling",
        "Rolling db-0: 0 of 1 members are up to date.",
        Phase.UPGRADING,
        ("delete Pod db-0",),
    ),
    Fires(
        "while another member is away nobody rolls",
        rollout.roll,
        silent(outdated(formed(3), 0, 1), 2),
        "RollWaiting",
        "Rolling: 1 of 3 members are up to date; waiting until every member serves.",
        Phase.UPGRADING,
    ),
    Fires(
        "while a member is not Ready nobody rolls",
        rollout.roll,
        change_pod(outdated(formed(3), 0, 1), 2, ready=False),
        "RollWaiting",
        "Rolling: 1 of 3 members are up to date; waiting until every member serves.",
        Phase.UPGRADING,
    ),
    Fires(
        "an outdated member that is down is the one to roll",
        rollout.roll,
        silent(outdated(formed(3), 0, 1), 1),
        "Rolling",
        "Rolling db-1: 1 of 3 members are up to date.",
        Phase.UPGRADING,
        ("delete Pod db-1",),
    ),
    Fires(
        "at rest",
        steady.rest,
        formed(3),
        "Healthy",
        "All 3 members are healthy.",
        Phase.RUNNING,
        (),
        flags("settled"),
    ),
    Fires(
        "a single member at rest",
        steady.rest,
        formed(1),
        "Healthy",
        "The member is healthy.",
        Phase.RUNNING,
        (),
        flags("settled"),
    ),
    Fires(
        "members that are away or not Ready are named",
        steady.rest,
        change_pod(silent(formed(5), 4), 1, ready=False),
        "MembersNotReady",
        "Waiting for db-1, db-4 to be ready.",
        Phase.RUNNING,
    ),
)

PASSES = (
    Passes("up to date", rollout.replace_stuck_pods, begun(3)),
    Passes("it ran before", rollout.replace_stuck_pods, outdated(formed(3), 2)),
    Passes(
        "it is going", rollout.replace_stuck_pods, change_pod(stuck(begun(1), 0), 0, deleting=True)
    ),
    Passes("it joined", rollout.restart_joiners, formed(3)),
    Passes("it never crashed", rollout.restart_joiners, crashing_joiner(restarts=0)),
    Passes("it runs", rollout.restart_joiners, crashing_joiner(running=True)),
    Passes("it is going", rollout.restart_joiners, crashing_joiner(deleting=True)),
    Passes(
        "no quorum says that it never joined",
        rollout.restart_joiners,
        silent(crashing_joiner(), 0, 1),
    ),
    Passes(
        "its disk has to go first",
        rollout.restart_joiners,
        crashing_joiner(last_words="wal: crc mismatch"),
    ),
    Passes("all up to date", rollout.roll, formed(3)),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_rolling_names_pod_and_members_exactly() -> None:
    move, delete = plan(outdated(formed(3), 0)).actions
    assert move == MoveLeader(0, member_id(0), 1, member_id(1), CLUSTER_ID)
    assert isinstance(delete, DeleteObject)
    assert delete.uid == "pod-0"


def test_no_revision_is_believed_before_the_controller_saw_the_template() -> None:
    """Until observedGeneration catches up, updateRevision is that of the old template."""
    rolling = outdated(formed(3), 2)
    stateful = rolling.statefulset
    assert stateful is not None
    newer = {**stateful.body, "metadata": {**stateful.body["metadata"], "generation": 99}}
    assert rollout.roll(change_child(rolling, "StatefulSet", "db", body=newer)) is None


def test_leadership_elsewhere_changes_the_order() -> None:
    assert briefs(led_by(outdated(formed(3), 0, 1, 2), 2)) == ("delete Pod db-1",)


def test_two_members_down_stop_the_roll() -> None:
    assert briefs(silent(outdated(formed(5), 3, 4), 3, 4)) == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Creating", Phase.CREATING),
        ("Scaling", Phase.SCALING),
        ("Upgrading", Phase.UPGRADING),
        ("Running", Phase.RUNNING),
        ("Failed", Phase.RUNNING),
        ("Stopped", Phase.SCALING),
    ],
)
def test_a_change_goes_on_until_all_is_well(before: str, after: Phase) -> None:
    waiting = with_status(without_pods(formed(3), 2), phase=before)
    assert plan(waiting).decision.phase is after


def test_rest_looks_again_only_while_something_is_missing() -> None:
    assert plan(formed(3)).decision.wake_after is None
    assert plan(replace(silent(formed(3), 2))).decision.wake_after == 1.0

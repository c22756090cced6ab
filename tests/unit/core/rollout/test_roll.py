"""Replacing the Pods of a whole cluster, one member at a time. And rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import EvictPod, MoveLeader
from etcd_operator.core.lifecycle import settled as settled
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.naming import ROLE_LEAVING
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rollout import roll as roll
from tests.builders.actions import SAID, Fires, Passes, briefs, flags
from tests.builders.snapshots import (
    CLUSTER_ID,
    NOW,
    change_child,
    change_claim,
    change_pod,
    claim,
    formed,
    growing,
    led_by,
    member_id,
    outdated,
    silent,
    with_learner,
    with_spec,
    with_status,
    without_pods,
)


def kept_disk(snapshot: Snapshot) -> Snapshot:
    """The disk of a member that left, kept as the spec asks."""
    policy = {"retentionPolicy": {"whenScaled": "Retain"}}
    kept = with_spec(snapshot, storage={"size": "10Gi", **policy})
    return replace(kept, claims=(*kept.claims, claim(len(kept.pods))))


def unready(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """They answer, and the kubelet says that they are not Ready."""
    for ordinal in ordinals:
        snapshot = change_pod(snapshot, ordinal, ready=False)
    return snapshot


def late_joiner(snapshot: Snapshot) -> Snapshot:
    """A learner that no node has taken for ten minutes."""
    ordinal, long_ago = len(snapshot.members), NOW - timedelta(minutes=10)
    snapshot = with_learner(snapshot, ordinal, node="", problem=PodProblem("Unschedulable", "full"))
    return change_claim(snapshot, ordinal, created=long_ago)


FIRES = (
    Fires(
        "the highest follower rolls first",
        roll.roll,
        outdated(formed(3), 0, 1, 2),
        routine.ROLLING_UPDATE,
        "Rolling update: replacing Pod db-2; 0 of 3 members are up to date.",
        Phase.UPGRADING,
        ("evict db-2",),
    ),
    Fires(
        "then the next",
        roll.roll,
        outdated(formed(3), 0, 1),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("evict db-1",),
    ),
    Fires(
        "one that has left the client Service for it, before a higher one",
        roll.roll,
        change_pod(outdated(formed(3), 0, 1, 2), 1, role=ROLE_LEAVING),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("evict db-1",),
    ),
    Fires(
        "the leader hands over first and rolls last",
        roll.roll,
        outdated(formed(3), 0),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("lead 0>1", "evict db-0"),
    ),
    Fires(
        "a single member has nobody to hand over to",
        roll.roll,
        outdated(formed(1), 0),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("evict db-0",),
    ),
    Fires(
        "while another member is away nobody rolls",
        roll.roll,
        silent(outdated(formed(3), 0, 1), 2),
        routine.ROLLING_UPDATE_WAITING,
        "Rolling update: 1 of 3 members is up to date; waiting for db-2 to be ready.",
        Phase.UPGRADING,
    ),
    Fires(
        "while a member is not Ready nobody rolls",
        roll.roll,
        change_pod(outdated(formed(3), 0, 1), 2, ready=False),
        routine.ROLLING_UPDATE_WAITING,
        "Rolling update: 1 of 3 members is up to date; waiting for db-2 to be ready.",
        Phase.UPGRADING,
    ),
    Fires(
        "an outdated member that is down is the one to roll",
        roll.roll,
        silent(outdated(formed(3), 0, 1), 1),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("delete Pod db-1",),
    ),
    Fires(
        "of several outdated members that are down one is rolled",
        roll.roll,
        silent(outdated(formed(5), 3, 4), 3, 4),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("delete Pod db-4",),
    ),
    Fires(
        "a kept disk without a member stops no roll",
        roll.roll,
        kept_disk(outdated(formed(3), 0, 1, 2)),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("evict db-2",),
    ),
    Fires(
        "members that serve but are not Ready are rolled first",
        roll.roll,
        change_pod(outdated(formed(3), 0, 1, 2), 1, ready=False),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("delete Pod db-1",),
    ),
    Fires(
        "all of them serve, and the template keeps all from being Ready",
        roll.roll,
        unready(outdated(formed(3), 0, 1, 2), 0, 1, 2),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("delete Pod db-2",),
    ),
    Fires(
        "a single member that serves but is not Ready",
        roll.roll,
        unready(outdated(formed(1), 0), 0),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("delete Pod db-0",),
    ),
    Fires(
        "one that ends already is waited for",
        roll.roll,
        change_pod(outdated(formed(3), 0, 1, 2), 2, deleting=True),
        routine.ROLLING_UPDATE_WAITING,
        "Rolling update: 0 of 3 members are up to date; waiting for db-2 to be ready.",
        Phase.UPGRADING,
    ),
    Fires(
        "what keeps the awaited member is repeated",
        roll.roll,
        change_pod(
            silent(outdated(formed(3), 0, 1), 2),
            2,
            running=False,
            ready=False,
            problem=PodProblem("Unschedulable", "0/1 nodes are available"),
        ),
        routine.ROLLING_UPDATE_WAITING,
        "Rolling update: 1 of 3 members is up to date; waiting for db-2 (Unschedulable: 0/1 "
        "nodes are available) to be ready.",
        Phase.UPGRADING,
    ),
    Fires(
        "a joiner that is late stops no roll",
        roll.roll,
        late_joiner(outdated(growing(3, 5), 0, 1, 2)),
        routine.ROLLING_UPDATE,
        SAID,
        Phase.UPGRADING,
        ("apply PodDisruptionBudget db", "evict db-2"),
    ),
    Fires(
        "at rest",
        settled.report_settled,
        formed(3),
        routine.HEALTHY,
        "All 3 members are healthy.",
        Phase.RUNNING,
        (),
        flags("settled"),
    ),
    Fires(
        "a single member at rest",
        settled.report_settled,
        formed(1),
        routine.HEALTHY,
        "The member is healthy.",
        Phase.RUNNING,
        (),
        flags("settled"),
    ),
    Fires(
        "members that are away or not Ready are named",
        settled.report_settled,
        change_pod(silent(formed(5), 4), 1, ready=False),
        attention.MEMBERS_NOT_READY,
        "Waiting for db-1, db-4 to be ready.",
        Phase.RUNNING,
    ),
)

PASSES = (
    Passes("all up to date", roll.roll, formed(3)),
    Passes(
        "of two voters none can be stopped: who is to join is named instead",
        roll.roll,
        late_joiner(outdated(with_spec(formed(2), size=3), 0, 1)),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_rolling_names_pod_and_members_exactly() -> None:
    move, eviction = plan(outdated(formed(3), 0)).actions
    assert move == MoveLeader(0, member_id(0), 1, member_id(1), CLUSTER_ID)
    assert eviction == EvictPod("db-0", "pod-0", "its spec has changed")


def test_no_revision_is_believed_before_the_controller_saw_the_template() -> None:
    """Until observedGeneration catches up, updateRevision is that of the old template."""
    rolling = outdated(formed(3), 2)
    stateful = rolling.statefulset
    assert stateful is not None
    newer = {**stateful.body, "metadata": {**stateful.body["metadata"], "generation": 99}}
    assert roll.roll(change_child(rolling, "StatefulSet", "db", body=newer)) is None


def test_leadership_elsewhere_changes_the_order() -> None:
    assert briefs(led_by(outdated(formed(3), 0, 1, 2), 2)) == ("evict db-1",)


def test_an_up_to_date_member_down_stops_the_roll() -> None:
    assert briefs(silent(outdated(formed(5), 3), 3, 4)) == ()


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
    assert plan(formed(3)).decision.requeue_after is None
    assert plan(replace(silent(formed(3), 2))).decision.requeue_after == 1.0

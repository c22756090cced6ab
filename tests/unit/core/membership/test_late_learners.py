"""Members that were announced and have not joined yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.membership import promote as promote
from etcd_operator.core.membership.learners import JOINS_WITHIN, SCHEDULED_WITHIN
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.reasons import attention, routine
from tests.builders.actions import Fires, Passes
from tests.builders.snapshots import (
    NOW,
    change_claim,
    claim,
    formed,
    growing,
    silent,
    with_learner,
    without_pods,
)


def late(snapshot: Snapshot, since: timedelta = JOINS_WITHIN, ordinal: int = 3) -> Snapshot:
    """The learner's disk was made so long ago."""
    return change_claim(snapshot, ordinal, created=NOW - since)


def beside_an_old_disk(snapshot: Snapshot) -> Snapshot:
    """The learner is known to etcd and silent; where the next one comes, an old disk is going."""
    return silent(replace(snapshot, claims=(*snapshot.claims, claim(4, deleting=True))), 3)


FIRES = (
    Fires(
        "an announced learner is waited for",
        promote.wait_for_learners,
        with_learner(growing(3, 5), 3),
        routine.MEMBER_STARTING,
        "Waiting for new member db-3 to start.",
        Phase.SCALING,
    ),
    Fires(
        "so is one beside which the next cannot be announced yet",
        promote.wait_for_learners,
        beside_an_old_disk(with_learner(growing(3, 5, "3.6.4"), 3, serves=True, version="3.6.4")),
        routine.MEMBER_STARTING,
        "Waiting for new member db-3 to start.",
        Phase.SCALING,
    ),
    Fires(
        "one that is late is waited for when nothing else is to be done",
        promote.report_late_learners,
        late(with_learner(growing(3, 5), 3, node="", problem=PodProblem("Unschedulable", "full"))),
        attention.MEMBER_NOT_JOINING,
        "Waiting for new member db-3 (Unschedulable: full) to start.",
        Phase.SCALING,
        ("apply PodDisruptionBudget db",),
    ),
    Fires(
        "so is one whose Pod cannot be made",
        promote.report_late_learners,
        without_pods(late(with_learner(growing(3, 5), 3)), 3),
        attention.MEMBER_NOT_JOINING,
        "Waiting for new member db-3 to start.",
        Phase.SCALING,
        ("apply PodDisruptionBudget db",),
    ),
    Fires(
        "an image may take longer than the scheduler",
        promote.wait_for_learners,
        late(
            with_learner(growing(3, 5), 3, problem=PodProblem("ErrImagePull", "timeout")),
            SCHEDULED_WITHIN,
        ),
        routine.MEMBER_STARTING,
        "Waiting for new member db-3 to start.",
        Phase.SCALING,
    ),
    Fires(
        "one that is late and runs may be there any moment",
        promote.wait_for_learners,
        late(with_learner(growing(3, 5), 3, running=True, ever_ran=True)),
        routine.MEMBER_STARTING,
        "Waiting for new member db-3 to start.",
        Phase.SCALING,
    ),
)


PASSES = (
    Passes("no learner", promote.wait_for_learners, formed(3)),
    Passes(
        "no node takes it",
        promote.wait_for_learners,
        late(
            with_learner(growing(3, 5), 3, node="", problem=PodProblem("Unschedulable", "full")),
            SCHEDULED_WITHIN,
        ),
    ),
    Passes("it is late", promote.wait_for_learners, late(with_learner(growing(3, 5), 3))),
    Passes("nobody joins", promote.report_late_learners, formed(3)),
    Passes(
        "the learner serves", promote.wait_for_learners, with_learner(growing(3, 5), 3, serves=True)
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()

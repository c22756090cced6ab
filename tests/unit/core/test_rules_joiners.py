"""Members that were announced and have not joined yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.learners import JOINS_WITHIN, SCHEDULED_WITHIN
from etcd_operator.core.live_objects import Trouble
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.rules import joiners
from etcd_operator.core.snapshot import Snapshot
from tests.unit.core.scenes import (
    NOW,
    change_claim,
    claim,
    formed,
    growing,
    silent,
    with_learner,
    without_pods,
)
from tests.unit.core.shorthand import Fires, Passes


def late(snapshot: Snapshot, since: timedelta = JOINS_WITHIN) -> Snapshot:
    """The learner's disk was made so long ago."""
    return change_claim(snapshot, 3, created=NOW - since)


def beside_an_old_disk(snapshot: Snapshot) -> Snapshot:
    """The learner is known to etcd and silent; where the next one comes, an old disk is going."""
    return silent(replace(snapshot, claims=(*snapshot.claims, claim(4, deleting=True))), 3)


FIRES = (
    Fires(
        "an announced learner is waited for",
        joiners.wait_for_joiners,
        with_learner(growing(3, 5), 3),
        routine.MEMBER_STARTING,
        "Waiting for new member db-3 to start.",
        Phase.SCALING,
    ),
    Fires(
        "so is one beside which the next cannot be announced yet",
        joiners.wait_for_joiners,
        beside_an_old_disk(with_learner(growing(3, 5, "3.6.4"), 3, serves=True, version="3.6.4")),
        routine.MEMBER_STARTING,
        "Waiting for new member db-3 to start.",
        Phase.SCALING,
    ),
    Fires(
        "one that is late is waited for when nothing else is to be done",
        joiners.report_late_joiners,
        late(with_learner(growing(3, 5), 3, node="", trouble=Trouble("Unschedulable", "full"))),
        attention.MEMBER_NOT_JOINING,
        "Waiting for new member db-3 (Unschedulable: full) to start.",
        Phase.SCALING,
        ("apply PodDisruptionBudget db",),
    ),
    Fires(
        "so is one whose Pod cannot be made",
        joiners.report_late_joiners,
        without_pods(late(with_learner(growing(3, 5), 3)), 3),
        attention.MEMBER_NOT_JOINING,
        "Waiting for new member db-3 to start.",
        Phase.SCALING,
        ("apply PodDisruptionBudget db",),
    ),
    Fires(
        "an image may take longer than the scheduler",
        joiners.wait_for_joiners,
        late(
            with_learner(growing(3, 5), 3, trouble=Trouble("ErrImagePull", "timeout")),
            SCHEDULED_WITHIN,
        ),
        routine.MEMBER_STARTING,
        "Waiting for new member db-3 to start.",
        Phase.SCALING,
    ),
    Fires(
        "one that is late and runs may be there any moment",
        joiners.wait_for_joiners,
        late(with_learner(growing(3, 5), 3, running=True, ever_ran=True)),
        routine.MEMBER_STARTING,
        "Waiting for new member db-3 to start.",
        Phase.SCALING,
    ),
)


PASSES = (
    Passes("no learner", joiners.wait_for_joiners, formed(3)),
    Passes(
        "no node takes it",
        joiners.wait_for_joiners,
        late(
            with_learner(growing(3, 5), 3, node="", trouble=Trouble("Unschedulable", "full")),
            SCHEDULED_WITHIN,
        ),
    ),
    Passes("it is late", joiners.wait_for_joiners, late(with_learner(growing(3, 5), 3))),
    Passes("nobody joins", joiners.report_late_joiners, formed(3)),
    Passes(
        "the learner serves", joiners.wait_for_joiners, with_learner(growing(3, 5), 3, serves=True)
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()

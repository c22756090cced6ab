"""Stopping a formed cluster by size 0, and starting it again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.lifecycle import hibernate
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import routine
from tests.builders.actions import Fires, Passes, flags
from tests.builders.snapshots import (
    formed,
    pod,
    settled,
    silent,
    stopped,
    with_cluster,
    with_spec,
    with_status,
)

FIRES = (
    Fires(
        "size 0 stops every Pod and keeps the disks",
        hibernate.stop,
        with_spec(formed(3), size=0),
        routine.STOPPING,
        "Stopping the cluster; Pods that are left: 3. The disks are kept.",
        Phase.SCALING,
        ("apply StatefulSet db",),
    ),
    Fires(
        "stopped is at rest",
        hibernate.stop,
        stopped(3),
        routine.STOPPED,
        "The cluster is stopped and its disks are kept; set spec.size to start it.",
        Phase.STOPPED,
        (),
        flags("settled"),
    ),
    Fires(
        "a start brings back as many members as there were, whatever the size",
        hibernate.start,
        with_spec(stopped(3), size=1),
        routine.STARTING,
        "Starting the members that were stopped: 3.",
        Phase.SCALING,
        ("apply StatefulSet db",),
    ),
)


PASSES = (
    Passes("a size above 0", hibernate.stop, formed(3)),
    Passes("running", hibernate.start, silent(formed(3), 1, 2)),
    Passes("a quorum is back", hibernate.start, with_status(formed(3), phase="Stopped")),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_the_user_may_change_the_mind_about_stopping() -> None:
    back = with_spec(with_spec(formed(3), size=0), size=3)
    assert plan(back).decision.reason == routine.HEALTHY


def test_stop_waits_for_the_last_pod() -> None:
    last = with_cluster(stopped(3), generation=3)
    assert plan(replace(last, pods=(pod(0, deleting=True),))).decision.reason == routine.STOPPING


def test_starting_stays_starting_until_a_quorum_answers() -> None:
    """The passes after the first one still know that the members were stopped."""
    first = plan(with_spec(stopped(3), size=3))
    assert first.decision.reason == routine.STARTING
    second = settled(with_spec(stopped(3), size=3))
    second = replace(second, pods=tuple(pod(o, ready=False) for o in range(3)))
    shown = {"type": "Progressing", "status": "True", "reason": "Starting"}
    second = with_status(second, phase="Scaling", conditions=[shown])
    assert plan(second).decision.reason == routine.STARTING

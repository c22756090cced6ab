"""When another member leads because somebody asked for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.membership.move_leader import move_leader
from etcd_operator.core.model.requests import ANNOTATION_MOVE_LEADER, write_time
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import routine
from tests.builders.actions import SAID, Fires, Passes
from tests.builders.snapshots import (
    NOW,
    change_pod,
    formed,
    growing,
    led_by,
    member_id,
    settled,
    silent,
    with_cluster,
    with_learner,
)
from tests.builders.space import alarmed


def asked(snapshot: Snapshot, member: str = "db-1", minutes: float = 1) -> Snapshot:
    """Somebody has asked so many minutes ago that a member leads."""
    request = f"{member} {write_time(NOW - timedelta(minutes=minutes))}"
    return with_cluster(snapshot, annotations={ANNOTATION_MOVE_LEADER: request})


def request_as(text: str) -> Snapshot:
    """The annotation as anybody may write it."""
    return with_cluster(formed(3), annotations={ANNOTATION_MOVE_LEADER: text})


FIRES = (
    Fires(
        "a voter that serves becomes leader",
        move_leader,
        asked(formed(3)),
        routine.MOVING_LEADER,
        "Leadership goes to db-1, because that was asked for.",
        Phase.RUNNING,
        ("lead 0>1",),
    ),
    Fires(
        "back again",
        move_leader,
        asked(led_by(formed(3), 2), "db-0"),
        routine.MOVING_LEADER,
        SAID,
        Phase.RUNNING,
        ("lead 2>0",),
    ),
)

PASSES = (
    Passes("nobody asks", move_leader, formed(3)),
    Passes("it leads", move_leader, asked(led_by(formed(3), 1))),
    Passes("minutes ago", move_leader, asked(formed(3), minutes=5)),
    Passes("a clock that is far ahead", move_leader, asked(formed(3), minutes=-6)),
    Passes("no such member", move_leader, asked(formed(3), "db-7")),
    Passes("no time", move_leader, request_as("db-1")),
    Passes("nonsense", move_leader, request_as("x" * 5000 + " 2026")),
    Passes(
        "a learner",
        move_leader,
        asked(with_learner(growing(3, 5), 3, serves=True), "db-3"),
    ),
    Passes("a member is away", move_leader, asked(silent(formed(3), 2))),
    Passes("a Pod is not ready", move_leader, asked(change_pod(formed(3), 2, ready=False))),
    Passes(
        "an alarm",
        move_leader,
        asked(alarmed(formed(3), f"memberID:{member_id(1)} alarm:NOSPACE ")),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_the_guards_let_it_through() -> None:
    snapshot = asked(settled(formed(3)))
    (action,) = plan(snapshot).actions
    assert guards.refuse(action, snapshot) is None

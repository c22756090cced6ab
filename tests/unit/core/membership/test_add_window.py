"""When a change that etcd refuses within its window is worth another attempt."""

from __future__ import annotations

from datetime import timedelta

import pytest

from etcd_operator.core.membership.add_window import HEALTH_INTERVAL, find_pause
from etcd_operator.core.model.decision import ADD_WINDOW
from etcd_operator.core.plan.planner import plan
from tests.builders.snapshots import NOW, change_pod, formed, with_learner, with_spec


@pytest.mark.parametrize(
    ("ago", "pause"),
    [(0.0, 5.0), (1.5, 3.5), (4.95, ADD_WINDOW), (5.0, ADD_WINDOW), (3600.0, ADD_WINDOW)],
)
def test_until_the_voter_that_started_last_has_been_there_for_five_seconds(
    ago: float, pause: float
) -> None:
    grown = with_spec(formed(3), size=5)
    for ordinal, started in enumerate((900.0, 60.0, ago)):
        grown = change_pod(grown, ordinal, started=NOW - timedelta(seconds=started))
    assert find_pause(grown) == pytest.approx(pause)
    assert plan(grown).decision.requeue_after == pytest.approx(pause)


def test_a_clock_of_a_node_that_is_ahead_delays_no_more_than_etcd_itself() -> None:
    ahead = change_pod(formed(3), 1, started=NOW + timedelta(hours=1))
    assert find_pause(ahead) == HEALTH_INTERVAL.total_seconds()


def test_a_learner_is_not_waited_for() -> None:
    """etcd asks whether the voters are connected."""
    joining = change_pod(with_learner(formed(3), 3, serves=True), 3, started=NOW)
    assert find_pause(joining) == ADD_WINDOW


def test_where_kubernetes_does_not_tell_the_pace_stays() -> None:
    assert find_pause(formed(3)) == ADD_WINDOW

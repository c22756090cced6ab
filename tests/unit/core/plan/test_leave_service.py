"""Pods leave the client Service before they end: who does, who is not waited for, who is back."""

from __future__ import annotations

import pytest

from etcd_operator.core.model.decision import LEAVING
from etcd_operator.core.model.naming import ROLE_LEAVING
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from tests.builders.actions import briefs
from tests.builders.clients import left_by_clients, with_clients
from tests.builders.snapshots import (
    change_pod,
    formed,
    outdated,
    silent,
    with_spec,
)


def leaving(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """These Pods have the label of ones that leave."""
    for ordinal in ordinals:
        snapshot = change_pod(snapshot, ordinal, role=ROLE_LEAVING)
    return snapshot


ROLLING = with_clients(outdated(formed(3), 0, 1, 2))
SHRINKING = with_clients(with_spec(formed(5), size=3))
ASKED = with_clients(change_pod(formed(3), 2, replace_asked=True))


@pytest.mark.parametrize(
    ("scene", "labels"),
    [
        (ROLLING, ("label db-2 leaving",)),
        (SHRINKING, ("label db-3 leaving", "label db-4 leaving")),
        (leaving(SHRINKING, 3), ("label db-4 leaving",)),
        (ASKED, ("label db-2 leaving",)),
    ],
    ids=["a roll", "scale-in", "one was labelled before", "a replacement that was asked for"],
)
def test_who_is_about_to_end_is_labelled_first_and_nothing_else_happens(
    scene: Snapshot, labels: tuple[str, ...]
) -> None:
    made = plan(scene)
    assert briefs(made.snapshot) == labels
    assert made.decision.requeue_after == LEAVING


@pytest.mark.parametrize(
    "scene", [leaving(ROLLING, 2), leaving(SHRINKING, 3, 4), leaving(ASKED, 2)]
)
def test_until_clients_are_led_elsewhere_nothing_is_done_and_the_label_stays(
    scene: Snapshot,
) -> None:
    made = plan(scene)
    assert made.actions == ()
    assert made.decision.requeue_after == LEAVING
    assert not made.decision.settled


def test_all_that_end_together_are_waited_for() -> None:
    assert plan(left_by_clients(leaving(SHRINKING, 3, 4), 4)).actions == ()


def test_then_the_pod_ends_with_the_label_by_which_its_budget_counts_it() -> None:
    assert briefs(left_by_clients(leaving(ROLLING, 2), 2)) == ("evict db-2",)


def test_the_leader_hands_over_when_it_has_left() -> None:
    last = with_clients(outdated(formed(3), 0))
    assert briefs(last) == ("label db-0 leaving",)
    gone = left_by_clients(leaving(last, 0), 0)
    assert briefs(gone) == ("lead 0>1", "evict db-0")


@pytest.mark.parametrize(
    ("scene", "goes_on"),
    [
        (silent(SHRINKING, 1), "remove 4"),
        (silent(SHRINKING, 4), "remove 4"),
        (with_clients(outdated(formed(1), 0)), "evict db-0"),
        (change_pod(ROLLING, 2, ready=False), "delete Pod db-2"),
    ],
    ids=["another voter is missed", "it is missed itself", "nobody else serves", "not in it"],
)
def test_nothing_waits_for_clients_where_that_helps_nobody_or_a_voter_is_missed(
    scene: Snapshot, goes_on: str
) -> None:
    assert goes_on in briefs(scene)


def test_the_service_leads_back_to_who_stays_after_all() -> None:
    stays = leaving(with_clients(formed(3)), 2)
    assert briefs(stays) == ("label db-2 voter",)
    other = leaving(with_clients(outdated(formed(3), 1)), 2)
    assert briefs(other) == ("label db-2 voter", "label db-1 leaving")


def test_no_service_is_left_with_nobody() -> None:
    two = leaving(with_clients(with_spec(formed(3), size=1)), 0)
    labels = briefs(two)
    assert "label db-0 voter" in labels


def test_who_has_just_been_promoted_counts_as_one_that_the_service_leads_to() -> None:
    scene = change_pod(with_clients(with_spec(formed(3), size=1)), 0, role="learner")
    assert briefs(scene) == ("label db-0 voter", "label db-1 leaving", "label db-2 leaving")


def test_a_pod_that_a_pass_deletes_is_not_labelled_for_what_its_successor_will_be() -> None:
    done = briefs(left_by_clients(leaving(ASKED, 2), 2))
    assert "delete Pod db-2" in done
    assert not [said for said in done if said.startswith("label")]

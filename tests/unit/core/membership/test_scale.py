"""Growing and shrinking, one vote at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import AddLearner, PromoteMember, RemoveMember
from etcd_operator.core.membership import resize_waits as resize_waits
from etcd_operator.core.membership import scale
from etcd_operator.core.membership.learners import JOINS_WITHIN
from etcd_operator.core.membership.promote import FRESH
from etcd_operator.core.model.decision import ADD_WINDOW, LEARNER_SYNC, OUTSIDE_CHANGE, POD_START
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.members import Member
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from tests.builders.actions import SAID, Fires, Passes, briefs, flags
from tests.builders.diverging import compared
from tests.builders.scaling import KEPT, shrinking, shrunk
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    NOW,
    answer,
    begun,
    change_claim,
    claim,
    formed,
    growing,
    led_by,
    member_id,
    outdated,
    pod,
    settled,
    silent,
    with_learner,
    with_members,
    with_spec,
    with_status,
    without_claims,
    without_member,
    without_pods,
)

GATE = "apply ConfigMap db-config"
PODS = "apply StatefulSet db"


def lost_since(snapshot: Snapshot, seconds: int) -> Snapshot:
    """The status has said for so long that the majority is lost."""
    since = (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lost = {"type": "QuorumHealthy", "status": "False", "lastTransitionTime": since}
    return with_status(snapshot, conditions=[lost])


FIRES = (
    Fires(
        "without a quorum nothing is changed",
        scale.wait_for_quorum,
        silent(with_spec(formed(3), size=5), 1, 2),
        attention.NO_QUORUM,
        "No quorum: 1 of 3 members answers; waiting for the others.",
        Phase.RUNNING,
    ),
    Fires(
        "for the time of an election the phase stays",
        scale.wait_for_quorum,
        lost_since(silent(formed(3), 0, 1, 2), seconds=4),
        attention.NO_QUORUM,
        "No quorum: 0 of 3 members answer; waiting for the others.",
        Phase.RUNNING,
    ),
    Fires(
        "after it the cluster has failed until they are back",
        scale.wait_for_quorum,
        lost_since(silent(formed(3), 0, 1, 2), seconds=5),
        attention.NO_QUORUM,
        "No quorum: 0 of 3 members answer; waiting for the others.",
        Phase.FAILED,
    ),
    Fires(
        "a member that somebody added by hand",
        scale.refuse_foreign_members,
        with_members(
            formed(3),
            *formed(3).members,
            Member(0xF0, "stranger", ("http://stranger:2380",), ("http://stranger:2379",)),
        ),
        attention.FOREIGN_MEMBER,
        "etcd has a member that this cluster did not add: f0 at http://stranger:2380. Remove it "
        "with `etcdctl member remove`. Nothing is changed until then.",
        Phase.RUNNING,
        flags=flags("blocked", "no corrections"),
    ),
    Fires(
        "5 to 3: both highest leave etcd one after the other, then Pods stop together",
        scale.shrink,
        shrinking(5, 3),
        routine.SCALING_IN,
        "Scaling in from 5 to 3 members.",
        Phase.SCALING,
        ("remove 4", "remove 3", GATE, PODS),
    ),
    Fires(
        "3 to 1: leadership stays with the one that stays",
        scale.shrink,
        led_by(shrinking(3, 1), 2),
        routine.SCALING_IN,
        SAID,
        Phase.SCALING,
        ("lead 2>0", "remove 2", "remove 1", GATE, PODS),
    ),
    Fires(
        "learners leave before voters",
        scale.shrink,
        with_spec(with_learner(growing(3, 5), 3), size=1),
        routine.SCALING_IN,
        SAID,
        Phase.SCALING,
        ("remove 3", "remove 2", "remove 1", GATE, PODS),
    ),
    Fires(
        "a dead member leaves as well",
        scale.shrink,
        silent(shrinking(5, 3), 4),
        routine.SCALING_IN,
        SAID,
        Phase.SCALING,
        ("remove 4", "remove 3", GATE, PODS),
    ),
    Fires(
        "shrinking waits when the rest would have no majority",
        resize_waits.wait_to_shrink,
        silent(shrinking(3, 1), 0),
        attention.QUORUM_AT_RISK,
        "Scale-in is waiting: removing db-1, db-2 would lose quorum while db-0 is unhealthy.",
        Phase.SCALING,
    ),
    Fires(
        "disks of removed members are deleted",
        scale.delete_left_disks,
        shrunk(5, 3),
        routine.DELETING_DISKS,
        "Deleting the disks of removed members: data-db-3, data-db-4.",
        Phase.SCALING,
        ("delete PersistentVolumeClaim data-db-3", "delete PersistentVolumeClaim data-db-4"),
    ),
    Fires(
        "those that do not go are named",
        resize_waits.wait_for_left_disks,
        change_claim(replace(shrunk(4, 3), pods=formed(3).pods), 3, deleting=True),
        routine.DELETING_DISKS,
        "Deleting the disks of removed members: data-db-3.",
        Phase.SCALING,
    ),
    Fires(
        "3 to 5 on 3.5: one learner at a time",
        scale.grow,
        growing(3, 5),
        routine.SCALING_OUT,
        "Scaling out from 3 to 5 members.",
        Phase.SCALING,
        ("add 3", GATE, PODS),
    ),
    Fires(
        "1 to 3 on 3.6: the first learner",
        scale.grow,
        growing(1, 3, "3.6.4"),
        routine.SCALING_OUT,
        SAID,
        Phase.SCALING,
        ("add 1", GATE, PODS),
    ),
    Fires(
        "1 to 3 on 3.6: the second learner is announced before the first one is promoted",
        scale.announce_next_learner,
        with_learner(growing(1, 3, "3.6.4"), 1, serves=True, version="3.6.4"),
        routine.SCALING_OUT,
        SAID,
        Phase.SCALING,
        ("add 2", GATE, PODS),
    ),
    Fires(
        "a hole is filled first",
        scale.grow,
        settled(without_claims(without_pods(without_member(formed(3), 1), 1), 1)),
        routine.SCALING_OUT,
        SAID,
        Phase.SCALING,
        ("add 1", GATE),
    ),
    Fires(
        "growing waits for a member that is away",
        resize_waits.wait_to_grow,
        silent(growing(3, 5), 1),
        attention.MEMBER_UNAVAILABLE,
        "Scale-out is waiting for db-1 to answer.",
        Phase.SCALING,
    ),
    Fires(
        "growing waits for old disks",
        resize_waits.wait_to_grow,
        change_claim(replace(growing(3, 5), claims=(*formed(4).claims,)), 3, deleting=True),
        routine.WAITING_FOR_DISKS,
        "Scale-out is waiting: the old disk of db-3 is being deleted.",
        Phase.SCALING,
    ),
    Fires(
        "a kept disk blocks growing, and the user is told which",
        resize_waits.wait_to_grow,
        replace(with_spec(growing(3, 5), storage=KEPT), claims=formed(4).claims),
        attention.RETAINED_DISK_EXISTS,
        "PersistentVolumeClaim data-db-3 was retained when the cluster was scaled in, as "
        "spec.storage.retentionPolicy.whenScaled wants: delete it to let the cluster scale out.",
        Phase.SCALING,
        (),
        flags("blocked"),
    ),
)
PASSES = (
    Passes(
        "nobody above the size, nothing to wait for",
        resize_waits.wait_to_shrink,
        formed(3),
    ),
    Passes(
        "3.5 takes one learner",
        scale.announce_next_learner,
        with_learner(growing(1, 3), 1, serves=True),
    ),
    Passes(
        "no learner copies data that is in doubt",
        scale.announce_next_learner,
        compared(
            with_learner(growing(3, 5, "3.6.4"), 3, serves=True, version="3.6.4"), "aabb", "aabb"
        ),
    ),
    Passes("a quorum answers", scale.wait_for_quorum, silent(formed(3), 1)),
    Passes("every member is ours", scale.refuse_foreign_members, formed(3)),
    Passes("the size is right", scale.shrink, formed(3)),
    Passes("nothing is left over", scale.delete_left_disks, formed(3)),
    Passes("none is left", resize_waits.wait_for_left_disks, formed(3)),
    Passes("nobody is missing", resize_waits.wait_to_grow, formed(3)),
    Passes(
        "disks are kept",
        scale.delete_left_disks,
        with_spec(shrunk(5, 3), storage=KEPT),
    ),
    Passes(
        "the next one is not announced beside one that is late",
        scale.grow,
        change_claim(with_learner(growing(3, 5), 3), 3, created=NOW - JOINS_WITHIN),
    ),
    Passes("the size is right", scale.grow, formed(3)),
    Passes("too many members", scale.grow, shrinking(5, 3)),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_membership_actions_name_member_and_cluster_by_id() -> None:
    learner = with_learner(growing(3, 5), 3, serves=True)
    assert plan(learner).actions[0] == PromoteMember(3, member_id(3), CLUSTER_ID)
    assert plan(shrinking(3, 1)).actions[0] == RemoveMember(2, member_id(2), CLUSTER_ID)
    assert plan(growing(3, 5)).actions[0] == AddLearner(3, NAMING.peer_url(3), CLUSTER_ID)


def test_a_member_is_announced_before_its_gate_opens_and_its_pod_starts() -> None:
    """In any other order a joiner would meet a list that etcd does not confirm.

    That it is to be announced is on record before: the next pass has to know whose member it is.
    """
    raised = with_spec(formed(3), size=5)
    assert briefs(raised) == (GATE,)
    assert briefs(settled(raised)) == ("add 3", GATE, PODS)


def test_one_voter_of_an_older_version_means_one_learner_at_a_time() -> None:
    """It would refuse the second learner."""
    learner = with_learner(growing(3, 5, "3.6.4"), 3, serves=True, version="3.6.4")
    assert briefs(learner)[0] == "add 4"
    mixed = replace(learner, probes={**learner.probes, 2: answer(2, version="3.5.21")})
    assert briefs(settled(mixed))[0] == "promote 3"


def test_members_that_are_about_to_run_3_5_mean_one_learner_at_a_time() -> None:
    """A voter that restarts meanwhile reads a file without the setting for several."""
    learner = with_learner(growing(3, 5, "3.6.4"), 3, serves=True, version="3.6.4")
    going = with_spec(outdated(learner, 0, 1, 2), version="3.5.35")
    low: dict[str, Any] = {"storage_version": "3.5.0", "downgrade_target": "3.5.0"}
    told = {o: answer(o, version="3.6.4", is_learner=o == 3, **low) for o in learner.probes}
    assert briefs(settled(replace(going, probes=told)))[0] == "promote 3"


def test_the_next_learner_is_announced_when_the_last_has_joined_and_every_voter_serves() -> None:
    announced = with_learner(growing(1, 5, "3.6.4"), 1)
    assert scale.grow(announced) is None
    joined = with_learner(growing(3, 5, "3.6.4"), 3, serves=True, version="3.6.4")
    assert briefs(silent(joined, 2))[0] == "promote 3"


def test_a_removal_that_would_cost_the_majority_is_left_for_later() -> None:
    """5 to 1 with two members away: as many leave as is safe now."""
    two_away = silent(shrinking(5, 1), 3, 4)
    assert briefs(two_away) == (
        "remove 4",
        "remove 3",
        "remove 2",
        "remove 1",
        GATE,
        PODS,
    )
    assert plan(silent(shrinking(3, 1), 0)).decision.reason == attention.QUORUM_AT_RISK


def test_a_shrunk_cluster_is_not_well_before_its_old_disks_are_gone() -> None:
    """A Pod that still stops keeps its disk: nothing is done, and nobody is told all is well."""
    stopping = plan(replace(shrunk(5, 3), pods=formed(5).pods))
    assert stopping.decision.reason == routine.DELETING_DISKS
    assert not stopping.decision.settled


def test_silent_members_leave_first() -> None:
    """3 to 1 with the middle one dead: without it, the other two can follow one after the other."""
    assert briefs(silent(shrinking(3, 1), 1))[:2] == ("remove 1", "remove 2")
    some_away = silent(shrinking(5, 1), 0, 1)
    assert briefs(some_away)[:2] == ("remove 1", "remove 4")


def test_leadership_is_not_moved_to_one_that_leaves_or_is_away() -> None:
    leader_leaves = led_by(shrinking(5, 3), 4)
    assert briefs(leader_leaves)[0] == "lead 4>0"
    assert briefs(silent(leader_leaves, 0))[0] == "lead 4>1"


@pytest.mark.parametrize(
    ("scene", "seconds"),
    [
        (growing(3, 5), ADD_WINDOW),
        (with_learner(growing(3, 5), 3, serves=True), LEARNER_SYNC),
        (with_learner(growing(3, 5), 3, running=True), LEARNER_SYNC),
        (with_learner(growing(3, 5), 3, node=""), POD_START),
        (with_learner(growing(3, 5), 3, node="n1", created=NOW), LEARNER_SYNC),
        (with_learner(growing(3, 5), 3, node="n1", created=NOW - FRESH), POD_START),
        (
            with_learner(
                growing(3, 5), 3, node="n1", created=NOW, problem=PodProblem("ErrImagePull", "")
            ),
            POD_START,
        ),
        (shrinking(5, 3), ADD_WINDOW),
        (silent(formed(3), 1, 2), POD_START),
        (shrunk(5, 3), None),
        (replace(with_spec(growing(3, 5), storage=KEPT), claims=formed(4).claims), OUTSIDE_CHANGE),
    ],
)
def test_wakes_when_no_watch_would_tell(scene: Snapshot, seconds: float | None) -> None:
    assert plan(scene).decision.requeue_after == seconds


def test_a_bootstrap_is_not_scaled() -> None:
    assert plan(with_spec(begun(3), size=5)).rule == "bootstrap"


def test_a_disk_comes_back_before_its_member_is_announced_again() -> None:
    """3, 1, 3: the old disk has to go before the new member, or it would start on old data."""
    regrown = with_spec(shrunk(3, 1), size=3)
    assert plan(regrown).rule == "delete_left_disks"
    going = change_claim(change_claim(regrown, 1, deleting=True), 2, deleting=True)
    assert plan(going).decision.reason == routine.WAITING_FOR_DISKS
    assert briefs(settled(without_claims(going, 1, 2)))[0] == "add 1"


def test_a_stray_pod_is_waited_for_like_a_disk() -> None:
    stray = replace(growing(3, 5), pods=(*formed(3).pods, pod(3, deleting=True)))
    assert plan(stray).decision.reason == routine.WAITING_FOR_DISKS


def test_growth_does_not_meet_a_foreign_disk() -> None:
    foreign = replace(growing(3, 5), claims=(*formed(3).claims, claim(3, owner_uid="earlier")))
    assert "add 3" not in briefs(foreign)

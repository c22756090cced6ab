"""Claims that are being deleted under running Pods, and claims that somebody else made."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import ApplyObject, DeleteObject, EvictPod, RemoveMember
from etcd_operator.core.bootstrap import rule as bootstrap
from etcd_operator.core.guards import refuse
from etcd_operator.core.lifecycle import hibernate
from etcd_operator.core.membership import replace_stuck as replace_stuck
from etcd_operator.core.membership import resize_waits as resize_waits
from etcd_operator.core.membership import scale
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine, verdicts
from etcd_operator.core.rollout import roll as roll
from etcd_operator.core.status.conditions import judge
from tests.builders.actions import SAID, Fires, Passes, briefs, flags
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    NOW,
    change_claim,
    change_pod,
    formed,
    member_id,
    outdated,
    settled,
    silent,
    with_learner,
    with_spec,
)

GOES = "the disk of the Pod is being deleted and would go with it"


def going(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """Somebody deletes these claims; their Pods run on."""
    for ordinal in ordinals:
        snapshot = change_claim(snapshot, ordinal, deleting=True)
    return snapshot


def growing(**claims: str) -> Snapshot:
    """One member is to become three; claims that nobody labelled are there."""
    names = tuple(name.replace("_", "-") for name in claims.values())
    return replace(settled(with_spec(formed(1), size=3)), unlabelled_claims=names)


def replacement(ordinal: int) -> tuple[str, ...]:
    """The disk needs no deletion any more."""
    return (
        f"remove {ordinal}",
        f"add {ordinal}",
        f"delete Pod db-{ordinal}",
        "apply ConfigMap db-config",
    )


ALONE = (
    "PersistentVolumeClaim data-db-0 is being deleted: its data goes when Pod db-0 ends. Keep the "
    "Pod running, and set spec.size to 3: then others have the data, and the member gets a new "
    "disk. Then set it back."
)
FOREIGN = (
    "PersistentVolumeClaim data-db-1 has the name of the next member's disk, and was not made for "
    "this cluster. Delete it if its data is not needed; then the cluster scales out."
)

FIRES = (
    Fires(
        "a member whose disk is being deleted gets a new one, while all serve",
        replace_stuck.replace_stuck_members,
        going(formed(3), 1),
        routine.REPLACING_STUCK_MEMBER,
        "Member db-1 has its data on data-db-1, which is being deleted: replacing it.",
        Phase.SCALING,
        replacement(1),
    ),
    Fires(
        "a template that has changed waits for the data",
        replace_stuck.replace_stuck_members,
        going(outdated(formed(3), 0, 1, 2), 1),
        routine.REPLACING_STUCK_MEMBER,
        SAID,
        Phase.SCALING,
        replacement(1),
    ),
    Fires(
        "alone it keeps its Pod, and the remedy is said",
        replace_stuck.wait_to_replace,
        going(outdated(formed(1), 0), 0),
        attention.CANNOT_REPLACE_MEMBER,
        "Member db-0 has its data on data-db-0, which is being deleted, but the others have no "
        f"majority without it. {ALONE}",
        Phase.RUNNING,
        (),
        flags("blocked"),
    ),
    Fires(
        "a stop would lose the data",
        hibernate.stop,
        going(with_spec(formed(3), size=0), 2),
        attention.STOP_WOULD_LOSE_DATA,
        "Not stopping: PersistentVolumeClaim data-db-2 is being deleted, and its data would go "
        "with its Pod. Set spec.size back until its member has a new disk.",
        Phase.RUNNING,
        (),
        flags("blocked", "no corrections"),
    ),
    Fires(
        "a claim that somebody else made is not grown onto",
        resize_waits.wait_to_grow,
        growing(first="data_db_1"),
        attention.FOREIGN_CLAIM,
        FOREIGN,
        Phase.SCALING,
        (),
        flags("blocked"),
    ),
    Fires(
        "nor one that was made for another cluster of the name",
        resize_waits.wait_to_grow,
        replace(
            growing(), claims=(*formed(1).claims, replace(formed(2).claims[1], owner_uid="earlier"))
        ),
        attention.FOREIGN_CLAIM,
        FOREIGN,
        Phase.SCALING,
        (),
        flags("blocked"),
    ),
    Fires(
        "such a claim that is being deleted is waited for",
        resize_waits.wait_to_grow,
        replace(
            growing(),
            claims=(
                *formed(1).claims,
                replace(formed(2).claims[1], owner_uid="earlier", deleting=True),
            ),
        ),
        routine.WAITING_FOR_DISKS,
        "Scale-out is waiting: the old disk of db-1 is being deleted.",
        Phase.SCALING,
    ),
)

PASSES = (
    Passes("no Pod is rolled whose disk would go", roll.roll, going(outdated(formed(1), 0), 0)),
    Passes(
        "what would stay is on disks that go: first they are replaced",
        scale.shrink,
        going(with_spec(formed(3), size=1), 0),
    ),
    Passes(
        "only one at a time: another has yet to join",
        replace_stuck.replace_stuck_members,
        going(with_learner(with_spec(formed(3), size=5), 3), 0, 1, 2),
    ),
    Passes("without a majority nobody is replaced", scale.grow, going(silent(formed(3), 0, 1), 2)),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_all_disks_go_and_one_member_is_replaced() -> None:
    actions = briefs(going(formed(3), 0, 1, 2))
    assert [action for action in actions if action.startswith("remove")] == ["remove 0"]
    assert actions[0] == "lead 0>1"


def test_a_claim_of_another_name_is_no_obstacle() -> None:
    assert "add 1" in briefs(growing(first="data_db_7"))


def test_the_condition_names_claim_pod_and_what_happens() -> None:
    snapshot = going(formed(3), 1)
    found = {v.type: v for v in judge(snapshot, plan(snapshot).decision)}
    assert found["Degraded"].reason == verdicts.DISK_BEING_DELETED
    assert found["Degraded"].message == (
        "PersistentVolumeClaim data-db-1 is being deleted: its data goes when Pod db-1 ends. Its "
        "member is replaced by one with a new disk, one at a time."
    )


def test_claims_are_looked_up_before_a_member_is_announced() -> None:
    assert bootstrap.must_see_claims(with_spec(formed(1), size=3))
    assert not bootstrap.must_see_claims(formed(3))
    assert not bootstrap.must_see_claims(with_spec(silent(formed(3), 0, 1), size=5))


def test_the_guard_stops_no_pod_whose_data_would_go() -> None:
    for snapshot in (going(formed(3), 2), going(formed(1), 0)):
        ordinal = len(snapshot.pods) - 1
        action = EvictPod(NAMING.member(ordinal), f"pod-{ordinal}", "test")
        assert refuse(action, snapshot) == GOES
    unready = change_pod(going(silent(formed(3), 0, 1), 2), 2, ready=False)
    deletion = DeleteObject("Pod", "db-2", "pod-2", "test", "1")
    assert refuse(deletion, unready) == GOES
    crashed = change_pod(going(silent(formed(3), 2), 2), 2, ready=False, running=False, restarts=1)
    assert refuse(deletion, crashed) is None, "the majority has its data"


def test_the_guard_lets_no_second_member_go_before_the_first_has_its_vote() -> None:
    remove = RemoveMember(0, member_id(0), CLUSTER_ID)
    assert refuse(remove, going(formed(3), 0, 1, 2)) is None
    joining = with_learner(with_spec(formed(3), size=5), 3, serves=True)
    assert refuse(remove, joining) is None
    said = "disks are being deleted, and a learner has yet to be promoted"
    assert refuse(remove, going(joining, 0, 1)) == said


def test_the_guard_keeps_a_member_with_a_disk_that_stays() -> None:
    remove = RemoveMember(2, member_id(2), CLUSTER_ID)
    snapshot = going(formed(3), 0, 1)
    assert refuse(remove, snapshot) == "only voters would be left whose disks are being deleted"


def test_the_guard_keeps_no_member_whose_new_disk_is_empty() -> None:
    """The disks that go hold all that there is: a new member has to copy it in time."""
    remove = RemoveMember(2, member_id(2), CLUSTER_ID)
    said = "cannot fetch cluster info from peer urls: could not retrieve cluster information"
    ended = change_pod(
        going(silent(formed(3), 2), 0, 1), 2, ready=False, running=False, termination_message=said
    )
    assert refuse(remove, ended) is None
    again = change_pod(ended, 2, running=True)
    assert refuse(remove, again) == "only voters would be left whose disks are being deleted"


def test_the_guard_stops_no_cluster_whose_data_would_go() -> None:
    snapshot = with_spec(formed(1), size=0)
    stop = next(
        a for a in plan(snapshot).actions if isinstance(a, ApplyObject) and a.kind == "StatefulSet"
    )
    assert refuse(stop, snapshot) is None
    assert (
        refuse(stop, going(snapshot, 0))
        == "a PersistentVolumeClaim that is being deleted would go with its Pod"
    )


def test_nothing_is_said_of_a_disk_that_nobody_uses() -> None:
    ended = change_pod(going(formed(3), 1), 1, deleting=True, ends_by=NOW + timedelta(minutes=1))
    found = {v.type: v for v in judge(ended, plan(ended).decision)}
    assert found["Degraded"].reason != verdicts.DISK_BEING_DELETED

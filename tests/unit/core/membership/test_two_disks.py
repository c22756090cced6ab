"""Members with two disks: neither is any use without the other, and both go with their member."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import AddLearner, DeleteObject
from etcd_operator.core.lifecycle.delete import delete_cluster
from etcd_operator.core.membership.disks import Disk, classify_disk
from etcd_operator.core.membership.foreign_claims import (
    can_renew_disk,
    foreign_claim,
    may_lose_unseen_disk,
)
from etcd_operator.core.membership.replace_lost import replace_lost_members
from etcd_operator.core.membership.resize_waits import wait_to_grow
from etcd_operator.core.membership.scale import delete_left_disks
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan, predict
from etcd_operator.core.reasons import attention, routine
from tests.builders.actions import brief
from tests.builders.lost_members import WIPED, ended
from tests.builders.snapshots import (
    change_pod,
    deleted,
    formed,
    silent,
    with_cluster,
    with_spec,
    without_member,
    without_pods,
)
from tests.builders.two_disks import (
    NO_DATA,
    change_disk,
    two_disks,
    wal_claim,
    without_disk,
)

BOTH_RENEWED = (
    "remove 1",
    "delete PersistentVolumeClaim data-db-1",
    "delete PersistentVolumeClaim wal-db-1",
    "add 1",
    "delete Pod db-1",
)


@pytest.mark.parametrize(
    "lost",
    [
        ended(two_disks(), 1, WIPED),
        ended(two_disks(), 1, NO_DATA),
        change_disk(silent(two_disks(), 1), "wal-db-1", lost=True),
        change_disk(silent(two_disks(), 1), "data-db-1", lost=True),
        ended(two_disks(), 1, "walpb: crc mismatch"),
    ],
    ids=["no log", "no data", "the log's volume", "the data's volume", "a corrupt log"],
)
def test_a_member_with_half_its_disks_gets_two_new_ones(lost: Snapshot) -> None:
    decision = replace_lost_members(lost)
    assert decision is not None
    assert decision.reason is routine.REPLACING_MEMBER
    assert decision.phase is Phase.SCALING
    assert tuple(map(brief, decision.actions)) == BOTH_RENEWED


def test_a_member_that_lost_one_of_two_disks_is_said_to_have() -> None:
    decision = replace_lost_members(ended(two_disks(), 1, WIPED))
    assert decision is not None
    assert decision.message == "Member db-1 lost its data or its write-ahead log: replacing it."


def test_each_step_of_the_replacement_is_allowed_after_those_before() -> None:
    snapshot = ended(two_disks(), 1, WIPED)
    for action in plan(snapshot).actions:
        assert guards.refuse(action, snapshot) is None, brief(action)
        snapshot = predict(snapshot, (action,))


def test_only_two_disks_are_halves() -> None:
    assert classify_disk(ended(formed(3), 1, WIPED).seat(1)) is Disk.EMPTY
    assert classify_disk(ended(formed(3), 1, NO_DATA).seat(1)) is None, "it has no such output"
    assert classify_disk(ended(two_disks(), 1, WIPED).seat(1)) is Disk.HALF
    assert classify_disk(ended(two_disks(), 1, NO_DATA).seat(1)) is Disk.HALF
    full = "write /var/lib/etcd-wal/db-1/0.wal: no space left on device"
    assert classify_disk(ended(two_disks(), 1, full).seat(1)) is None


def test_no_member_is_replaced_while_the_rest_has_no_majority() -> None:
    assert replace_lost_members(silent(ended(two_disks(), 1, WIPED), 2)) is None


@pytest.mark.parametrize("name", ["data-db-1", "wal-db-1"])
def test_a_claim_that_is_being_deleted_has_its_member_replaced_in_time(name: str) -> None:
    going = change_disk(two_disks(), name, deleting=True)
    other = "wal-db-1" if name == "data-db-1" else "data-db-1"
    actions = tuple(map(brief, plan(going).actions))
    assert "remove 1" in actions
    assert f"delete PersistentVolumeClaim {other}" in actions


@pytest.mark.parametrize("name", ["data-db-0", "wal-db-0"])
def test_the_only_member_does_not_end_while_a_disk_would_go_with_it(name: str) -> None:
    going = change_disk(two_disks(1), name, deleting=True)
    evicted = [a for a in plan(going).actions if brief(a).startswith(("delete Pod", "evict"))]
    assert evicted == []
    stop = DeleteObject("Pod", "db-0", "pod-0", "test", "1")
    assert guards.refuse(stop, change_pod(going, 0, ready=False)) is not None


def test_scale_in_deletes_both_disks() -> None:
    left = without_pods(without_member(two_disks(3, 1), 2), 2)
    decision = delete_left_disks(left)
    assert decision is not None
    assert decision.message == "Deleting the disks of removed members: data-db-2, wal-db-2."
    assert tuple(map(brief, decision.actions)) == (
        "delete PersistentVolumeClaim data-db-2",
        "delete PersistentVolumeClaim wal-db-2",
    )
    half = without_disk(left, "data-db-2")
    rest = delete_left_disks(half)
    assert rest is not None
    assert tuple(map(brief, rest.actions)) == ("delete PersistentVolumeClaim wal-db-2",)


def test_the_next_member_waits_until_both_disks_are_gone() -> None:
    left = without_disk(without_pods(without_member(two_disks(3, 3), 2), 2), "data-db-2")
    waits = wait_to_grow(change_disk(left, "wal-db-2", deleting=True))
    assert waits is not None
    assert waits.reason is routine.WAITING_FOR_DISKS
    kept = with_spec(left, storage={"wal": {}, "retentionPolicy": {"whenScaled": "Retain"}})
    retained = wait_to_grow(kept)
    assert retained is not None
    assert retained.reason is attention.RETAINED_DISK_EXISTS


def test_a_log_of_somebody_else_keeps_a_member_from_being_announced() -> None:
    grown = two_disks(1, 3)
    theirs = replace(grown, claims=(*grown.claims, wal_claim(1, owner_uid="else")))
    assert foreign_claim(theirs, 1) == "wal-db-1"
    assert foreign_claim(replace(grown, unlabelled_claims=("wal-db-1",)), 1) == "wal-db-1"
    assert foreign_claim(grown, 1) == ""


def test_a_log_that_no_cache_shows_is_looked_up_before_its_member_is_replaced() -> None:
    lost = without_disk(without_pods(silent(two_disks(), 1), 1), "wal-db-1")
    unknown = replace(lost, unlabelled_claims=None)
    assert may_lose_unseen_disk(unknown)
    assert not can_renew_disk(unknown, unknown.seat(1))
    looked_up = replace(lost, unlabelled_claims=())
    assert can_renew_disk(looked_up, looked_up.seat(1))


def test_the_guard_announces_nobody_on_a_disk_of_before() -> None:
    gone = without_member(two_disks(), 1)
    add = AddLearner(1, gone.naming.peer_url(1), gone.live_cluster_id)
    assert guards.refuse(add, gone) == (
        "data-db-1, wal-db-1 may hold the data of the member before"
    )
    half = change_disk(gone, "data-db-1", deleting=True)
    assert guards.refuse(add, half) == "wal-db-1 may hold the data of the member before"
    assert guards.refuse(add, change_disk(half, "wal-db-1", deleting=True)) is None
    assert guards.refuse(add, without_member(formed(3), 1)) is None, "it has one disk"


def test_deletion_deletes_both_disks() -> None:
    decision = delete_cluster(deleted(without_pods(two_disks(), 0, 1, 2)))
    assert decision is not None
    actions = set(map(brief, decision.actions))
    disks = {
        f"delete PersistentVolumeClaim {kind}-db-{o}" for kind in ("data", "wal") for o in range(3)
    }
    assert disks <= actions
    left = replace(deleted(without_pods(two_disks(), 0, 1, 2)), children={})
    only_log = replace(left, claims=(wal_claim(0),))
    assert delete_cluster(with_cluster(only_log)) is not None
    waiting = delete_cluster(only_log)
    assert waiting is not None
    assert "wal-db-0" in waiting.message

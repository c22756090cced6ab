"""A recovery from a lost majority of members with two disks: who is kept has both."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.actions import QuarantineDisk
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.quorum_loss.kept import choose_kept, find_untold
from etcd_operator.core.quorum_loss.machine import kept_disk_is_lost
from etcd_operator.core.quorum_loss.record import find_recovery
from etcd_operator.core.quorum_loss.steps import Recovering
from tests.builders.quorum_loss import approve, follow, lost
from tests.builders.snapshots import change_pod, with_spec, without_pods
from tests.builders.two_disks import change_disk, two_disks, wal_claim, without_disk


def with_logs(snapshot: Snapshot) -> Snapshot:
    """The members have a second disk."""
    for ordinal in range(3):
        snapshot = change_pod(snapshot, ordinal, wal=True)
    logs = tuple(wal_claim(ordinal) for ordinal in range(3))
    made = two_disks()
    return replace(
        with_spec(snapshot, storage={"wal": {}}),
        children=made.children,
        claims=(*snapshot.claims, *logs),
    )


@pytest.mark.parametrize("name", ["data-db-0", "wal-db-0"])
def test_a_member_without_both_disks_is_not_kept(name: str) -> None:
    whole = with_logs(lost(2, m0=95, m1=90))
    kept = choose_kept(whole)
    assert kept is not None
    assert kept[0].ordinal == 0
    for half in (without_disk(whole, name), change_disk(whole, name, deleting=True)):
        other = choose_kept(half)
        assert other is not None
        assert other[0].ordinal == 1


@pytest.mark.parametrize("name", ["data-db-2", "wal-db-2"])
def test_who_loses_a_disk_with_the_next_restart_has_nothing_to_say(name: str) -> None:
    silent = with_logs(lost(2, m0=95, m1=90))
    assert [seat.ordinal for seat in find_untold(silent)] == [2]
    assert find_untold(change_disk(silent, name, deleting=True)) == []


def test_the_disks_of_the_others_are_set_aside_both() -> None:
    isolated = without_pods(follow(approve(with_logs(lost(1, 2)))), 1, 2)
    actions = plan(follow(isolated)).actions
    aside = [action.name for action in actions if isinstance(action, QuarantineDisk)]
    assert sorted(aside) == ["data-db-1", "data-db-2", "wal-db-1", "wal-db-2"]


@pytest.mark.parametrize("name", ["data-db-0", "wal-db-0"])
def test_the_loss_of_either_disk_of_the_kept_member_is_seen(name: str) -> None:
    isolated = follow(approve(with_logs(lost(1, 2))))
    record = find_recovery(isolated)
    assert record is not None
    assert not kept_disk_is_lost(Recovering(isolated, record))
    assert kept_disk_is_lost(Recovering(without_disk(isolated, name), record))

"""Deletions that leave everything, and deletions that others hold up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import DeleteObject, EvictPod, SetFinalizer
from etcd_operator.core.guards import refuse
from etcd_operator.core.lifecycle import delete as delete
from etcd_operator.core.lifecycle import refuse as refusals
from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, events, routine
from tests.builders.actions import SAID, Fires, Passes, flags
from tests.builders.snapshots import (
    UID,
    change_child,
    change_claim,
    change_pod,
    formed,
    new,
    with_cluster,
    with_spec,
)

FOREIGN = "example.com/hold"
STAYS = "Pods, disks and objects stay as they are: it is deleted with --cascade=orphan."


def deleted(snapshot: Snapshot, *finalizers: str) -> Snapshot:
    """The user deletes the EtcdCluster."""
    return with_cluster(snapshot, deleting=True, finalizers=finalizers or (FINALIZER,))


def orphaned(snapshot: Snapshot) -> Snapshot:
    """The garbage collector has taken the owner from each object."""
    for kind, name in snapshot.children:
        snapshot = change_child(snapshot, kind, name, owner_uid="")
    return snapshot


def held(snapshot: Snapshot) -> Snapshot:
    """Somebody keeps the claim."""
    return change_claim(snapshot, 0, deleting=True, finalizers=(FOREIGN,))


ONLY_DISK = replace(held(formed(1)), pods=(), children={})

FIRES = (
    Fires(
        "what the garbage collector is about to orphan stays",
        delete.leave_orphans,
        deleted(formed(3), FINALIZER, "orphan"),
        routine.LEAVING_ORPHANS,
        STAYS,
        Phase.DELETING,
        ("finalizer off",),
        flags("no corrections"),
    ),
    Fires(
        "what it has orphaned stays, though its finalizer was never seen",
        delete.leave_orphans,
        deleted(orphaned(formed(3))),
        routine.LEAVING_ORPHANS,
        STAYS,
        Phase.DELETING,
        ("finalizer off",),
        flags("no corrections"),
    ),
    Fires(
        "the finalizer is let go once",
        delete.leave_orphans,
        deleted(formed(3), "orphan"),
        routine.LEAVING_ORPHANS,
        STAYS,
        Phase.DELETING,
        (),
        flags("no corrections"),
    ),
    Fires(
        "what stays needs no backup before",
        delete.leave_orphans,
        deleted(with_spec(formed(1), backup={"beforeDeletion": "daily"}), FINALIZER, "orphan"),
        routine.LEAVING_ORPHANS,
        STAYS,
        Phase.DELETING,
        ("finalizer off",),
        flags("no corrections"),
    ),
    Fires(
        "one object without an owner is no wish to leave all",
        delete.delete_cluster,
        deleted(change_child(formed(1), "Service", "db-client", owner_uid="")),
        routine.DELETING,
        "Waiting for StatefulSet db, Pod db-0, PersistentVolumeClaim data-db-0 to be deleted.",
        Phase.DELETING,
        ("delete StatefulSet db", "delete Pod db-0", "delete PersistentVolumeClaim data-db-0"),
        flags("no corrections"),
    ),
    Fires(
        "a deletion in the foreground is one as any other",
        delete.delete_cluster,
        deleted(formed(1), FINALIZER, "foregroundDeletion"),
        routine.DELETING,
        SAID,
        Phase.DELETING,
        ("delete StatefulSet db", "delete Pod db-0", "delete PersistentVolumeClaim data-db-0"),
        flags("no corrections"),
    ),
    Fires(
        "without our finalizer nothing is touched",
        delete.delete_cluster,
        deleted(formed(1), "foregroundDeletion"),
        routine.DELETING,
        "The operator is done; EtcdCluster db waits for foregroundDeletion.",
        Phase.DELETING,
        (),
        flags("no corrections"),
    ),
    Fires(
        "whose finalizer keeps a disk is said",
        delete.delete_cluster,
        deleted(ONLY_DISK),
        attention.HELD_BY_FINALIZER,
        "Waiting for PersistentVolumeClaim data-db-0 to be deleted. PersistentVolumeClaim "
        "data-db-0 is kept by finalizer example.com/hold, which is not the operator's: whoever put "
        "it there has to take it off.",
        Phase.DELETING,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "a finalizer keeps nothing that nobody has deleted yet",
        delete.delete_cluster,
        deleted(change_claim(formed(1), 0, finalizers=(FOREIGN,))),
        routine.DELETING,
        SAID,
        Phase.DELETING,
        ("delete StatefulSet db", "delete Pod db-0", "delete PersistentVolumeClaim data-db-0"),
        flags("no corrections"),
    ),
    Fires(
        "and whose keeps a Pod",
        delete.delete_cluster,
        deleted(
            replace(
                change_pod(formed(1), 0, deleting=True, finalizers=(FOREIGN,)),
                children={},
                claims=(),
            )
        ),
        attention.HELD_BY_FINALIZER,
        "Waiting for Pod db-0 to be deleted. Pod db-0 is kept by finalizer example.com/hold, "
        "which is not the operator's: whoever put it there has to take it off.",
        Phase.DELETING,
        (),
        flags("no corrections", "blocked"),
    ),
)

PASSES = (
    Passes("nobody deletes it", delete.leave_orphans, formed(3)),
    Passes("it lost its owners, and nobody deletes it", delete.leave_orphans, orphaned(formed(3))),
    Passes("everything goes", delete.leave_orphans, deleted(formed(3))),
    Passes("nothing was made yet", delete.leave_orphans, deleted(new(3))),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize(
    "snapshot", [deleted(formed(3), FINALIZER, "orphan"), deleted(orphaned(formed(3)))]
)
def test_the_guard_lets_nothing_go_that_is_to_stay(snapshot: Snapshot) -> None:
    for action in (
        DeleteObject("Pod", "db-0", "pod-0", "test", "1"),
        EvictPod("db-0", "pod-0", "test"),
        DeleteObject("PersistentVolumeClaim", "data-db-0", "claim-0", "test"),
        DeleteObject("StatefulSet", "db", "StatefulSet-db", "test"),
    ):
        assert refuse(action, snapshot) is not None
    assert refuse(SetFinalizer(False, UID, "7"), snapshot) is None


@pytest.mark.parametrize(("policy", "grace"), [("Delete", 1), ("Retain", None)])
def test_members_hand_over_only_where_their_disks_stay(policy: str, grace: int | None) -> None:
    snapshot = with_spec(formed(3), storage={"retentionPolicy": {"whenDeleted": policy}})
    deletions = [a for a in plan(deleted(snapshot)).actions if isinstance(a, DeleteObject)]
    assert [a.grace_seconds for a in deletions if a.kind == "Pod"] == [grace] * 3


def test_the_event_says_what_stays() -> None:
    (release,) = plan(deleted(formed(1), FINALIZER, "orphan")).actions
    reason, sentence = release.event("db")
    assert reason == events.FINALIZER_REMOVED
    assert "Pods, disks and objects stay, as --cascade=orphan asks" in sentence


def test_a_new_cluster_is_told_whose_objects_it_meets() -> None:
    left = orphaned(formed(1))
    earlier = with_cluster(left, uid="another")
    met = replace(earlier, naming=replace(left.naming, uid="another"))
    decision = refusals.refuse_foreign_objects(met)
    assert decision is not None
    assert decision.reason == attention.NAME_TAKEN
    assert "was deleted with --cascade=orphan" in decision.message

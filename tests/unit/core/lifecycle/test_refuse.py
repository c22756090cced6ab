"""When nothing may be changed: deletion, bad specs, pauses, other people's things."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import DeleteObject, SetFinalizer
from etcd_operator.core.lifecycle import delete as delete
from etcd_operator.core.lifecycle import refuse
from etcd_operator.core.model.decision import OUTSIDE_CHANGE
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from tests.builders.actions import SAID, Fires, Passes, briefs, flags
from tests.builders.snapshots import (
    UID,
    change_child,
    change_claim,
    change_pod,
    claim,
    formed,
    new,
    with_cluster,
    with_members,
    with_spec,
    without_pods,
)

KEEP = {"retentionPolicy": {"whenDeleted": "Retain"}}


def deleted(snapshot: Snapshot) -> Snapshot:
    """The user deletes the EtcdCluster."""
    return with_cluster(snapshot, deleting=True)


def earlier_disk(**changes: object) -> Snapshot:
    """A disk of an earlier cluster of this name."""
    return replace(new(), claims=(claim(0, owner_uid="earlier", **changes),))


def of_another_cluster(snapshot: Snapshot) -> Snapshot:
    """The members that answer belong to a cluster with another ID."""
    live = with_members(snapshot, *snapshot.members).membership
    assert live is not None
    return replace(snapshot, membership=replace(live, cluster_id=0xBAD))


EARLIER = "PersistentVolumeClaim data-db-0 holds data of an earlier cluster of this name. "
STUCK = "Delete them if their data is not needed, or choose another name for the cluster."


def edited(name: str, text: str) -> Snapshot:
    """Somebody edited an annotation of the gate."""
    scene = formed(3)
    body = copy.deepcopy(scene.children["ConfigMap", "db-config"].body)
    body["metadata"]["annotations"][f"etcd.etcd.io/{name}"] = text
    return change_child(scene, "ConfigMap", "db-config", body=body)


FIRES = (
    Fires(
        "a record was edited to what nobody can read",
        refuse.refuse_unreadable_records,
        edited("members", "0,1,2,3000000000"),
        attention.RECORD_UNREADABLE,
        "The annotation etcd.etcd.io/members of ConfigMap db-config was edited and cannot be "
        "read: it says '0,1,2,3000000000'; put back what it was, or remove it to have it written "
        "anew.",
        Phase.RUNNING,
        flags=flags("blocked", "no corrections"),
    ),
    Fires(
        "everything of a deleted cluster goes, disks last",
        delete.delete_cluster,
        deleted(formed(1)),
        routine.DELETING,
        "Waiting for StatefulSet db, Pod db-0, PersistentVolumeClaim data-db-0 to be deleted.",
        Phase.DELETING,
        ("delete StatefulSet db", "delete Pod db-0", "delete PersistentVolumeClaim data-db-0"),
        flags("no corrections"),
    ),
    Fires(
        "what is going already is only waited for",
        delete.delete_cluster,
        deleted(change_pod(change_claim(formed(1), 0, deleting=True), 0, deleting=True)),
        routine.DELETING,
        SAID,
        Phase.DELETING,
        ("delete StatefulSet db",),
        flags("no corrections"),
    ),
    Fires(
        "kept disks are not waited for",
        delete.delete_cluster,
        deleted(with_spec(replace(formed(1), pods=(), children={}), storage=KEEP)),
        routine.DELETING,
        "Every object is deleted.",
        Phase.DELETING,
        ("finalizer off",),
        flags("no corrections"),
    ),
    Fires(
        "an earlier cluster's disk does not hold up the deletion",
        delete.delete_cluster,
        deleted(earlier_disk()),
        routine.DELETING,
        SAID,
        Phase.DELETING,
        ("finalizer off",),
        flags("no corrections"),
    ),
    Fires(
        "a paused cluster can be deleted",
        delete.delete_cluster,
        deleted(new(3, paused=True)),
        routine.DELETING,
        SAID,
        Phase.DELETING,
        ("finalizer off",),
        flags("no corrections"),
    ),
    Fires(
        "a new cluster with a bad spec fails",
        refuse.refuse_invalid_spec,
        new(2),
        attention.INVALID_SPEC,
        "spec.size 2 is not possible: use 1, 3, 5, 7 or 9 members, or 0 to stop the cluster.",
        Phase.FAILED,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "a running cluster with a bad spec stays Running",
        refuse.refuse_invalid_spec,
        with_spec(formed(3), size=4),
        attention.INVALID_SPEC,
        "spec.size 4 is not possible: use 1, 3, 5, 7 or 9 members, or 0 to stop the cluster.",
        Phase.RUNNING,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "a pause stops a resize",
        refuse.pause,
        with_spec(formed(3), size=5, paused=True),
        attention.PAUSED,
        "Nothing is changed while spec.paused is true.",
        Phase.RUNNING,
        (),
        flags("no corrections"),
    ),
    Fires(
        "the finalizer comes before the first object",
        refuse.add_finalizer,
        with_cluster(new(), finalizers=()),
        routine.ADDING_FINALIZER,
        "Adding the finalizer.",
        Phase.CREATING,
        ("finalizer on",),
        flags("no corrections"),
    ),
    Fires(
        "somebody else's Service is not touched",
        refuse.refuse_foreign_objects,
        change_child(formed(3), "Service", "db-client", owner_uid="helm"),
        attention.NAME_TAKEN,
        "Service db-client exists and does not belong to this EtcdCluster: delete it or choose "
        "another name for the cluster.",
        Phase.RUNNING,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "its own Service has lost its owner",
        refuse.refuse_foreign_objects,
        change_child(formed(3), "Service", "db-peer", owner_uid=""),
        attention.NAME_TAKEN,
        "Service db-peer was made for this EtcdCluster, and somebody took the ownerReference off. "
        f"Put it back, with uid {UID}, or delete it with --cascade=orphan: what is deleted is "
        "made anew, and no member restarts.",
        Phase.RUNNING,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "an earlier cluster's disk is not started on",
        refuse.refuse_foreign_disks,
        earlier_disk(),
        attention.DATA_FROM_EARLIER_CLUSTER,
        EARLIER + STUCK,
        Phase.FAILED,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "nor is a disk that nobody labelled",
        refuse.refuse_foreign_disks,
        replace(new(), unlabelled_claims=("data-db-0",)),
        attention.DATA_FROM_EARLIER_CLUSTER,
        EARLIER + STUCK,
        Phase.FAILED,
        (),
        flags("no corrections", "blocked"),
    ),
    Fires(
        "an earlier disk that is going is waited for",
        refuse.refuse_foreign_disks,
        earlier_disk(deleting=True),
        attention.DATA_FROM_EARLIER_CLUSTER,
        EARLIER + "They are being deleted; the cluster is created when they are gone.",
        Phase.CREATING,
        (),
        flags("no corrections"),
    ),
    Fires(
        "members of another cluster are left alone",
        refuse.refuse_other_cluster,
        of_another_cluster(with_spec(formed(3), size=5)),
        attention.CLUSTER_ID_MISMATCH,
        "The members say their cluster ID is bad, but this cluster's is c1d: nothing is changed "
        "until a person has looked at it.",
        Phase.FAILED,
        (),
        flags("no corrections", "blocked"),
    ),
)

PASSES = (
    Passes("nobody deletes it", delete.delete_cluster, formed(3)),
    Passes("a good spec", refuse.refuse_invalid_spec, formed(3)),
    Passes("not paused", refuse.pause, formed(3)),
    Passes("the finalizer is on", refuse.add_finalizer, new()),
    Passes("our own objects", refuse.refuse_foreign_objects, formed(3)),
    Passes("our own records", refuse.refuse_unreadable_records, formed(3)),
    Passes(
        "a foreign object that is going",
        refuse.refuse_foreign_objects,
        change_child(formed(3), "Service", "db-client", owner_uid="helm", deleting=True),
    ),
    Passes(
        "our own disks", refuse.refuse_foreign_disks, replace(new(), claims=(claim(0), claim(1)))
    ),
    Passes(
        "a formed cluster is not asked about disks",
        refuse.refuse_foreign_disks,
        replace(formed(3), claims=(claim(7, owner_uid="earlier"),)),
    ),
    Passes("the recorded cluster answers", refuse.refuse_other_cluster, formed(3)),
    Passes("nobody answers", refuse.refuse_other_cluster, replace(formed(3), membership=None)),
    Passes(
        "no ID is recorded yet",
        refuse.refuse_other_cluster,
        replace(new(), membership=formed(3).membership),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def test_the_finalizer_is_fenced_by_uid_and_version() -> None:
    (action,) = plan(with_cluster(new(), finalizers=(), resource_version="41")).actions
    assert action == SetFinalizer(True, UID, "41")


def test_deletion_names_each_object_by_its_uid() -> None:
    deletions = [a for a in plan(deleted(formed(1))).actions if isinstance(a, DeleteObject)]
    assert [a.uid for a in deletions] == ["StatefulSet-db", "pod-0", "claim-0"]


def test_deletion_leaves_a_foreign_statefulset_alone() -> None:
    foreign = change_child(formed(1), "StatefulSet", "db", owner_uid="helm")
    assert "delete StatefulSet db" not in briefs(deleted(without_pods(foreign, 0)))


def test_deletion_lets_go_only_once() -> None:
    gone = replace(deleted(new()), cluster=replace(deleted(new()).cluster, finalizers=()))
    assert briefs(gone) == ()


def test_an_obstacle_outside_is_looked_at_again_without_an_event() -> None:
    """No watch tells when somebody else's object is gone."""
    foreign = change_child(formed(3), "Service", "db-client", owner_uid="helm")
    assert plan(foreign).decision.requeue_after == OUTSIDE_CHANGE

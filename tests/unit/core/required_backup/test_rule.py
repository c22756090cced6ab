"""Backups before an upgrade and before a deletion: both wait for them, and nothing else does."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import ApplyObject, DeleteObject, RequestBackup, SetFinalizer
from etcd_operator.core.guards import refuse
from etcd_operator.core.lifecycle import delete as delete
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention
from etcd_operator.core.required_backup import rule as required_backup
from etcd_operator.core.required_backup.guard import refuse_without_backup
from etcd_operator.core.required_backup.state import BackupState
from tests.builders.actions import SAID, Fires, Passes, brief, briefs, flags
from tests.builders.required_backups import NIGHTLY, leaving, pending, protected, taken, upgrading
from tests.builders.snapshots import (
    NAMING,
    NOW,
    UID,
    answer,
    change_child,
    change_pod,
    claim,
    formed,
    new,
    outdated,
    silent,
    with_cluster,
    with_spec,
    without_pods,
    without_status,
)


def held(*backups: BackupState) -> Snapshot:
    """The same, as the rules see it."""
    return with_effective_spec(upgrading(*backups))


def absent(snapshot: Snapshot) -> Snapshot:
    """The EtcdBackup that the spec names does not exist."""
    return replace(snapshot, backups=())


WITHOUT = "or remove spec.backup.beforeUpgrade to go on without."
GONE = "or remove spec.backup.beforeDeletion to go on without."

FIRES = (
    Fires(
        "an upgrade begins with a backup",
        required_backup.back_up_before_upgrade,
        held(),
        attention.BACKUP_BEFORE_UPGRADE,
        "The upgrade to v3.5.35 waits for a backup: one like EtcdBackup nightly is begun.",
        Phase.UPGRADING,
        ("back up db-before-v3.5.35-45362c97",),
    ),
    Fires(
        "and waits for it",
        required_backup.back_up_before_upgrade,
        held(pending("v3.5.35", message="Job x is running.")),
        attention.BACKUP_BEFORE_UPGRADE,
        "The upgrade to v3.5.35 waits for a backup: EtcdBackup db-before-v3.5.35-1: "
        "Job x is running.",
        Phase.UPGRADING,
    ),
    Fires(
        "one that fails keeps the version, and says how to go on",
        required_backup.back_up_before_upgrade,
        held(pending("v3.5.35", phase=TaskPhase.FAILED, failures=2, message="No bucket.")),
        attention.BACKUP_BEFORE_UPGRADE,
        "The upgrade to v3.5.35 waits for a backup: EtcdBackup db-before-v3.5.35-1: No bucket. "
        f"Mend that, {WITHOUT}",
        Phase.UPGRADING,
        flags=flags("blocked"),
    ),
    Fires(
        "one that was not verified does not count",
        required_backup.back_up_before_upgrade,
        held(taken("v3.5.35", verified=False)),
        attention.BACKUP_BEFORE_UPGRADE,
        "The upgrade to v3.5.35 waits for a backup: EtcdBackup db-before-v3.5.35-1: it is "
        "complete, but was not verified: delete it, and it is taken anew. "
        f"Mend that, {WITHOUT}",
        Phase.UPGRADING,
        flags=flags("blocked"),
    ),
    Fires(
        "one of an earlier upgrade to the same version does not count",
        required_backup.back_up_before_upgrade,
        held(taken("v3.5.35", created=NOW - timedelta(days=1))),
        attention.BACKUP_BEFORE_UPGRADE,
        SAID,
        Phase.UPGRADING,
        ("back up db-before-v3.5.35-45362c97",),
    ),
    Fires(
        "an EtcdBackup that does not exist is told",
        required_backup.back_up_before_upgrade,
        absent(held()),
        attention.BACKUP_BEFORE_UPGRADE,
        "The upgrade to v3.5.35 waits for a backup: EtcdBackup nightly of EtcdCluster db does not "
        f"exist in team, and spec.backup.beforeUpgrade names it: create it, {WITHOUT}",
        Phase.UPGRADING,
        flags=flags("blocked"),
    ),
    Fires(
        "a deletion begins with a backup",
        required_backup.back_up_before_deletion,
        leaving(),
        attention.BACKUP_BEFORE_DELETION,
        "The deletion waits for a backup: one like EtcdBackup nightly is begun.",
        Phase.DELETING,
        ("back up db-before-deletion-7c8c9cf9",),
        flags("no corrections"),
    ),
    Fires(
        "and deletes nothing while it fails",
        required_backup.back_up_before_deletion,
        leaving(pending("deletion", failures=1, message="Denied.")),
        attention.BACKUP_BEFORE_DELETION,
        "The deletion waits for a backup: EtcdBackup db-before-deletion-1: Denied. "
        f"Mend that, {GONE}",
        Phase.DELETING,
        flags=flags("no corrections", "blocked"),
    ),
    Fires(
        "nor while the cluster cannot be backed up",
        required_backup.back_up_before_deletion,
        leaving(pending("deletion", phase=TaskPhase.PENDING, message="No quorum.")),
        attention.BACKUP_BEFORE_DELETION,
        "The deletion waits for a backup: EtcdBackup db-before-deletion-1: No quorum. "
        f"Mend that, {GONE}",
        Phase.DELETING,
        flags=flags("no corrections", "blocked"),
    ),
    Fires(
        "a disk without its Pod can still be started and backed up",
        required_backup.back_up_before_deletion,
        replace(leaving(), pods=()),
        attention.BACKUP_BEFORE_DELETION,
        SAID,
        Phase.DELETING,
        ("back up db-before-deletion-7c8c9cf9",),
        flags("no corrections"),
    ),
    Fires(
        "the backup of another cluster of the name does not count",
        required_backup.back_up_before_deletion,
        leaving(taken("deletion", mark="earlier-uid deletion")),
        attention.BACKUP_BEFORE_DELETION,
        SAID,
        Phase.DELETING,
        ("back up db-before-deletion-7c8c9cf9",),
        flags("no corrections"),
    ),
)

PASSES = (
    Passes(
        "no other version",
        required_backup.back_up_before_upgrade,
        with_effective_spec(protected(formed(3))),
    ),
    Passes("the backup is taken", required_backup.back_up_before_upgrade, held(taken("v3.5.35"))),
    Passes(
        "not asked for",
        required_backup.back_up_before_upgrade,
        with_spec(formed(3), version="3.5.35"),
    ),
    Passes("not deleted", required_backup.back_up_before_deletion, protected(formed(3))),
    Passes(
        "its backup is taken", required_backup.back_up_before_deletion, leaving(taken("deletion"))
    ),
    Passes(
        "it was never formed, so there is nothing to back up",
        required_backup.back_up_before_deletion,
        with_cluster(protected(new()), deleting=True),
    ),
    Passes(
        "nothing is left to back up, as after the deletion of the namespace",
        required_backup.back_up_before_deletion,
        replace(leaving(), pods=(), claims=(), unlabelled_claims=None),
    ),
    Passes(
        "nothing of it is left, but a disk of an earlier cluster",
        required_backup.back_up_before_deletion,
        replace(leaving(), pods=(), claims=(claim(0, owner_uid="earlier"),)),
    ),
    Passes(
        "no backup before a deletion is asked for",
        required_backup.back_up_before_deletion,
        with_spec(leaving(), backup={"beforeUpgrade": "nightly"}),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


def version_of(snapshot: Snapshot) -> str:
    return snapshot.spec.tag


def test_the_version_is_held_until_the_backup_is_taken() -> None:
    assert (version_of(held()), held().held_version) == ("v3.5.21", "v3.5.35")
    released = held(taken("v3.5.35"))
    assert (version_of(released), released.held_version) == ("v3.5.35", "")
    assert "apply StatefulSet db" in briefs(released)
    assert "apply StatefulSet db" not in briefs(held())


def test_members_are_healed_and_scaled_while_an_upgrade_waits() -> None:
    grown = with_effective_spec(with_spec(upgrading(), size=5))
    assert plan(grown).rule == "grow"
    assert plan(outdated(held(), 2)).rule == "roll"


def test_what_is_under_way_is_not_held() -> None:
    """One member runs the new version: it was begun with its backup, or before the wish."""
    begun = replace(upgrading(), probes={**upgrading().probes, 2: answer(2, version="3.5.35")})
    assert with_effective_spec(begun).held_version == ""


def test_a_template_that_somebody_edited_is_no_upgrade() -> None:
    body = dict(formed(3).children["StatefulSet", "db"].body)
    container = {"name": "etcd", "image": "quay.io/coreos/etcd:v3.5.99"}
    body["spec"] = {**body["spec"], "template": {"spec": {"containers": [container]}}}
    edited = change_child(protected(formed(3)), "StatefulSet", "db", body=body)
    assert with_effective_spec(edited).held_version == ""


def test_a_stopped_cluster_starts_with_the_version_of_its_template() -> None:
    stopped = silent(without_pods(upgrading(), 0, 1, 2), 0, 1, 2)
    assert version_of(with_effective_spec(stopped)) == "v3.5.21"


def test_a_version_that_never_ran_is_taken_back_at_once() -> None:
    """Of one member, whose Pod has no image: there is nobody to take a backup from."""
    stuck = change_pod(formed(1, version="v3.5.99"), 0, running=False, ever_ran=False, ready=False)
    stuck = protected(silent(stuck, 0))
    taken_back = with_effective_spec(with_spec(stuck, version="v3.5.35"))
    assert (version_of(taken_back), taken_back.held_version) == ("v3.5.35", "")
    changes = [a for a in plan(taken_back).actions if isinstance(a, ApplyObject)]
    assert [refuse(change, taken_back) for change in changes if change.kind == "StatefulSet"] == [
        None
    ]
    crashing = change_pod(stuck, 0, ever_ran=True)
    assert with_effective_spec(with_spec(crashing, version="v3.5.35")).held_version == "v3.5.35"


@pytest.mark.parametrize(
    "scene",
    [
        without_status(with_spec(protected(new()), version="v3.5.35")),
        with_cluster(upgrading(), deleting=True),
        with_spec(upgrading(), version="v2.0.0"),  # refused in its own words
    ],
    ids=["not formed", "being deleted", "no version"],
)
def test_what_is_not_held(scene: Snapshot) -> None:
    seen = with_effective_spec(scene)
    assert (seen.spec, seen.held_version) == (scene.cluster.spec, "")


def requested(snapshot: Snapshot) -> RequestBackup:
    (action,) = plan(snapshot).actions
    assert isinstance(action, RequestBackup)
    assert refuse(action, snapshot) is None
    return action


def test_the_backup_is_like_the_one_named_but_taken_once_and_verified() -> None:
    manifest = requested(held()).manifest
    assert manifest["metadata"]["annotations"] == {"etcd.etcd.io/taken-before": f"{UID} v3.5.35"}
    assert "ownerReferences" not in manifest["metadata"], "it outlives the cluster"
    spec = manifest["spec"]
    assert spec["verify"] is True
    assert spec["encryption"] == {"keySecret": "backup-key"}
    assert (spec["clusterName"], spec["s3"]["bucket"]) == ("db", "b")
    assert not {"schedule", "suspend", "retentionPolicy"} & spec.keys()


def test_there_is_one_backup_for_each_risk() -> None:
    assert requested(held()).name == requested(held()).name
    restarted = change_pod(held(), 2, uid="another", created=NOW + timedelta(hours=1))
    assert requested(restarted).name == requested(held()).name
    assert requested(leaving()).name != requested(held()).name
    known = replace(held(), backups=(NIGHTLY, replace(NIGHTLY, name=requested(held()).name)))
    assert refuse(requested(held()), known) == "an EtcdBackup of this name exists"


def test_the_guard_lets_no_version_through_without_its_backup() -> None:
    changes = [
        a
        for a in plan(with_spec(formed(3), version="v3.5.35")).actions
        if isinstance(a, ApplyObject) and a.kind == "StatefulSet"
    ]
    (change,) = changes
    refused = "the backup before the upgrade to v3.5.35 is not complete and verified"
    old = taken("v3.5.35", created=NOW - timedelta(days=1))
    for backups in ((), (pending("v3.5.35"),), (taken("v3.5.34"),), (old,)):
        assert refuse(change, upgrading(*backups)) == refused
    assert refuse(change, upgrading(taken("v3.5.35"))) is None
    assert refuse(change, with_spec(formed(3), version="v3.5.35")) is None
    (same,) = plan(with_spec(formed(3), podTemplate={"labels": {"a": "b"}})).actions
    assert refuse(same, protected(formed(3))) is None


def test_a_version_that_no_record_and_no_tag_tells_is_none_that_may_go() -> None:
    """Empty is only the version of a StatefulSet that is not there."""
    scene = upgrading()
    (change,) = (a for a in plan(with_spec(formed(3), version="v3.5.35")).actions)
    live = scene.statefulset
    assert live
    body = deepcopy(live.body)
    body["spec"]["template"]["spec"]["containers"][0]["image"] = f"m/etcd@sha256:{'0' * 64}"
    unknown = change_child(scene, "StatefulSet", live.name, body=body)
    refused = "the backup before the upgrade to v3.5.35 is not complete and verified"
    assert refuse_without_backup(change, unknown) == refused


def test_the_guard_lets_nothing_be_deleted_without_its_backup() -> None:
    unprotected = with_cluster(formed(1), deleting=True)
    deletions = [*plan(unprotected).actions, SetFinalizer(False, UID, "7")]
    assert any(isinstance(action, DeleteObject) for action in deletions)
    for action in deletions:
        refused = refuse(action, leaving(pending("deletion")))
        assert refused == "the backup before the deletion is not complete and verified", brief(
            action
        )
    assert plan(leaving(taken("deletion"))).rule == delete.delete_cluster.__name__
    for action in plan(leaving(taken("deletion"))).actions:
        assert refuse(action, leaving(taken("deletion"))) is None


def test_a_cluster_that_was_never_formed_has_no_backup() -> None:
    request = RequestBackup("b", "why", {})
    assert refuse(request, protected(new())) == "the cluster was never formed"
    assert NAMING.uid == UID


@pytest.mark.situation(
    "told",
    "a namespace is deleted whose cluster waits for a backup before deletion",
    "the EtcdCluster goes when no disk is left",
)
def test_the_guard_lets_go_of_what_is_gone_already() -> None:
    """The namespace was deleted, its Pods and disks with it: no backup can be made any more."""
    lets_go = SetFinalizer(False, UID, "7")
    gone = replace(leaving(), pods=(), claims=(), children={})
    assert refuse(lets_go, gone) is None
    assert (
        refuse_without_backup(lets_go, replace(gone, claims=(claim(0, owner_uid="earlier"),)))
        is None
    )
    for left in (replace(gone, claims=(claim(0),)), replace(gone, pods=leaving().pods)):
        assert "is not complete" in str(refuse_without_backup(lets_go, left))

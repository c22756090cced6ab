"""What is decided about EtcdRestores of type Replace, without any cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.in_place_restore.record import (
    ANNOTATION_RECORD,
    ANNOTATION_WISH,
    OldDisk,
    RestoreRecord,
    Stage,
)
from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.core.tasks.actions import (
    AnnotateCluster,
    CreateObject,
    DeleteJob,
    SetRestoreFinalizer,
)
from etcd_operator.core.tasks.restore import restore_planner as restore_planner
from etcd_operator.core.tasks.restore.source import RestoreView
from etcd_operator.core.tasks.restore.steps import RestoreDecision
from etcd_operator.json_types import Json
from tests.builders.backups import NOW, URL, backup_view, created, task, task_pod
from tests.builders.restores import PINNED, filler, restore_view
from tests.builders.snapshots import claim, raw_cluster

OLD = tuple(OldDisk(o, f"claim-{o}", f"v-{o}") for o in range(3))
RECORD = RestoreRecord(Stage.FILL, "restore-uid", 0xC1D, 3, (0, 1, 2), OLD)
WISHED = {ANNOTATION_WISH: "restore-uid"}
VERIFIED = {"conditions": [{"type": "Verified", "status": "True", "reason": "Restorable"}]}
BEGUN = {**PINNED, **VERIFIED, "restoredCluster": "db"}


def target(annotations: Json | None = None, spec: Json | None = None, **status: Any) -> EtcdCluster:
    """The cluster to restore in place."""
    raw = raw_cluster(
        {"size": 3, "version": "v3.6.16", **(spec or {})}, annotations=annotations or {}
    )
    shown = {"clusterID": "c1d", "phase": "Restoring", "message": "The members stop."}
    return parse_cluster({**raw, "status": {**shown, **status}})


def recorded(stage: Stage, *, wish: bool = True, restore: str = "restore-uid") -> Json:
    """Annotations of a cluster at a stage."""
    record = replace(RECORD.at(stage), restore=restore)
    return {ANNOTATION_RECORD: record.write(), **({ANNOTATION_WISH: restore} if wish else {})}


def view(
    cluster: EtcdCluster | None, status: Json | None = None, *, held: bool = True, **changes: Any
) -> RestoreView:
    """An EtcdRestore of type Replace, which may be held by its finalizer, or be deleted."""
    deleting = changes.pop("deleting", False)
    spec = {"restoreType": "Replace", "clusterTemplate": None}
    made = restore_view(spec, status, target=cluster, **changes)
    finalizers = (FINALIZER,) if held else ()
    return replace(made, restore=replace(made.restore, deleting=deleting, finalizers=finalizers))


def names(decision: RestoreDecision) -> list[str]:
    """The kinds of its actions."""
    return [type(action).__name__ for action in decision.actions]


CHECK = task("r-check", "succeeded", owner_uid="restore-uid")


def test_a_job_checks_the_backup_before_the_cluster_is_touched() -> None:
    decision = restore_planner.decide(view(target(), PINNED, held=False))
    (job,) = created(decision)
    assert names(decision) == ["CreateObject"]
    pod = job["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["initContainers"]] == ["fetch", "restore"]
    assert "--data-dir=/spool/trial" in pod["initContainers"][1]["command"]
    assert not [v for v in pod["volumes"] if "persistentVolumeClaim" in v], "it has no disk"
    assert "ordinal" not in str(job["metadata"]["annotations"])
    assert "is not touched yet" in decision.status.message
    told = json.loads(pod["initContainers"][0]["env"][0]["value"])
    assert (told["url"], told["onlyEncrypted"], told["keySecret"]) == (URL, False, "")

    running = replace(CHECK, state="running")
    waiting = restore_planner.decide(view(target(), PINNED, held=False, tasks=(running,)))
    assert (names(waiting), waiting.status.conditions[0].reason) == ([], "Verifying")


def test_what_was_found_is_on_record_before_the_wish_is() -> None:
    pods = (task_pod("r-check", {"url": URL, "snapshotSize": 100, "revision": 7}),)
    decision = restore_planner.decide(view(target(), PINNED, held=False, tasks=(CHECK,), pods=pods))
    assert names(decision) == []
    assert (decision.status.restored_size, decision.status.restored_revision) == (100, 7)
    conditions = {c.type: c.status for c in decision.status.conditions}
    assert conditions == {"Completed": "False", "Verified": "True"}

    known = {**PINNED, **VERIFIED}
    wish = restore_planner.decide(view(target(), known, held=False, tasks=(CHECK,)))
    hold, annotate, delete = wish.actions
    assert isinstance(hold, SetRestoreFinalizer)
    assert isinstance(annotate, AnnotateCluster)
    assert isinstance(delete, DeleteJob)
    assert (hold.finalizers, delete.name) == ((FINALIZER,), "r-check")
    assert annotate.annotations == WISHED
    assert annotate.resource_version == "7"
    assert wish.status.restored_cluster == "db"


def test_a_backup_that_fails_the_check_leaves_the_cluster_alone() -> None:
    failed = replace(CHECK, state="failed", finished=NOW)
    pods = (task_pod("r-check", None, "The backup is damaged."),)
    first = view(target(), PINNED, held=False, tasks=(failed,), pods=pods)
    decision = restore_planner.decide(first)
    assert (names(decision), decision.status.phase) == ([], TaskPhase.FAILED)
    assert decision.status.message == "The backup is damaged."
    later = replace(
        first,
        restore=replace(first.restore, status=decision.status),
        now=NOW + timedelta(seconds=10),
    )
    assert names(restore_planner.decide(later)) == ["CreateObject"], "it is tried again"


def test_it_waits_while_the_cluster_is_made_ready() -> None:
    for marks in (WISHED, recorded(Stage.STOP), recorded(Stage.START)):
        decision = restore_planner.decide(view(target(marks), BEGUN))
        assert (names(decision), decision.status.message) == ([], "The members stop.")
        assert decision.status.phase is TaskPhase.RUNNING


def test_it_fills_fresh_disks_under_a_token_of_its_own() -> None:
    cluster = target(recorded(Stage.FILL))
    decision = restore_planner.decide(view(cluster, BEGUN))
    kinds = [a.kind for a in decision.actions if isinstance(a, CreateObject)]
    assert kinds == ["PersistentVolumeClaim"] * 3 + ["Job"] * 3
    first = next(a.manifest for a in decision.actions if isinstance(a, CreateObject))
    assert first["metadata"]["labels"]["etcd.etcd.io/cluster-uid"] == cluster.uid
    command = created(decision)[0]["spec"]["template"]["spec"]["initContainers"][1]["command"]
    assert "--initial-cluster-token=team-db-restore-uid" in command

    # A cache that lags shows claims of before: they are not taken for fresh ones.
    stale = restore_planner.decide(view(cluster, BEGUN, claims=(claim(0), claim(1, uid="fresh"))))
    made = [a.manifest["metadata"]["name"] for a in stale.actions if isinstance(a, CreateObject)]
    assert made[:2] == ["data-db-0", "data-db-2"]


def test_when_all_are_filled_the_members_may_start() -> None:
    tasks = tuple(filler(o) for o in range(3))
    claims = tuple(claim(o, uid=f"fresh-{o}") for o in range(3))
    decision = restore_planner.decide(
        view(target(recorded(Stage.FILL)), BEGUN, tasks=tasks, claims=claims)
    )
    (mark,) = decision.actions
    assert isinstance(mark, AnnotateCluster)
    assert mark.annotations == {
        "etcd.etcd.io/restore": "restore-uid",
        "etcd.etcd.io/restore-size": "3",
        "etcd.etcd.io/restored": "restore-uid",
        "etcd.etcd.io/restored-from": URL,
    }


def test_it_is_complete_when_wish_and_record_are_gone() -> None:
    cluster = target({"etcd.etcd.io/restored": "restore-uid"})
    decision = restore_planner.decide(view(cluster, BEGUN))
    (hold,) = decision.actions
    assert isinstance(hold, SetRestoreFinalizer)
    assert hold.finalizers == ()
    assert decision.status.phase is TaskPhase.COMPLETED
    assert decision.status.completion_time is not None


def test_deleting_it_takes_the_wish_away_and_waits() -> None:
    tasks = (filler(0, "running"),)
    cluster = target(recorded(Stage.FILL))
    decision = restore_planner.decide(view(cluster, BEGUN, deleting=True, tasks=tasks))
    mark, delete = decision.actions
    assert isinstance(mark, AnnotateCluster)
    assert isinstance(delete, DeleteJob)
    assert mark.annotations == {ANNOTATION_WISH: None}
    assert decision.status.message == "EtcdCluster db: The members stop."

    waiting = target(recorded(Stage.PUT_BACK, wish=False))
    decision = restore_planner.decide(view(waiting, BEGUN, deleting=True))
    assert names(decision) == []


@pytest.mark.parametrize(
    "cluster",
    [
        None,
        target(),
        replace(target(recorded(Stage.STOP)), deleting=True),
        target(recorded(Stage.SERVE)),
        target(recorded(Stage.STOP, restore="another")),
    ],
    ids=["no cluster", "all undone", "the cluster goes", "it serves", "another restore"],
)
def test_a_deleted_one_goes_when_nothing_holds_it(cluster: EtcdCluster | None) -> None:
    decision = restore_planner.decide(view(cluster, BEGUN, deleting=True))
    (hold,) = decision.actions
    assert isinstance(hold, SetRestoreFinalizer)
    assert hold.finalizers == ()


def test_taking_the_wish_away_by_hand_undoes_it_too() -> None:
    cluster = target(recorded(Stage.PUT_BACK, wish=False))
    tasks = (filler(0),)
    undoing = restore_planner.decide(view(cluster, BEGUN, tasks=tasks))
    assert names(undoing) == ["DeleteJob"], "even a Pod that has ended keeps its disk"
    assert undoing.status.message.startswith("EtcdCluster db: ")
    undone = restore_planner.decide(view(target(), BEGUN))
    assert names(undone) == ["SetRestoreFinalizer"]
    assert undone.status.phase is TaskPhase.FAILED
    assert "has its earlier disks again" in undone.status.message


@pytest.mark.parametrize(
    ("cluster", "status", "words"),
    [
        (None, PINNED, "EtcdCluster db does not exist, so nothing can be replaced"),
        (None, BEGUN, "EtcdCluster db was deleted before it was restored"),
        (target(recorded(Stage.STOP, restore="another")), PINNED, "by another EtcdRestore"),
        (target({ANNOTATION_WISH: "another"}), PINNED, "by another EtcdRestore"),
        (target({ANNOTATION_RECORD: "?"}), PINNED, "by another EtcdRestore"),
        (target(clusterID=""), PINNED, "was never formed"),
        (target(spec={"size": 0}), PINNED, "is stopped: set its spec.size"),
        (target(spec={"paused": True}), PINNED, "spec.paused of EtcdCluster db is true"),
        (target(spec={"storage": {"ephemeral": {}}}), PINNED, "so no disk keeps its data until"),
        (target(spec={"size": 2}), PINNED, "has to be corrected: spec.size 2"),
        (target(spec={"version": "v3.5.21"}), PINNED, "set spec.version of the EtcdCluster to"),
    ],
)  # fmt: skip
def test_what_stops_it(cluster: EtcdCluster | None, status: Json, words: str) -> None:
    decision = restore_planner.decide(view(cluster, status, held=False))
    assert names(decision) == []
    assert words in decision.status.message
    assert decision.status.phase in (TaskPhase.FAILED, TaskPhase.PENDING)


def test_without_a_backup_nothing_begins() -> None:
    decision = restore_planner.decide(view(target(), held=False, backup=backup_view().backup))
    assert "has no complete backup yet" in decision.status.message

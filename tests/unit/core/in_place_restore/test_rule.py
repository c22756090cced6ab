"""A restore in place: every step waits for what it needs, and is undone until others serve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.api.release import Version
from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject, RecordRestore
from etcd_operator.core.bootstrap.rule import must_see_claims
from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD, Stage, find_restore_record
from etcd_operator.core.in_place_restore.rule import release_old_disks, restore_in_place
from etcd_operator.core.model.members import MemberList
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import routine
from etcd_operator.core.status.conditions import judge
from etcd_operator.core.status.report import report
from tests.builders.actions import Fires, Passes, brief
from tests.builders.in_place_restore import (
    DONE,
    NEW_ID,
    RECORD,
    at,
    before,
    fresh,
    serving,
    started,
    stopped,
    wished,
)
from tests.builders.snapshots import (
    CLUSTER_ID,
    change_claim,
    change_pod,
    member,
    new,
    silent,
    with_cluster,
    with_spec,
    with_status,
)
from tests.unit.core.in_place_restore.rule_scenes import FIRES

ADDED = (*serving().members, member(7, id=0xF, is_learner=True))

PASSES = (
    Passes("nobody wishes for it", restore_in_place, before()),
    Passes("a cluster that was never formed has nothing to replace", restore_in_place,
           wished(new(3))),
    Passes("a cluster that is stopped", restore_in_place, wished(with_spec(before(), size=0))),
    Passes("members start from restored disks", restore_in_place, started(led=False)),
    Passes("they are served as usual", restore_in_place, serving()),
    Passes("no restore is under way", release_old_disks, before()),
    Passes("a member is away", release_old_disks, silent(serving(), 2)),
    Passes("a Pod is not ready", release_old_disks, change_pod(serving(), 2, ready=False)),
    Passes("somebody has added a member", release_old_disks,
           replace(serving(), membership=MemberList(NEW_ID, ADDED, linearizable=True))),
    Passes("the status has yet to follow", release_old_disks,
           with_status(serving(), clusterID="c1d")),
)  # fmt: skip


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_the_rule_decides(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_the_rule_has_nothing_to_say(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_the_guard_agrees(row: Fires) -> None:
    refused = {brief(a): guards.refuse(a, row.scene) for a in plan(row.scene).actions}
    assert not any(refused.values()), refused


def test_the_record_is_read_as_it_was_written() -> None:
    assert find_restore_record(at(Stage.FILL, before()).cluster) == RECORD.at(Stage.FILL)


def test_members_start_behind_closed_gates_as_a_cluster_not_known_yet() -> None:
    snapshot = at(Stage.START, fresh(), DONE)
    assert snapshot.recorded_cluster_id is None
    applied = {a.kind: a.manifest for a in plan(snapshot).actions if isinstance(a, ApplyObject)}
    gate = applied["ConfigMap"]
    assert "etcd.etcd.io/cluster-id" not in gate["metadata"]["annotations"]
    assert not [text for text in gate["data"].values() if '"new"' in text]
    assert applied["StatefulSet"]["spec"]["replicas"] == 3
    decision = plan(snapshot).decision
    assert (decision.reason, decision.phase) == (routine.BOOTSTRAPPING, Phase.RESTORING)


def test_the_size_is_that_of_the_spec_when_it_began_and_changes_afterwards() -> None:
    begun = plan(with_spec(wished(before()), size=5)).actions[0]
    assert isinstance(begun, RecordRestore)
    assert begun.following
    assert (begun.following.size, begun.following.members) == (5, (0, 1, 2))
    grown = with_spec(at(Stage.START, fresh(), DONE), size=5)
    (replicas,) = (
        a.manifest["spec"]["replicas"]
        for a in plan(grown).actions
        if isinstance(a, ApplyObject) and a.kind == "StatefulSet"
    )
    assert replicas == 3


def test_the_old_cluster_id_counts_again_when_it_is_undone() -> None:
    snapshot = with_status(fresh(Stage.PUT_BACK, undone=True), clusterID="e11")
    assert snapshot.recorded_cluster_id == CLUSTER_ID
    assert report(snapshot, plan(snapshot).decision).cluster_id == "c1d"


def test_the_old_cluster_id_is_not_believed_any_more_while_the_new_one_serves() -> None:
    snapshot = with_status(serving(), clusterID="c1d")
    assert snapshot.recorded_cluster_id == NEW_ID


def test_nobody_says_that_the_majority_is_lost_meanwhile() -> None:
    snapshot = fresh()
    verdicts = {v.type: v for v in judge(snapshot, plan(snapshot).decision)}
    assert (verdicts["QuorumHealthy"].status, verdicts["QuorumHealthy"].reason) == (
        "Unknown",
        routine.RESTORING,
    )
    assert verdicts["Progressing"].status == "True"


def test_every_disk_is_looked_for_while_nothing_runs() -> None:
    assert must_see_claims(stopped())
    assert not must_see_claims(before())


def test_undone_the_members_run_what_can_read_their_disks() -> None:
    begun = plan(wished(before())).actions[0]
    assert isinstance(begun, RecordRestore)
    assert begun.following
    assert begun.following.version == Version("v3.5.21")
    record = replace(RECORD.at(Stage.STOP), version=Version("v3.5.21"))
    later = with_spec(at(Stage.STOP, before()), version="3.6.16")
    annotations = {**later.cluster.annotations, ANNOTATION_RECORD: record.write()}
    (apply,) = plan(with_cluster(later, annotations=annotations)).actions
    assert isinstance(apply, ApplyObject)
    image = apply.manifest["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.endswith(":v3.5.21")


@pytest.mark.parametrize("stage", [Stage.KEEP, Stage.STOP])
def test_no_restore_stops_a_member_whose_data_would_go_with_its_pod(stage: Stage) -> None:
    """It would have to come back, if that is undone: first its member gets a new disk."""
    going = change_claim(before(), 1, deleting=True)
    begun = at(stage, going)
    planned = plan(begun)
    assert [brief(a) for a in planned.actions] == ["release v-0", "release v-2", "record undone"]
    assert [guards.refuse(action, begun) for action in planned.actions] == [None] * 3
    assert plan(wished(going)).rule == "replace_stuck_members"
    assert plan(wished(before())).rule == "restore_in_place"


def test_a_restore_is_undone_beside_a_claim_that_is_being_deleted() -> None:
    """Its volume stays: it is all that is left of the data."""
    undone = at(Stage.KEEP, change_claim(before(), 1, deleting=True), undone=True)
    actions = plan(undone).actions
    assert [guards.refuse(action, undone) for action in actions] == [None] * len(actions)
    assert "release v-1" not in map(brief, actions)

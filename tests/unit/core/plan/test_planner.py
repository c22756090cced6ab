"""The table of rules as a whole: complete, ordered, quiet at rest."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from etcd_operator.core.actions import AddLearner, ApplyObject, PromoteMember, RemoveMember
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.drift import find_drift
from etcd_operator.core.plan.planner import RULES, choose_layout, plan, predict
from tests.builders.actions import briefs
from tests.builders.snapshots import (
    CLUSTER_ID,
    NAMING,
    NOW,
    begun,
    change_child,
    change_claim,
    change_pod,
    formed,
    member_id,
    new,
    outdated,
    settled,
    silent,
    with_cluster,
    with_learner,
    with_spec,
    without_child,
)

CORE = Path(__file__).parents[1]


def find_tables() -> list[ModuleType]:
    """The modules of tests that have rows for rules, wherever they stand."""
    names = (path.relative_to(CORE).with_suffix("").parts for path in CORE.rglob("test_*.py"))
    modules = [import_module(".".join(("tests.unit.core", *parts))) for parts in sorted(names)]
    return [module for module in modules if hasattr(module, "FIRES")]


def test_every_rule_has_a_row_where_it_fires_and_one_where_it_does_not() -> None:
    tables = find_tables()
    fires = {row.rule for table in tables for row in table.FIRES}
    passes = {row.rule for table in tables for row in getattr(table, "PASSES", ())}
    assert fires == set(RULES)
    assert passes == set(RULES) - {RULES[-1]}, "only the last rule always decides"


@pytest.mark.parametrize("size", [1, 3, 5, 7, 9])
@pytest.mark.parametrize("version", ["3.5.21", "3.6.4"])
def test_a_healthy_cluster_needs_nothing(size: int, version: str) -> None:
    made = plan(formed(size, version=version))
    assert made.actions == ()
    assert made.decision.settled
    assert made.decision.requeue_after is None


@pytest.mark.parametrize(
    "scene",
    [new(3), begun(3), formed(3), with_spec(formed(3), size=5), silent(formed(3), 1, 2)],
    ids=["new", "begun", "formed", "growing", "no quorum"],
)
def test_the_same_snapshot_gives_the_same_plan(scene: Snapshot) -> None:
    assert plan(scene) == plan(scene)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Service", "db-peer"),
        ("Service", "db-client"),
        ("ConfigMap", "db-config"),
        ("StatefulSet", "db"),
        ("PodDisruptionBudget", "db"),
    ],
)
def test_whatever_somebody_deletes_comes_back(kind: str, name: str) -> None:
    assert briefs(without_child(formed(3), kind, name)) == (f"apply {kind} {name}",)


def test_the_record_is_written_before_the_bootstrap_is_over() -> None:
    """The first pass that sees a quorum closes the gate and records the cluster ID."""
    snapshot = replace(begun(3), membership=formed(3).membership, probes=formed(3).probes)
    first = plan(snapshot)
    applied = (a for a in first.actions if isinstance(a, ApplyObject))
    gate = next(a for a in applied if a.kind == "ConfigMap")
    assert gate.manifest["metadata"]["annotations"]["etcd.etcd.io/cluster-id"] == "c1d"
    assert not any('"new"' in text for text in gate.manifest["data"].values())


def test_a_cluster_of_an_earlier_version_is_taken_up_without_a_restart() -> None:
    """It only lacks the record on its StatefulSet, which is written beside the same template."""
    before = formed(3)
    body = copy.deepcopy(before.children["StatefulSet", "db"].body)
    del body["metadata"]["annotations"]["etcd.etcd.io/cluster-id"]
    body["metadata"]["annotations"]["etcd.etcd.io/fingerprint"] = "of an earlier version"
    adopted = change_child(before, "StatefulSet", "db", body=body)
    assert briefs(adopted) == ("apply StatefulSet db",)
    (action,) = plan(adopted).actions
    assert isinstance(action, ApplyObject)
    assert action.manifest["metadata"]["annotations"]["etcd.etcd.io/cluster-id"] == "c1d"
    assert find_drift(action.manifest["spec"], body["spec"]) is None
    assert briefs(settled(adopted)) == ()


def test_deletion_comes_before_everything_else() -> None:
    assert plan(with_cluster(with_spec(formed(3), size=2), deleting=True)).rule == "delete_cluster"


def test_prediction_follows_each_membership_change() -> None:
    learner = with_learner(with_spec(formed(3), size=5), 3, serves=True)
    changes = (
        PromoteMember(3, member_id(3), CLUSTER_ID),
        AddLearner(4, NAMING.peer_url(4), CLUSTER_ID),
        RemoveMember(0, member_id(0), CLUSTER_ID),
    )
    after = predict(learner, changes)
    known = [(NAMING.ordinal_of_member(m), m.is_learner) for m in after.members]
    assert known == [(1, False), (2, False), (3, False), (4, True)]
    assert predict(learner, ()) is learner


def test_prediction_without_a_member_list_is_no_prediction() -> None:
    blind = replace(formed(3), membership=None)
    assert predict(blind, (RemoveMember(0, member_id(0), CLUSTER_ID),)) is blind


def test_the_layout_of_a_bootstrap_keeps_its_first_size() -> None:
    assert choose_layout(with_spec(begun(3), size=5)).bootstrap == 3


def test_a_voter_is_labelled_before_it_is_evicted() -> None:
    """The PodDisruptionBudget counts labels: without that one it would let nobody go, for ever."""
    rolling = change_pod(outdated(formed(3), 2), 2, role="learner")
    assert briefs(rolling) == ("label db-2 voter", "evict db-2")


def test_a_pod_is_not_labelled_just_before_it_is_deleted() -> None:
    """It would not be as it was looked at, and the API server would refuse the deletion."""
    away = change_pod(silent(outdated(formed(3), 2), 2), 2, role="", ready=False)
    assert briefs(away) == ("delete Pod db-2",)


@pytest.mark.situation(
    "coexist",
    "labels are taken off a member's Pod",
    "they are put back, also without a quorum: no member loses its name",
)
def test_labels_that_somebody_took_off_a_pod_are_put_back() -> None:
    """Its StatefulSet has let go of it, and Services, budget and NetworkPolicy do not see it."""
    assert briefs(change_pod(formed(3), 1, selected=False)) == ("label db-1 voter and select it",)
    blind = change_pod(silent(formed(3), 0, 1), 1, selected=False)
    assert not blind.quorum_confirmed
    assert "label db-1 voter and select it" in briefs(blind)
    assert briefs(settled(change_pod(formed(3), 1, selected=False))) == ()
    unnamed = change_pod(blind, 0, role="learner")
    assert "label db-0 voter" not in briefs(unnamed), "who votes, a quorum tells"
    ending = change_pod(formed(3), 1, selected=False, deleting=True)
    assert not [said for said in briefs(ending) if said.startswith("label")]


def budget(snapshot: Snapshot) -> dict[str, object]:
    """What the plan wants the PodDisruptionBudget to allow; empty if it is as it should be."""
    applies = (a for a in plan(snapshot).actions if isinstance(a, ApplyObject))
    specs = [a.manifest["spec"] for a in applies if a.kind == "PodDisruptionBudget"]
    return {k: v for spec in specs for k, v in spec.items() if k.endswith("vailable")}


def test_a_learner_that_cannot_join_keeps_no_voter_from_being_drained() -> None:
    """Kubernetes counts its Pod among those that are to be there; who has no vote is no loss."""
    long_ago = NOW - timedelta(minutes=3)
    joining = with_learner(with_spec(formed(3), size=5), 3, running=False, created=long_ago)
    joining = change_claim(joining, 3, created=long_ago)
    assert budget(joining) == {"minAvailable": 2}
    few = with_learner(with_spec(formed(2), size=3), 2, running=False, created=long_ago)
    few = change_claim(few, 2, created=long_ago)
    assert budget(few) == {}, "of two voters none can be missed: one of three Pods is right"
    assert budget(change_claim(joining, 3, created=NOW)) == {}, "it may come any moment"

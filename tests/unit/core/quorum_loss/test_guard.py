"""The second opinion on a recovery from a lost majority, whatever the rules want."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import EtcdClusterStatus
from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject, QuarantineDisk
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.naming import ANNOTATION_RECOVERED, ANNOTATION_SPENT
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from tests.builders.quorum_loss import (
    LOST,
    approve,
    follow,
    gate_of,
    isolating,
    lost,
    says_empty,
    with_note,
    with_standing,
)
from tests.builders.snapshots import (
    NOW,
    answer,
    change_claim,
    change_pod,
    claim,
    formed,
    member,
    pod,
    with_status,
    without_claims,
    without_pods,
)

OTHER_ID = EtcdClusterStatus.model_validate({"clusterID": "bad", "conditions": LOST})
SOON = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
RECORD = "etcd.etcd.io/recovery"


def gate_with(snapshot: Snapshot) -> ApplyObject:
    """The ConfigMap with the forcing file, whoever may want it."""
    text = gate_of(snapshot)["db-0.yaml"] + "force-new-cluster: true\n"
    manifest: dict[str, Any] = {"data": {"db-0-forced.yaml": text}}
    return ApplyObject("ConfigMap", "db-config", "ConfigMap-db-config", "", "why", manifest)


@pytest.mark.parametrize(
    "scene",
    [
        formed(3),
        approve(lost(1, 2)),
        isolating(),
        without_pods(follow(isolating()), 1, 2),
        without_claims(follow(isolating()), 1, 2),
    ],
    ids=["well", "approved", "isolating", "disks are left", "Pods are left"],
)
def test_the_guard_lets_nobody_be_forced_while_others_could_start(scene: Snapshot) -> None:
    assert "force-new-cluster" in (guards.refuse(gate_with(scene), scene) or "")


def with_young_learner(snapshot: Snapshot) -> Snapshot:
    """A learner on its way in when the majority was lost; its Pod has just ended."""
    assert snapshot.membership is not None
    members = (*snapshot.members, member(3, is_learner=True))
    return replace(
        snapshot,
        membership=replace(snapshot.membership, members=members),
        claims=(*snapshot.claims, claim(3)),
        pods=(*snapshot.pods, pod(3, ready=False, unready_since=NOW)),
    )


BEGINS = approve(lost(1, 2))
NOT_BEGUN: dict[str, tuple[Snapshot, str]] = {
    "the spec approves nothing": (
        lost(1, 2),
        "spec.recovery.quorumLoss does not approve this recovery",
    ),
    "the spec approves another": (
        approve(lost(1, 2), revision=91),
        "spec.recovery.quorumLoss does not approve this recovery",
    ),
    "another etcd cluster": (
        replace(BEGINS, cluster=replace(BEGINS.cluster, status=OTHER_ID), children={}),
        "spec.recovery.quorumLoss.clusterID is that of another etcd cluster",
    ),
    "a quorum": (
        with_status(approve(formed(3)), conditions=LOST),
        "the status does not report a lost quorum",
    ),
    "the loss is not reported": (
        with_status(BEGINS, conditions=[]),
        "the status does not report a lost quorum",
    ),
    "spent": (
        with_status(BEGINS, spentApprovals=["c1d/90"]),
        "this approval in spec.recovery.quorumLoss was used or void before",
    ),
    "below the floor": (
        with_status(BEGINS, spentApprovals=["c1d/<=90"]),
        "this approval in spec.recovery.quorumLoss was used or void before",
    ),
    "carried out": (
        with_status(BEGINS, lastRecovery="c1d/90 100"),
        "this approval in spec.recovery.quorumLoss was used or void before",
    ),
    "spent, says the gate": (
        with_note(BEGINS, ANNOTATION_SPENT, "c1d/90"),
        "this approval in spec.recovery.quorumLoss was used or void before",
    ),
    "carried out, says the gate": (
        with_note(BEGINS, ANNOTATION_RECOVERED, "c1d/90 100"),
        "this approval in spec.recovery.quorumLoss was used or void before",
    ),
    "the majority is reported to be well": (
        with_status(BEGINS, conditions=[{**LOST[0], "status": "True"}]),
        "the status does not report a lost quorum",
    ),
    "the kept one is of another etcd cluster": (
        replace(BEGINS, probes={0: answer(0, cluster_id=0xBAD)}),
        "the member to keep does not answer with its data",
    ),
    "the kept one is a learner": (
        replace(BEGINS, probes={0: answer(0, is_learner=True)}),
        "the member to keep does not answer with its data",
    ),
    "the kept one is a learner, by its metrics": (
        with_standing(BEGINS, 0, 200, is_learner=True),
        "the member to keep does not answer with its data",
    ),
    "the kept one is silent": (
        replace(BEGINS, probes={}),
        "the member to keep does not answer with its data",
    ),
    "another one is ahead": (
        with_standing(BEGINS, 1, 201),
        "another member has later data than the one to keep",
    ),
    "one may still come": (
        change_pod(
            BEGINS, 1, unready_since=NOW, running=False, problem=PodProblem("Unschedulable", "")
        ),
        "the data on data-db-1 may still become known",
    ),
    "one has no Pod yet": (
        without_pods(with_status(BEGINS, conditions=[{**LOST[0], "lastTransitionTime": SOON}]), 1),
        "the data on data-db-1 may still become known",
    ),
}


@pytest.mark.parametrize("case", NOT_BEGUN)
def test_the_guard_lets_no_recovery_begin(case: str) -> None:
    scene, why = NOT_BEGUN[case]
    (begin,) = plan(BEGINS).actions
    assert guards.refuse(begin, BEGINS) is None
    assert guards.refuse(begin, scene) == why


@pytest.mark.parametrize(
    "scene",
    [
        says_empty(change_pod(BEGINS, 1, unready_since=NOW, running=False), 1),
        with_young_learner(BEGINS),
        change_claim(change_pod(BEGINS, 1, unready_since=NOW), 1, bound=False),
    ],
    ids=["it ended and said why", "it is a learner's", "it has no volume"],
)
def test_the_guard_does_not_wait_for_a_disk_that_nobody_may_miss(scene: Snapshot) -> None:
    (begin,) = plan(BEGINS).actions
    assert guards.refuse(begin, scene) is None


def test_the_guard_lets_no_recovery_begin_with_a_later_stage() -> None:
    (begin,) = plan(BEGINS).actions
    assert isinstance(begin, ApplyObject)
    text = begin.manifest["metadata"]["annotations"][RECORD].replace("isolate", "force")
    later = replace(begin, manifest={**begin.manifest, "metadata": {"annotations": {RECORD: text}}})
    assert guards.refuse(later, BEGINS) == "a recovery starts with the stage isolate"


def test_the_guard_lets_no_recovery_begin_with_less_than_was_accepted() -> None:
    (begin,) = plan(BEGINS).actions
    assert isinstance(begin, ApplyObject)
    more = approve(BEGINS, revision=101)
    text = begin.manifest["metadata"]["annotations"][RECORD].replace("/90", "/101")
    manifest = {**begin.manifest, "metadata": {"annotations": {RECORD: text}}}
    asked = replace(begin, manifest=manifest)
    assert (
        guards.refuse(asked, more)
        == "the member to keep is below spec.recovery.quorumLoss.acceptedRevision"
    )


def test_the_guard_sets_aside_no_disk_that_is_in_use() -> None:
    snapshot = isolating()
    disk = QuarantineDisk("data-db-1", "claim-1", "")
    assert guards.refuse(disk, snapshot) == "the Pod of this disk still exists"
    gone = without_pods(snapshot, 1, 2)
    assert guards.refuse(disk, gone) is None
    mute = replace(gone, probes={})
    assert "does not answer" in (guards.refuse(disk, mute) or "")
    kept = QuarantineDisk("data-db-0", "claim-0", "")
    assert guards.refuse(kept, gone) == "the disk is that of the member to keep"
    assert (
        guards.refuse(disk, without_pods(approve(lost(1, 2)), 1))
        == "spec.recovery.quorumLoss does not approve it"
    )

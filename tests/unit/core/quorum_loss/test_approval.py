"""An approval of quorum loss belongs to one incident, and what is spent is never forgotten."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.quorum_loss.approval import MOST_SPENT, find_request, spent_approvals
from etcd_operator.core.reasons import verdicts
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.status.conditions import judge
from etcd_operator.core.status.report import report
from tests.builders.certificates import secured
from tests.builders.quorum_loss import (
    LONG,
    LOST,
    REQUEST,
    approve,
    approve_and_begin,
    follow,
    forced,
    gate_of,
    lost,
    settled_again,
)
from tests.builders.snapshots import (
    NOW,
    change_child,
    change_pod,
    formed,
    silent,
    with_cluster,
    with_spec,
    with_status,
)

NO_ROOM = PodProblem("Unschedulable", "0/3 nodes are available")


def reported(snapshot: Snapshot) -> Snapshot:
    """A pass: its actions take effect, and the status is written."""
    decision = plan(snapshot).decision
    return with_cluster(follow(snapshot), status=report(snapshot, decision))


def away(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """Members whose Pods no node takes, for long; the status says that the majority is lost."""
    for ordinal in ordinals:
        snapshot = change_pod(
            snapshot, ordinal, running=False, ready=False, problem=NO_ROOM, unready_since=NOW - LONG
        )
    snapshot = silent(snapshot, *ordinals)
    probes = {o: p for o, p in snapshot.probes.items() if o not in ordinals}
    return with_status(replace(snapshot, probes=probes), conditions=LOST)


def withdrawn(snapshot: Snapshot) -> Snapshot:
    """The approval is taken out of the spec."""
    return with_spec(snapshot, recovery={})


def verdict(snapshot: Snapshot) -> tuple[str, Reason | None]:
    """What the condition says."""
    found = {v.type: v for v in judge(snapshot, plan(snapshot).decision)}
    one = found.get("QuorumLossApproved")
    return (one.status, one.reason) if one else ("", None)


def test_an_approval_for_a_healthy_cluster_destroys_nothing_later() -> None:
    healthy = reported(approve(formed(3)))
    assert healthy.cluster.status.spent_approvals == (REQUEST,)
    assert verdict(healthy) == ("False", verdicts.APPROVAL_VOID)
    stranded = away(healthy, 1, 2)
    assert plan(stranded).rule == "wait_for_quorum"
    assert verdict(stranded) == ("False", verdicts.APPROVAL_VOID)
    assert plan(approve(stranded, revision=91)).rule == "recover_quorum"


@pytest.mark.parametrize("spec", [{"paused": True}, {"size": 2}], ids=["paused", "invalid"])
def test_it_is_void_also_while_nothing_may_be_changed(spec: dict[str, Any]) -> None:
    held = with_spec(approve(formed(3)), **spec)
    status = report(held, plan(held).decision)
    assert status.spent_approvals == (REQUEST,)


def test_an_approval_from_before_the_loss_is_void() -> None:
    """The operator was away when it was given, and when the majority went."""
    stranded = with_status(away(approve(formed(3)), 1, 2), conditions=[])
    assert plan(stranded).rule == "wait_for_quorum"
    after = reported(stranded)
    assert after.cluster.status.spent_approvals == (REQUEST,)
    long_since = with_status(after, conditions=LOST)
    assert plan(long_since).rule == "wait_for_quorum"


def test_an_approval_within_the_loss_stands_and_says_so() -> None:
    stranded = with_status(approve(lost(1, 2)), spentApprovals=["c1d/80", "abc/90"])
    assert find_request(stranded) == REQUEST
    assert verdict(stranded) == ("True", verdicts.QUORUM_LOSS_APPROVED)
    assert report(stranded, plan(stranded).decision).spent_approvals == ("c1d/80",)
    assert verdict(approve_and_begin(lost(1, 2))) == ("True", verdicts.APPROVAL_IN_USE)
    assert verdict(lost(1, 2)) == ("", None)


def test_the_majority_comes_back_and_goes_again() -> None:
    stood = approve(lost(1, 2))
    back = replace(stood, membership=formed(3).membership, probes=formed(3).probes)
    again = away(reported(back), 1, 2)
    assert plan(again).rule == "wait_for_quorum"


def test_a_rollback_of_the_spec_opens_nothing() -> None:
    first = reported(follow(settled_again()))
    assert verdict(first) == ("False", verdicts.APPROVAL_CARRIED_OUT)
    second = reported(approve(first, revision=200))
    assert second.cluster.status.spent_approvals == (REQUEST, "c1d/200")
    for revision in (90, 200):
        rolled_back = away(approve(withdrawn(second), revision=revision), 0)
        assert find_request(rolled_back) is None


@pytest.mark.parametrize("record", ["status", "ConfigMap"])
def test_either_record_is_enough(record: str) -> None:
    healthy = reported(approve(formed(3)))
    if record == "ConfigMap":
        healthy = with_status(healthy, spentApprovals=[])
    else:
        healthy = replace(healthy, children={})
    assert find_request(away(healthy, 1, 2)) is None


def test_the_record_stays_on_the_gate_without_a_quorum() -> None:
    secure = reported(approve(secured(3)))
    assert secure.config_map
    assert secure.config_map.annotations["etcd.etcd.io/spent-approvals"] == REQUEST
    body = {**secure.config_map.body, "data": {**gate_of(secure), "peer-ca.crt": "edited"}}
    edited = change_child(away(secure, 1, 2), "ConfigMap", "db-config", body=body)
    (gate,) = plan(edited).actions
    assert isinstance(gate, ApplyObject)
    assert gate.manifest["metadata"]["annotations"]["etcd.etcd.io/spent-approvals"] == REQUEST


def test_the_record_stays_through_a_recovery() -> None:
    scene = with_status(forced(), spentApprovals=[])
    assert scene.config_map
    spent = follow(follow(follow(scene)))
    assert spent.config_map
    assert REQUEST in spent.config_map.annotations["etcd.etcd.io/spent-approvals"]


def test_the_record_is_bounded_and_forgets_none() -> None:
    given = [revision * 10 for revision in range(1, 3 * MOST_SPENT)]
    scene = formed(3)
    for revision in given:
        scene = with_status(
            approve(scene, revision=revision), spentApprovals=spent_approvals(scene)
        )
    record = spent_approvals(scene)
    assert len(record) == MOST_SPENT + 1
    stranded = with_status(lost(1, 2), spentApprovals=record)
    assert not any(find_request(approve(stranded, revision=one)) for one in given)
    assert find_request(approve(stranded, revision=given[-1] + 1)) is not None
    assert find_request(approve(stranded, revision=given[-1] - 5)) is not None


@pytest.mark.parametrize("edited", ["", "x", "c1d/", "c1d/-1", "/5", "c1d/<=", "c1d/1e9", "ü/1"])
def test_what_nobody_can_read_is_left_out(edited: str) -> None:
    assert spent_approvals(with_status(formed(3), spentApprovals=[edited, "c1d/7"])) == ("c1d/7",)

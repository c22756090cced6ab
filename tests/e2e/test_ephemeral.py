"""Clusters without disks: members are replaced with their Pods, and a lost majority is said."""

from __future__ import annotations

import pytest

from deploy.target import TargetError
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_created, as_foreseen, as_patched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

IN_MEMORY = {"ephemeral": {"medium": "Memory", "sizeLimit": "256Mi"}}


@pytest.mark.situation(
    "data",
    "a Pod with its data in an emptyDir is deleted",
    "its member is replaced by one that copies the data of the others",
)
def test_members_are_replaced_with_their_pods(cluster: Cluster) -> None:
    with as_created(cluster, size=3, storage=IN_MEMORY):
        cluster.wait_running(3)
    cluster.put("key", "value")
    assert cluster.uids("pvc") == {}
    before = {name: cluster.member(name)["id"] for name in ("c-0", "c-1", "c-2")}
    with as_foreseen(cluster):
        cluster.kubectl("delete", "pod", "c-1")
        wait_until("it is another member", lambda: cluster.member("c-1")["id"] != before["c-1"])
        cluster.wait_running(3, seconds=120)
    assert cluster.read_key("key") == "value"
    assert cluster.member("c-0")["id"] == before["c-0"]
    # A roll: every member is another one afterwards, and the data is the same.
    between = {name: cluster.member(name)["id"] for name in before}
    with as_patched(cluster, podTemplate={"annotations": {"example.com/roll": "1"}}) as told:
        told.follow("a roll begins", lambda: cluster.status()["readyReplicas"] < 3, 60)
        told.follow("all run", lambda: cluster.status()["readyReplicas"] == 3, 180)
        cluster.wait_running(3, seconds=180)
    after = {name: cluster.member(name)["id"] for name in before}
    assert all(after[name] not in (between[name], "") for name in before)
    assert cluster.read_key("key") == "value"
    cluster.assert_agreement(3)


def test_a_lone_member_is_not_rolled_and_its_loss_is_said(cluster: Cluster) -> None:
    cluster.create(size=1, storage={"ephemeral": {}})
    cluster.wait_running(1)
    cluster.put("key", "value")
    with pytest.raises(TargetError, match="ephemeral cannot be added or removed"):
        cluster.patch(storage={"ephemeral": None})
    with pytest.raises(TargetError, match="size 0 would lose all data"):
        cluster.scale(0)
    uid = cluster.uids("pods")["c-0"]
    with as_patched(cluster, podTemplate={"annotations": {"example.com/roll": "1"}}):
        cluster.wait_reason("Ready", "RollWouldLoseData")
    assert cluster.uids("pods")["c-0"] == uid
    assert cluster.read_key("key") == "value"
    with as_foreseen(cluster):
        cluster.kubectl("delete", "pod", "c-0")
        said = cluster.wait_reason("Degraded", "DataLost", seconds=60)
    assert "c-0" in said
    assert cluster.condition("Available")["status"] == "False"

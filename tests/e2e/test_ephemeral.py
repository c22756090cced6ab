"""Clusters without disks: members are replaced with their Pods, and a lost majority is said."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from deploy.target import Target, TargetError
from etcd_operator.json_types import Json
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_created, as_foreseen, as_patched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "test-clusters.md"
IN_MEMORY: Final = {"ephemeral": {"medium": "Memory", "sizeLimit": "256Mi"}}


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


def refusal(cluster: Cluster, storage: Json) -> str:
    """What the API server says against such a cluster, which it does not create."""
    manifest = json.dumps({**cluster.manifest(), "spec": {"size": 1, "storage": storage}})
    try:
        cluster.target.run("create", "--dry-run=server", "--filename=-", stdin=manifest)
    except TargetError as error:
        return str(error)
    return ""


def test_they_can_be_refused_where_they_have_no_place(target: Target, cluster: Cluster) -> None:
    """By the policy that the page about them shows."""
    (policy,) = (
        text
        for text in re.findall("```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
        if "ValidatingAdmissionPolicy" in text
    )
    documents = list(yaml.safe_load_all(policy))
    target.apply(*documents)
    try:
        assert refusal(cluster, IN_MEMORY) == ""
        target.run("label", "namespace", cluster.namespace, "environment=production")
        wait_until("it is refused", lambda: "is for tests" in refusal(cluster, IN_MEMORY), 30)
        assert refusal(cluster, {"size": "1Gi"}) == ""
    finally:
        kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings"
        target.run("delete", kinds, documents[0]["metadata"]["name"])


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

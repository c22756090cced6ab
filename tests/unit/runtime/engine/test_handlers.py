"""Carrying out actions: the preconditions that are sent, and what the caches believe afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from etcd_operator.core.actions import (
    Action,
    ApplyObject,
    DeleteObject,
    LabelPod,
    SetFinalizer,
)
from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.core.model.parse import observe_child
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.tasks.actions import TaskAction
from etcd_operator.errors import Conflict, Invalid
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.handlers.kubernetes import ONLY_CREATE
from etcd_operator.runtime.engine.handlers.tasks import TaskActionHandlers
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.kubernetes.api import (
    CLUSTERS,
    CONFIG_MAPS,
    DISRUPTION_BUDGETS,
    NETWORK_POLICIES,
    PODS,
    SERVICES,
    Kind,
)
from tests.builders.snapshots import NAMING, UID, formed, raw_cluster, with_cluster
from tests.fakes.kubernetes import DELETED_AT
from tests.harnesses.handlers import FIRST, HandlersHarness


@pytest.fixture
def harness() -> HandlersHarness:
    return HandlersHarness()


def test_every_action_has_its_handler(harness: HandlersHarness) -> None:
    assert set(harness.handlers.table) == set(get_args(Action))
    tasks = TaskActionHandlers(harness.api, harness.caches, TaskCaches(harness.api))
    assert set(tasks.table) == set(get_args(TaskAction))


async def test_a_pod_that_is_gone_with_its_deletion_is_not_believed_to_be_there(
    harness: HandlersHarness,
) -> None:
    """Its DELETED event came first, and the answer carries the version of that very event."""
    harness.caches.observe("Pod", harness.put(PODS, "db-0"))
    harness.caches.pods.observe_deleted(NAMING.namespace, "db-0", "uid-1", FIRST + 1)
    await harness.handlers.perform(DeleteObject("Pod", "db-0", "uid-1", "why"), formed(3))
    assert harness.server.version == FIRST + 1
    assert harness.caches.pods.get(NAMING.namespace, "db-0") is None


async def test_a_pod_that_takes_its_time_is_known_to_be_going(harness: HandlersHarness) -> None:
    held = {"finalizers": ["example.com/hold"]}
    harness.caches.observe("Pod", harness.put(PODS, "db-0", metadata=held))
    await harness.handlers.perform(DeleteObject("Pod", "db-0", "uid-1", "why"), formed(3))
    pod = harness.caches.pods.get(NAMING.namespace, "db-0")
    assert pod is not None
    assert pod.deleting


@pytest.mark.parametrize("version", ["", str(FIRST)])
async def test_deletions_insist_on_what_was_looked_at(
    harness: HandlersHarness, version: str
) -> None:
    harness.put(PODS, "db-0")
    action = DeleteObject("Pod", "db-0", "uid-1", "why", version, grace_seconds=1)
    await harness.handlers.perform(action, formed(3))
    wanted = {"uid": "uid-1", "grace_seconds": 1}
    wanted |= {"resource_version": version} if version else {}
    assert harness.server.sent == [("delete Pod db-0", wanted)]


@pytest.mark.parametrize(
    ("action", "labels"),
    [
        (LabelPod("db-0", "uid-1", "voter"), {"etcd.etcd.io/role": "voter"}),
        (
            LabelPod("db-0", "uid-1", "voter", lost=True),
            {**NAMING.selector, "etcd.etcd.io/role": "voter"},
        ),
        (LabelPod("db-0", "uid-1", "", lost=True), NAMING.selector),
    ],
)
async def test_only_the_labels_that_are_wrong_are_written(
    harness: HandlersHarness, action: LabelPod, labels: Json
) -> None:
    harness.put(PODS, "db-0")
    await harness.handlers.perform(action, formed(3))
    sent = {"metadata": {"uid": "uid-1", "labels": labels}}
    assert harness.server.sent == [("patch Pod db-0", sent)]


def applied(uid: str, version: str) -> tuple[ApplyObject, Snapshot]:
    metadata = {"name": "db-client", "namespace": NAMING.namespace, "labels": NAMING.labels()}
    manifest = {"kind": "Service", "metadata": metadata, "spec": {}, "status": {}}
    return ApplyObject("Service", "db-client", uid, version, "why", manifest), formed(3)


@pytest.mark.parametrize(
    ("uid", "version", "sent"),
    [
        ("", "", {"resourceVersion": ONLY_CREATE}),
        ("uid-1", "", {"uid": "uid-1"}),
        ("uid-1", str(FIRST), {"uid": "uid-1", "resourceVersion": str(FIRST)}),
    ],
)
async def test_applies_create_or_change_exactly_what_was_looked_at(
    harness: HandlersHarness, uid: str, version: str, sent: Json
) -> None:
    if uid:
        harness.put(SERVICES, "db-client")
    await harness.handlers.perform(*applied(uid, version))
    metadata = harness.server.sent[0][1]["metadata"]
    assert {k: v for k, v in metadata.items() if k in ("uid", "resourceVersion")} == sent
    assert harness.caches.children["Service"].get(NAMING.namespace, "db-client") is not None


async def test_a_conflict_is_followed_by_a_look(harness: HandlersHarness) -> None:
    """Somebody else's Service of our name carries no label of ours: no watch would tell of it."""
    harness.put(SERVICES, "db-client", uid="theirs", metadata={"labels": {}})
    with pytest.raises(Conflict):
        await harness.handlers.perform(*applied("", ""))
    found = harness.caches.children["Service"].get(NAMING.namespace, "db-client")
    assert found is not None
    assert found.owner_uid == ""


def standing(
    harness: HandlersHarness, kind: Kind, manifest: Json, **live: Json
) -> tuple[ApplyObject, Snapshot]:
    """An object of this kind that is to be as in the manifest, and is as in `live`."""
    child = observe_child(kind.name, harness.put(kind, "db-client", "uid-1", **live))
    action, snapshot = applied("uid-1", child.resource_version)
    manifest = {**action.manifest, "kind": kind.name, **manifest}
    ours = replace(action, kind=kind.name, manifest=manifest)
    children = {**snapshot.children, (kind.name, "db-client"): child}
    return ours, replace(snapshot, children=children)


async def test_files_that_somebody_put_into_the_gate_are_removed(harness: HandlersHarness) -> None:
    """A server-side apply would leave them to their owner, and a file is an open gate."""
    files = {"a": "1", "stray": "2"}
    await harness.handlers.perform(
        *standing(harness, CONFIG_MAPS, {"data": {"a": "1"}}, data=files)
    )
    fence = {"uid": "uid-1", "resourceVersion": str(FIRST)}
    removal = {"metadata": fence, "data": {"stray": None}}
    assert harness.server.sent[-1] == ("patch ConfigMap db-client", removal)
    gate = harness.caches.children["ConfigMap"].get(NAMING.namespace, "db-client")
    assert gate is not None
    assert gate.body["data"] == {"a": "1"}


async def test_what_somebody_added_to_a_network_policy_is_removed(harness: HandlersHarness) -> None:
    """Labels beside ours would let it select nothing, and an apply leaves them as they are."""
    spec = {"podSelector": {"matchLabels": {"a": "1"}}, "ingress": [{"ports": [{"port": 1}]}]}
    added = {"podSelector": {"matchLabels": {"a": "1", "no": "pod"}}, "egress": [{}]}
    action, snapshot = standing(harness, NETWORK_POLICIES, {"spec": spec}, spec={**spec, **added})
    await harness.handlers.perform(action, snapshot)
    (policy,) = harness.server.find("NetworkPolicy")
    assert policy["spec"] == spec


async def test_what_contradicts_ours_is_removed_before(harness: HandlersHarness) -> None:
    """Together the API server refuses them, for ever."""
    action, snapshot = standing(
        harness, DISRUPTION_BUDGETS, {"spec": {"maxUnavailable": 1}}, spec={"minAvailable": 3}
    )
    harness.server.refusals = [Invalid("minAvailable and maxUnavailable cannot be both set", 422)]
    await harness.handlers.perform(action, snapshot)
    fence = {"uid": "uid-1", "resourceVersion": str(FIRST)}
    removal = {"metadata": fence, "spec": {"minAvailable": None, "maxUnavailable": 1}}
    name = "PodDisruptionBudget db-client"
    sent = harness.server.sent
    assert [what for what, _ in sent] == [f"{verb} {name}" for verb in ("apply", "patch", "apply")]
    assert sent[1][1] == removal
    onto = sent[2][1]["metadata"]["resourceVersion"]
    assert onto == str(FIRST + 1), "onto what the removal has made"


async def test_a_manifest_that_is_refused_as_it_is_stays_refused(harness: HandlersHarness) -> None:
    action, snapshot = standing(harness, SERVICES, {"spec": {}}, spec={})
    harness.server.refusals = [Invalid("no such field", 422)]
    with pytest.raises(Invalid):
        await harness.handlers.perform(action, snapshot)
    assert len(harness.server.sent) == 1


@pytest.mark.parametrize("others", [(), ("theirs",)], ids=["last", "not the last"])
async def test_the_last_finalizer_ends_the_cluster(
    harness: HandlersHarness, others: tuple[str, ...]
) -> None:
    """The answer shows it as it was at its end: a pass over it would be one over nothing."""
    finalizers = [*others, FINALIZER]
    live = raw_cluster(deletionTimestamp=DELETED_AT, finalizers=finalizers)
    live = harness.server.put(CLUSTERS, NAMING.name, live, NAMING.namespace)
    harness.caches.observe("EtcdCluster", live)
    snapshot = with_cluster(formed(3), deleting=True, finalizers=(*others, FINALIZER))
    await harness.handlers.perform(SetFinalizer(False, UID, str(FIRST)), snapshot)
    fence = {"uid": UID, "resourceVersion": str(FIRST)}
    sent = {"metadata": {**fence, "finalizers": list(others)}}
    assert harness.server.sent == [("patch EtcdCluster db", sent)]
    known = harness.caches.clusters.get(NAMING.namespace, NAMING.name)
    assert (known is not None) == bool(others)
    assert known is None or known.finalizers == others

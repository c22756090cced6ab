"""Carrying out actions: the preconditions that are sent, and what the caches believe afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast, get_args

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
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers.kubernetes import ONLY_CREATE
from etcd_operator.runtime.engine.handlers.tasks import TaskActionHandlers
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi
from tests.builders.snapshots import NAMING, UID, formed, raw_cluster, with_cluster
from tests.fakes.scripted_api import ScriptedApi, perform, raw


@pytest.fixture
def api() -> ScriptedApi:
    return ScriptedApi()


def test_every_action_has_its_handler(api: ScriptedApi) -> None:
    performer, _ = perform(api)
    assert set(performer.table) == set(get_args(Action))
    typed = cast(KubeApi, api)
    tasks = TaskActionHandlers(typed, Caches(typed), TaskCaches(typed))
    assert set(tasks.table) == set(get_args(TaskAction))


async def test_a_pod_that_is_gone_with_its_deletion_is_not_believed_to_be_there(
    api: ScriptedApi,
) -> None:
    """Its DELETED event came first, and the answer carries the version of that very event."""
    performer, caches = perform(api)
    caches.observe("Pod", raw("db-0", 5))
    caches.pods.observe_deleted(NAMING.namespace, "db-0", "uid-1", 8)
    api.delete_answer = raw("db-0", 8)
    await performer.perform(DeleteObject("Pod", "db-0", "uid-1", "why"), formed(3))
    assert caches.pods.get(NAMING.namespace, "db-0") is None


async def test_a_pod_that_takes_its_time_is_known_to_be_going(api: ScriptedApi) -> None:
    performer, caches = perform(api)
    caches.observe("Pod", raw("db-0", 5))
    going = raw("db-0", 6)
    going["metadata"]["deletionTimestamp"] = "2026-03-04T05:06:07Z"
    api.objects["Pod", "db-0"] = going
    await performer.perform(DeleteObject("Pod", "db-0", "uid-1", "why"), formed(3))
    pod = caches.pods.get(NAMING.namespace, "db-0")
    assert pod is not None
    assert pod.deleting


@pytest.mark.parametrize("version", ["", "7"])
async def test_deletions_insist_on_what_was_looked_at(api: ScriptedApi, version: str) -> None:
    performer, _ = perform(api)
    action = DeleteObject("Pod", "db-0", "uid-1", "why", version, grace_seconds=1)
    await performer.perform(action, formed(3))
    wanted = {
        "uid": "uid-1",
        "resource_version": version or None,
        "grace_seconds": 1,
        "orphan": False,
    }
    assert api.sent == [("delete Pod db-0", wanted)]


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
    api: ScriptedApi, action: LabelPod, labels: Json
) -> None:
    performer, _ = perform(api)
    await performer.perform(action, formed(3))
    assert api.sent == [("patch Pod", {"metadata": {"uid": "uid-1", "labels": labels}})]


def applied(uid: str, version: str) -> tuple[ApplyObject, Snapshot]:
    manifest = {"kind": "Service", **raw("db-client", 1)}
    del manifest["metadata"]["uid"], manifest["metadata"]["resourceVersion"]
    return ApplyObject("Service", "db-client", uid, version, "why", manifest), formed(3)


@pytest.mark.parametrize(
    ("uid", "version", "sent"),
    [
        ("", "", {"resourceVersion": ONLY_CREATE}),
        ("uid-1", "", {"uid": "uid-1"}),
        ("uid-1", "7", {"uid": "uid-1", "resourceVersion": "7"}),
    ],
)
async def test_applies_create_or_change_exactly_what_was_looked_at(
    api: ScriptedApi, uid: str, version: str, sent: Json
) -> None:
    performer, caches = perform(api)
    await performer.perform(*applied(uid, version))
    metadata = api.sent[0][1]
    assert {key: metadata.get(key) for key in ("uid", "resourceVersion")} == {
        "uid": sent.get("uid"),
        "resourceVersion": sent.get("resourceVersion"),
    }
    assert caches.children["Service"].get(NAMING.namespace, "db-client") is not None


async def test_a_conflict_is_followed_by_a_look(api: ScriptedApi) -> None:
    """Somebody else's Service of our name carries no label of ours: no watch would tell of it."""
    performer, caches = perform(api)
    api.conflict = True
    theirs = raw("db-client", 3, uid="theirs")
    theirs["metadata"]["labels"] = {}
    api.objects["Service", "db-client"] = theirs
    with pytest.raises(Conflict):
        await performer.perform(*applied("", ""))
    found = caches.children["Service"].get(NAMING.namespace, "db-client")
    assert found is not None
    assert found.owner_uid == ""


def standing(kind: str, manifest: Json, **live: Any) -> tuple[ApplyObject, Snapshot]:
    """An object of this kind that is to be as in the manifest, and is as in `live`."""
    action, snapshot = applied("uid-1", "1")
    ours = replace(action, kind=kind, manifest={**action.manifest, "kind": kind, **manifest})
    child = observe_child(kind, {**raw("db-client", 1), **live})
    children = {**snapshot.children, (kind, "db-client"): child}
    return ours, replace(snapshot, children=children)


async def test_files_that_somebody_put_into_the_gate_are_removed(api: ScriptedApi) -> None:
    """A server-side apply would leave them to their owner, and a file is an open gate."""
    performer, caches = perform(api)
    files = {"a": "1", "stray": "2"}
    api.left = {"data": files}
    await performer.perform(*standing("ConfigMap", {"data": {"a": "1"}}, data=files))
    assert api.sent[-1] == (
        "patch ConfigMap",
        {"metadata": {"uid": "u", "resourceVersion": "9"}, "data": {"stray": None}},
    )
    gate = caches.children["ConfigMap"].get(NAMING.namespace, "db-client")
    assert gate is not None
    assert gate.resource_version == "10"


async def test_what_somebody_added_to_a_network_policy_is_removed(api: ScriptedApi) -> None:
    """Labels beside ours would let it select nothing, and an apply leaves them as they are."""
    performer, _ = perform(api)
    spec = {"podSelector": {"matchLabels": {"a": "1"}}, "ingress": [{"ports": [{"port": 1}]}]}
    added = {"podSelector": {"matchLabels": {"a": "1", "no": "pod"}}, "egress": [{}]}
    api.left = {"spec": {**spec, **added}}
    await performer.perform(*standing("NetworkPolicy", {"spec": spec}, spec=api.left["spec"]))
    foreign = {"podSelector": {"matchLabels": {"no": None}}, "egress": None}
    assert api.sent[-1][0] == "patch NetworkPolicy"
    assert api.sent[-1][1]["spec"] == foreign


async def test_what_contradicts_ours_is_removed_before(api: ScriptedApi) -> None:
    """Together the API server refuses them, for ever."""
    performer, _ = perform(api)
    action, snapshot = standing(
        "PodDisruptionBudget", {"spec": {"maxUnavailable": 1}}, spec={"minAvailable": 3}
    )
    api.refusals = [Invalid("minAvailable and maxUnavailable cannot be both set", 422)]
    await performer.perform(action, snapshot)
    fence = {"uid": "uid-1", "resourceVersion": "1"}
    removal = {"metadata": fence, "spec": {"minAvailable": None, "maxUnavailable": 1}}
    assert [what for what, _ in api.sent] == [
        f"{v} {action.kind}" for v in ("apply", "patch", "apply")
    ]
    assert api.sent[1][1] == removal
    assert api.sent[2][1]["resourceVersion"] == "10", "onto what the removal has made"


async def test_a_manifest_that_is_refused_as_it_is_stays_refused(api: ScriptedApi) -> None:
    performer, _ = perform(api)
    api.refusals = [Invalid("no such field", 422)]
    with pytest.raises(Invalid):
        await performer.perform(*standing("Service", {"spec": {}}, spec={}))
    assert len(api.sent) == 1


class FinalizedApi(ScriptedApi):
    """Changes the finalizers of the EtcdCluster."""

    async def merge_patch(self, kind: Kind, _namespace: str, name: str, patch: Json) -> Json:
        self.sent.append((f"patch {kind.name} {name}", patch["metadata"]))
        return raw_cluster(**{**patch["metadata"], "resourceVersion": "8"})


@pytest.mark.parametrize("others", [(), ("theirs",)], ids=["last", "not the last"])
async def test_the_last_finalizer_ends_the_cluster(others: tuple[str, ...]) -> None:
    """The answer shows it as it was at its end: a pass over it would be one over nothing."""
    api = FinalizedApi()
    performer, caches = perform(api)
    caches.observe("EtcdCluster", raw_cluster())
    going = with_cluster(formed(3), deleting=True, finalizers=(*others, FINALIZER))
    await performer.perform(SetFinalizer(False, UID, "7"), going)
    wanted = {"uid": UID, "resourceVersion": "7", "finalizers": list(others)}
    assert api.sent == [("patch EtcdCluster db", wanted)]
    known = caches.clusters.get(NAMING.namespace, NAMING.name)
    assert (known is not None) == bool(others)
    assert known is None or known.finalizers == others

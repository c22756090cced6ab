"""Evictions: what is sent, what a PodDisruptionBudget answers, and what a user is told of it."""

from __future__ import annotations

import json

import pytest

from etcd_operator.core.actions import EvictPod
from etcd_operator.core.model.decision import POD_START
from etcd_operator.errors import Conflict, EvictionRefused, KubeUnavailable, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.controller import Requeue
from etcd_operator.runtime.engine.reconciler import TOLD_FROM
from etcd_operator.runtime.kubernetes.client import LightkubeApi, translate_error
from tests.builders.snapshots import NAMING, formed, outdated
from tests.fakes.scripted_api import ScriptedApi, perform, raw
from tests.unit.runtime.engine.reconciler_harness import Stage

REFUSED = "The disruption budget db needs 2 healthy pods and has 2 currently."
SEVERAL = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
    "support."
)


class EvictingApi(ScriptedApi):
    """Evicts as told."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error

    async def evict(self, namespace: str, name: str, *, uid: str) -> None:
        self.sent.append((f"evict {namespace}/{name}", {"uid": uid}))
        if self.error:
            raise self.error


async def test_the_request_names_the_pod_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[object, ...]] = []

    async def request(_: object, verb: str, kind: object, path: str, body: Json) -> Json:
        sent.append((verb, path, body))
        return {}

    monkeypatch.setattr(LightkubeApi, "_request", request)
    await LightkubeApi.__new__(LightkubeApi).evict("team", "db-1", uid="u1")
    wanted = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "db-1", "namespace": "team"},
        "deleteOptions": {"preconditions": {"uid": "u1"}},
    }
    assert sent == [("evict", "/api/v1/namespaces/team/pods/db-1/eviction", wanted)]


def _answer(code: int, message: str, *causes: Json) -> Exception:
    body = {"message": message, "reason": "TooManyRequests", "details": {"causes": list(causes)}}
    return translate_error(code, json.dumps(body).encode())


def test_a_budget_is_named_in_the_servers_words() -> None:
    cause = {"reason": "DisruptionBudget", "message": REFUSED.rstrip(".")}
    error = _answer(429, "Cannot evict pod.", cause)
    assert isinstance(error, EvictionRefused)
    assert str(error) == REFUSED
    several = _answer(500, SEVERAL)
    assert isinstance(several, EvictionRefused)
    assert str(several) == SEVERAL


def test_a_server_that_is_busy_is_no_budget() -> None:
    for error in (_answer(429, "too many requests"), _answer(500, "etcdserver: timeout")):
        assert isinstance(error, KubeUnavailable)


@pytest.mark.parametrize("error", [None, NotFound("gone", 404)])
async def test_the_pod_is_looked_at_again(error: Exception | None) -> None:
    api = EvictingApi(error)
    performer, caches = perform(api)
    caches.observe("Pod", raw("db-0", 5))
    going = raw("db-0", 6)
    going["metadata"]["deletionTimestamp"] = "2026-03-04T05:06:07Z"
    api.objects["Pod", "db-0"] = going
    await performer.perform(EvictPod("db-0", "uid-1", "why"), formed(3))
    assert api.sent == [("evict team/db-0", {"uid": "uid-1"})]
    pod = caches.pods.get(NAMING.namespace, "db-0")
    assert pod is not None
    assert pod.deleting


async def test_another_pod_of_the_name_is_read_again_and_left_alone() -> None:
    api = EvictingApi(Conflict("the uid does not match", 409))
    performer, caches = perform(api)
    caches.observe("Pod", raw("db-0", 5))
    api.objects["Pod", "db-0"] = raw("db-0", 7, uid="uid-2")
    with pytest.raises(Conflict):
        await performer.perform(EvictPod("db-0", "uid-1", "why"), formed(3))
    pod = caches.pods.get(NAMING.namespace, "db-0")
    assert pod is not None
    assert pod.uid == "uid-2"


@pytest.mark.situation(
    "told",
    "a PodDisruptionBudget of somebody else forbids a roll",
    "it is named; no Pod is stopped past it",
)
async def test_a_budget_that_stays_in_the_way_is_told_with_its_name() -> None:
    stage = Stage(outdated(formed(3), 0, 1, 2))
    stage.errors[EvictPod] = EvictionRefused(REFUSED, 429)
    for _ in range(TOLD_FROM - 1):
        assert await stage.make_pass() == Requeue(POD_START), "no failure, and soon again"
        assert stage.shown()["Progressing"] == "Rolling"
        assert stage.shown()["Degraded"] == "AsExpected"
    await stage.make_pass()
    assert stage.shown()["Degraded"] == "EvictionRefused"
    message = stage.written[-1]["status"]["message"]
    assert REFUSED in message
    assert "Pod db-2 cannot be evicted" in message
    assert stage.counted() == {("EvictPod", "refused"): TOLD_FROM}
    del stage.errors[EvictPod]
    await stage.make_pass()
    assert stage.shown()["Degraded"] == "AsExpected"

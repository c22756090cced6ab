"""Evictions: what is sent, what a PodDisruptionBudget answers, and what a user is told of it."""

from __future__ import annotations

import asyncio
import json

import pytest

from etcd_operator.core.actions import EvictPod
from etcd_operator.core.model.decision import POD_START, REFUSED_STOP
from etcd_operator.core.model.naming import ROLE_LEAVING
from etcd_operator.errors import Conflict, EvictionRefused, KubeUnavailable
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.controller import Requeue
from etcd_operator.runtime.engine.reconciler import STOP_TRIES, TOLD_FROM
from etcd_operator.runtime.kubernetes.api import PODS
from etcd_operator.runtime.kubernetes.client import LightkubeApi, translate_error
from tests.builders.snapshots import NAMING, change_pod, formed, outdated, with_spec
from tests.harnesses.handlers import HandlersHarness
from tests.harnesses.reconciler import ReconcilerHarness

REFUSED = "The disruption budget db needs 2 healthy pods and has 2 currently."
SEVERAL = (
    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
    "support."
)


@pytest.mark.parametrize(("grace_seconds", "options"), [(None, {}), (1, {"gracePeriodSeconds": 1})])
async def test_the_request_names_the_pod_exactly(
    monkeypatch: pytest.MonkeyPatch, grace_seconds: int | None, options: Json
) -> None:
    sent: list[tuple[object, ...]] = []

    async def request(_: object, verb: str, kind: object, path: str, body: Json) -> Json:
        sent.append((verb, path, body))
        return {}

    monkeypatch.setattr(LightkubeApi, "_request", request)
    api = LightkubeApi.__new__(LightkubeApi)
    await api.evict("team", "db-1", uid="u1", grace_seconds=grace_seconds)
    wanted = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": "db-1", "namespace": "team"},
        "deleteOptions": {"preconditions": {"uid": "u1"}, **options},
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


async def test_the_pod_is_looked_at_again() -> None:
    harness = HandlersHarness()
    held = {"finalizers": ["example.com/hold"]}
    harness.caches.observe("Pod", harness.put(PODS, "db-0", metadata=held))
    await harness.handlers.perform(EvictPod("db-0", "uid-1", "why"), formed(3))
    assert harness.server.sent == [("delete Pod db-0", {"uid": "uid-1"})]
    pod = harness.caches.pods.get(NAMING.namespace, "db-0")
    assert pod is not None
    assert pod.deleting


@pytest.mark.looptime
async def test_what_follows_waits_until_clients_have_been_sent_away() -> None:
    harness = HandlersHarness()
    harness.caches.observe("Pod", harness.put(PODS, "db-0"))
    begun = asyncio.get_running_loop().time()
    await harness.handlers.perform(EvictPod("db-0", "uid-1", "why", 1, 0.5), formed(3))
    assert asyncio.get_running_loop().time() - begun == 0.5
    assert harness.server.sent[0] == ("delete Pod db-0", {"uid": "uid-1", "grace_seconds": 1})


async def test_a_pod_that_is_gone_already_is_no_failure() -> None:
    harness = HandlersHarness()
    harness.caches.observe("Pod", harness.put(PODS, "db-0"))
    await harness.api.delete(PODS, NAMING.namespace, "db-0", uid="uid-1")
    await harness.handlers.perform(EvictPod("db-0", "uid-1", "why"), formed(3))
    assert harness.caches.pods.get(NAMING.namespace, "db-0") is None


async def test_another_pod_of_the_name_is_read_again_and_left_alone() -> None:
    harness = HandlersHarness()
    harness.caches.observe("Pod", harness.put(PODS, "db-0"))
    await harness.api.delete(PODS, NAMING.namespace, "db-0", uid="uid-1")
    harness.put(PODS, "db-0", uid="uid-2")
    with pytest.raises(Conflict):
        await harness.handlers.perform(EvictPod("db-0", "uid-1", "why"), formed(3))
    pod = harness.caches.pods.get(NAMING.namespace, "db-0")
    assert pod is not None
    assert pod.uid == "uid-2"


@pytest.mark.situation(
    "told",
    "a PodDisruptionBudget of somebody else forbids a roll",
    "it is reported; no Pod is stopped against it",
)
async def test_a_budget_that_stays_in_the_way_is_told_with_its_name() -> None:
    harness = ReconcilerHarness(outdated(formed(3), 0, 1, 2))
    harness.errors[EvictPod] = EvictionRefused(REFUSED, 429)
    for _ in range(TOLD_FROM - 1):
        assert await harness.make_pass() == Requeue(POD_START), "no failure, and soon again"
        assert harness.shown()["Progressing"] == "RollingUpdate"
        assert harness.shown()["Degraded"] == "AsExpected"
    await harness.make_pass()
    assert harness.shown()["Degraded"] == "EvictionRefused"
    message = harness.written[-1]["status"]["message"]
    assert REFUSED in message
    assert "Pod db-2 cannot be evicted" in message
    assert harness.counted() == {("EvictPod", "refused"): TOLD_FROM}
    del harness.errors[EvictPod]
    await harness.make_pass()
    assert harness.shown()["Degraded"] == "AsExpected"


@pytest.mark.situation(
    "told",
    "a PodDisruptionBudget of somebody else forbids to stop a member before it is removed",
    "it is asked for two seconds; then the member is removed at once",
)
async def test_scale_in_does_not_wait_for_a_budget_for_ever() -> None:
    four = change_pod(with_spec(formed(5), size=3), 4, role=ROLE_LEAVING)
    harness = ReconcilerHarness(change_pod(four, 3, role=ROLE_LEAVING))
    harness.errors[EvictPod] = EvictionRefused(REFUSED, 429)
    for _ in range(STOP_TRIES):
        assert await harness.make_pass() == Requeue(REFUSED_STOP)
        assert harness.shown()["Degraded"] == "AsExpected"
        assert ("RemoveMember", "done") not in harness.counted()
    await harness.make_pass()
    assert harness.counted()["RemoveMember", "done"] == 2

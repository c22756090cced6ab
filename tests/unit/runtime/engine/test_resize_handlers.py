"""Requests for other CPU and memory: what is sent, what is noted, what a refusal leaves."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

import pytest

from etcd_operator.core.actions import ResizePod, SetPodRevision
from etcd_operator.errors import Invalid
from etcd_operator.json_types import Json
from etcd_operator.runtime.kubernetes.api import PODS
from etcd_operator.runtime.kubernetes.client import LightkubeApi
from tests.builders.snapshots import NAMING, formed
from tests.fakes.kubernetes import InMemoryApi
from tests.harnesses.handlers import HandlersHarness

LARGE: Json = {"limits": {"memory": "2Gi"}}
NOTE = "etcd.etcd.io/resize"


def put_pod(harness: HandlersHarness) -> Json:
    """A member's Pod with a proxy before etcd."""
    both: list[Json] = [
        {"name": "proxy"},
        {"name": "etcd", "resources": {"limits": {"memory": "1Gi"}}},
    ]
    harness.put(PODS, "db-0")
    key = (PODS.name, NAMING.namespace, "db-0")
    pod = harness.server.objects[key]
    pod["spec"] = {"containers": both}
    pod["status"] = {"containerStatuses": copy.deepcopy(both)}
    return pod


def request(pod: Json) -> ResizePod:
    """The action for this Pod."""
    metadata = pod["metadata"]
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return ResizePod("db-0", metadata["uid"], metadata["resourceVersion"], "hash", at, LARGE)


async def test_the_request_replaces_the_resources_of_etcd_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[str, str, Json]] = []

    async def ask(_: object, verb: str, kind: object, path: str, params: Json, body: Json) -> Json:
        sent.append((verb, path, body))
        return {}

    monkeypatch.setattr(LightkubeApi, "_request", ask)
    api = LightkubeApi.__new__(LightkubeApi)
    api._field_manager = "etcd-operator"
    await api.resize("team", "db-1", resource_version="7", container="etcd", resources=LARGE)
    wanted = {
        "metadata": {"resourceVersion": "7"},
        "spec": {"containers": [{"name": "etcd", "resources": {**LARGE, "$patch": "replace"}}]},
    }
    assert sent == [("resize", "/api/v1/namespaces/team/pods/db-1/resize", wanted)]


async def test_what_is_asked_for_is_noted_and_then_asked_for() -> None:
    harness = HandlersHarness()
    pod = put_pod(harness)
    await harness.handlers.perform(request(pod), formed(3))
    live = harness.server.objects[PODS.name, NAMING.namespace, "db-0"]
    assert live["metadata"]["annotations"][NOTE] == "hash 2026-01-01T00:00:00Z"
    assert live["spec"]["containers"] == [{"name": "proxy"}, {"name": "etcd", "resources": LARGE}]


async def test_a_refusal_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> Json:
        raise Invalid("Pod QOS Class may not change as a result of resizing", 422)

    monkeypatch.setattr(InMemoryApi, "resize", refuse)
    harness = HandlersHarness()
    pod = put_pod(harness)
    await harness.handlers.perform(request(pod), formed(3))
    live = harness.server.objects[PODS.name, NAMING.namespace, "db-0"]
    assert live["metadata"]["annotations"][NOTE] == "hash refused"


async def test_the_revision_is_noted_and_the_request_is_over() -> None:
    harness = HandlersHarness()
    pod = put_pod(harness)
    pod["metadata"]["annotations"] = {NOTE: "hash 2026-01-01T00:00:00Z"}
    metadata = pod["metadata"]
    said = SetPodRevision("db-0", metadata["uid"], metadata["resourceVersion"], "db-2")
    await harness.handlers.perform(said, formed(3))
    live = harness.server.objects[PODS.name, NAMING.namespace, "db-0"]
    assert live["metadata"]["labels"]["controller-revision-hash"] == "db-2"
    assert NOTE not in live["metadata"]["annotations"]

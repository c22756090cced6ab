"""Progress until the verdict: what is printed, and how each way ends."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from etcd_operator.core.lifecycle.serving_operator import ANNOTATION_OPERATOR
from etcd_operator.errors import KubeUnavailable, NotFound
from etcd_operator.json_types import Json
from etcd_operator.plugin import follow, serving
from etcd_operator.plugin.clusters import conditions_of
from etcd_operator.runtime.kubernetes.api import CLUSTERS, LEASES
from tests.builders.plugin import Ended, Terminal
from tests.fakes.kubernetes import InMemoryApi
from tests.fakes.user_api import NAMESPACE, put_cluster


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal whose time passes only while `follow` waits."""
    now = [1000.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    place = follow.__name__
    monkeypatch.setattr(f"{place}.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(f"{place}.asyncio", SimpleNamespace(sleep=sleep))
    terminal = Terminal()
    put_cluster(terminal.server)
    return terminal


def says(reason: str, *, ready: bool = False, message: str = "so", **status: Any) -> Json:
    """Status of a cluster that the operator has looked at."""
    condition = {"type": "Ready", "status": str(ready), "reason": reason, "message": message}
    return {"conditions": [condition], "message": message, "observedGeneration": 2, **status}


def play(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, *steps: Json | Exception
) -> Callable[..., Ended]:
    """Let each look at the cluster after the change find the next of these statuses."""
    left: Iterator[Json | Exception] = iter(steps)
    last: list[Json | Exception] = []
    get = InMemoryApi.get

    async def look(api: InMemoryApi, kind: Any, namespace: str, name: str) -> Json:
        found = await get(api, kind, namespace, name)
        if not terminal.server.sent:
            return found
        last[:] = [next(left, last[0] if last else steps[-1])]
        if isinstance(last[0], Exception):
            raise last[0]
        found["metadata"]["generation"] = 2
        return {**found, "status": last[0]}

    monkeypatch.setattr(InMemoryApi, "get", look)
    return terminal.type


def test_each_change_of_the_verdict_is_one_line_and_the_end_is_reached(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    growing = says("ScalingOut", message="Adding db-3.", phase="Scaling", readyReplicas=3)
    steps = (growing, growing, says("Healthy", ready=True, phase="Running", readyReplicas=5))
    ended = play(terminal, monkeypatch, *steps)("scale", "db", "5", "--wait")
    assert ended.code == 0
    lines = [" ".join(line.split()[1:]) for line in ended.out.splitlines()[1:]]
    assert lines == ["Scaling 3/5 ScalingOut: Adding db-3.", "Running 5/5 Healthy: so"]


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (("scale", "db", "5"), "size", 3),
        (("stop", "db", "--yes"), "size", 3),
        (("upgrade", "db", "--to=v3.6.17", "--yes"), "version", "v3.5.35"),
        (("restart", "db", "--yes"), "podTemplate", {"annotations": {}}),
        (("pause", "db"), "paused", False),
    ],
)
def test_what_somebody_else_asks_for_meanwhile_is_not_what_is_waited_for(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    field: str,
    value: object,
) -> None:
    healthy = says("Healthy", ready=True, phase="Running", readyReplicas=3)
    get = InMemoryApi.get

    async def look(api: InMemoryApi, kind: Any, namespace: str, name: str) -> Json:
        found = await get(api, kind, namespace, name)
        if not terminal.server.sent:
            return found
        found["metadata"]["generation"] = 2
        return {**found, "spec": {**found["spec"], field: value}, "status": healthy}

    monkeypatch.setattr(InMemoryApi, "get", look)
    ended = terminal.type(*words, "--wait")
    assert ended.code == 1
    assert f"Somebody else changed spec.{field}" in ended.err


def test_a_status_of_before_the_change_counts_for_nothing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = says("Healthy", ready=True, observedGeneration=1)
    steps = (old, old, says("ScalingOut"), says("Healthy", ready=True))
    ended = play(terminal, monkeypatch, *steps)("scale", "db", "5", "--wait")
    assert ended.code == 0
    assert "ScalingOut" in ended.out


@pytest.mark.parametrize(
    ("steps", "code", "said"),
    [
        ([says("InvalidSpec", message="size is even")], 1, "It does not go on: "),
        ([{}], 4, "No operator has looked at EtcdCluster db"),
        ([NotFound("gone", 404)], 1, "EtcdCluster db was deleted meanwhile."),
        ([KubeUnavailable("reset")], 6, "The API server does not answer: reset"),
    ],
)
def test_what_does_not_go_on_ends_with_a_sentence(
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    steps: list[Json | Exception],
    code: int,
    said: str,
) -> None:
    ended = play(terminal, monkeypatch, *steps)("scale", "db", "5", "--wait")
    assert ended.code == code
    assert said in ended.err


def test_nothing_is_waited_for_while_the_cluster_is_paused(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = terminal.server.objects["EtcdCluster", NAMESPACE, "db"]
    paused = {**cluster, "spec": {**cluster["spec"], "paused": True}}
    terminal.server.put(CLUSTERS, "db", paused, NAMESPACE)
    ended = play(terminal, monkeypatch, says("Paused"))("scale", "db", "5", "--wait")
    assert ended.code == 1
    assert "It does not go on: " in ended.err


def test_a_connection_that_comes_back_is_no_end(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (KubeUnavailable("reset"), says("Healthy", ready=True))
    assert play(terminal, monkeypatch, *steps)("scale", "db", "5", "--wait").code == 0


def test_a_reason_that_blocks_for_a_moment_is_no_end(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = (says("InvalidSpec"), says("Healthy", ready=True))
    assert play(terminal, monkeypatch, *steps)("scale", "db", "5", "--wait").code == 0


def test_the_time_to_wait_is_bounded(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("scale", "db", "5", "--wait", "--timeout=1")
    ended = play(terminal, monkeypatch, says("ScalingOut"))(*words)
    assert ended.code == 8
    assert "the operator goes on" in ended.err


@pytest.mark.parametrize(("renewed", "code"), [(False, 4), (True, 8), (None, 8)])
def test_an_operator_that_renews_its_lease_no_more_is_waited_for_no_longer(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, renewed: bool | None, code: int
) -> None:
    cluster = terminal.server.objects["EtcdCluster", NAMESPACE, "db"]
    cluster["metadata"]["annotations"] = {ANNOTATION_OPERATOR: "ops"}
    if renewed is not None:
        lease = {"spec": {"renewTime": "2026-11-29T03:00:00Z"}}
        terminal.server.put(LEASES, "etcd-operator", lease, "ops")
    typed = play(terminal, monkeypatch, says("Healthy", ready=True))
    if renewed:
        times = map(str, itertools.count())
        monkeypatch.setattr(serving.Renewals, "_read", AsyncMock(side_effect=times))
    ended = typed("move-leader", "db", "--to=db-1", "--wait")
    assert ended.code == code
    told = "No operator has renewed its Lease in namespace ops" in ended.err
    assert told is (code == 4)


def test_stop_waits_for_the_phase(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (says("Stopping", phase="Scaling"), says("Stopped", phase="Stopped"))
    assert play(terminal, monkeypatch, *steps)("stop", "db", "--yes", "--wait").code == 0


def test_what_blocks_is_what_the_registry_says() -> None:
    blocked = {"metadata": {"name": "db"}, "spec": {}, "status": says("InvalidSpec")}
    busy = {"metadata": {"name": "db"}, "spec": {}, "status": says("ScalingOut")}
    goal = follow.cluster_goal()
    assert goal.fails(blocked)
    assert not goal.fails(busy)
    assert conditions_of(busy)["Ready"]["reason"] == "ScalingOut"
    assert NAMESPACE


def test_a_rotation_says_that_the_old_authority_is_trusted_yet(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_cluster(terminal.server)
    body = terminal.server.find("EtcdCluster")[0]
    body["spec"]["security"] = {"tls": {"caGeneration": 1}}
    over = {"type": "CertificatesValid", "status": "True", "reason": "CAChanging"}
    steps = [says("Healthy", ready=True, phase="Running", readyReplicas=3) for _ in range(2)]
    steps[0]["conditions"].append({**over, "message": "The authority is being replaced."})
    steps[1]["conditions"].append({**over, "reason": "AllValid", "message": "Valid."})
    ended = play(terminal, monkeypatch, *steps)("rotate-ca", "db", "--yes", "--wait")
    assert ended.code == 0
    assert "Healthy: so The authority is being replaced." in ended.out

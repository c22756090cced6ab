"""What became of a member's node: who is asked about, and what the answers mean."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from etcd_operator.core.live_objects import Host, Trouble
from etcd_operator.errors import Forbidden, NotFound
from etcd_operator.runtime.hosts import BELIEVED_SECONDS, HOSTNAME, HostFinder
from etcd_operator.runtime.kube import Kind, KubeApi
from tests.unit.core.scenes import claim, pod
from tests.unit.runtime.memory_api import LoopClock

pytestmark = pytest.mark.looptime

Json = dict[str, Any]

LONG_AGO = datetime(2025, 12, 31, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)
ENDING = pod(0, deleting=True, ends_by=LONG_AGO, node="n1")
WAITING = pod(1, node="", trouble=Trouble("Unschedulable", "no node"))


def bound_volume(*names: str, key: str = HOSTNAME) -> Json:
    """A volume that only these nodes can reach."""
    expressions = [{"key": key, "operator": "In", "values": list(names)}]
    terms = [{"matchExpressions": expressions}]
    affinity = {"required": {"nodeSelectorTerms": terms}}
    metadata = {"name": "v", "resourceVersion": "1"}
    promised = {"uid": "u", "namespace": "team", "name": "data-db-0"}
    return {"metadata": metadata, "spec": {"nodeAffinity": affinity, "claimRef": promised}}


def node(*, ready: str = "True", cordoned: bool = False) -> Json:
    """A node as the API server has it."""
    conditions = [{"type": "Ready", "status": ready}]
    return {"spec": {"unschedulable": cordoned}, "status": {"conditions": conditions}}


class StubApi:
    """Has nodes and volumes; remembers what it was asked."""

    def __init__(self, nodes: dict[str, Json], volumes: dict[str, Json] | None = None) -> None:
        self.nodes = nodes
        self.volumes = volumes or {}
        self.asked: list[str] = []
        self.forbids = False

    async def get(self, kind: Kind, _namespace: str, name: str) -> Json:
        self.asked.append(f"get {kind.plural} {name}")
        if self.forbids:
            raise Forbidden("no right", 403)
        found = (self.nodes if kind.plural == "nodes" else self.volumes).get(name)
        if found is None:
            raise NotFound(name, 404)
        return found

    async def list_pages(
        self, kind: Kind, _namespace: str | None, selector: str
    ) -> AsyncIterator[Json]:
        self.asked.append(f"list {kind.plural} {selector}")
        name = selector.removeprefix(f"{HOSTNAME}=")
        yield {"items": [self.nodes[name]] if name in self.nodes else []}


# Runs, on a node of its own.
ELSEWHERE = pod(2, node="n9")


def finder(api: StubApi) -> HostFinder:
    return HostFinder(cast(KubeApi, api), LoopClock())


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ({"n9": node()}, Host.GONE),
        ({"n9": node(ready="False")}, Host.GONE),
        ({"n1": node()}, Host.UP),
        ({"n1": node(cordoned=True)}, Host.UP),
        ({"n1": node(ready="Unknown")}, Host.DOWN),
        ({"n1": {}}, Host.DOWN),
    ],
)
async def test_the_node_of_a_pod_that_cannot_end(nodes: dict[str, Json], host: Host) -> None:
    assert await finder(StubApi(nodes)).find((ENDING, ELSEWHERE), ()) == {0: host}


@pytest.mark.parametrize("nodes", [{}, {"another": node()}], ids=["none", "others"])
async def test_a_node_that_is_missing_proves_nothing_where_no_node_is_seen(
    nodes: dict[str, Json],
) -> None:
    """As in a virtual cluster: then the delay decides."""
    api = StubApi(nodes, {"v": bound_volume("n1")})
    pods = (ENDING, WAITING, ELSEWHERE)
    assert await finder(api).find(pods, (claim(1, volume="v"),)) == {}


@pytest.mark.parametrize(
    ("volume", "nodes", "host"),
    [
        (bound_volume("n1"), {"n9": node()}, Host.GONE),
        (bound_volume("n1"), {"n1": node(ready="False")}, Host.DOWN),
        (bound_volume("n1", "n2"), {"n2": node()}, Host.UP),
        (bound_volume("a", key="topology.kubernetes.io/zone"), {}, None),
        ({"spec": {}}, {}, None),
    ],
)
async def test_the_node_of_a_disk(volume: Json, nodes: dict[str, Json], host: Host | None) -> None:
    api = StubApi(nodes, {"v": volume})
    found = await finder(api).find((WAITING, ELSEWHERE), (claim(1, volume="v"),))
    assert found == ({1: host} if host else {})


async def test_nobody_else_is_asked_about() -> None:
    api = StubApi({})
    others = (
        pod(0),
        pod(1, node="", trouble=None),
        pod(2, deleting=True, ends_by=LATER, node="n1"),
        pod(3, node="", trouble=Trouble("Unschedulable", "no disk yet")),
    )
    assert await finder(api).find(others, (claim(0, volume="v"), claim(3))) == {}
    assert api.asked == []


async def test_without_the_right_nothing_is_known() -> None:
    api = StubApi({})
    api.forbids = True
    assert await finder(api).find((ENDING, WAITING), (claim(1, volume="v"),)) == {}


async def test_an_answer_is_believed_for_a_while() -> None:
    api = StubApi({"n1": node(), "n9": node()})
    found = finder(api)
    await found.find((ENDING, ELSEWHERE), ())
    del api.nodes["n1"]
    assert await found.find((ENDING, ELSEWHERE), ()) == {0: Host.UP}
    await asyncio.sleep(BELIEVED_SECONDS)
    assert await found.find((ENDING, ELSEWHERE), ()) == {0: Host.GONE}
    assert len(api.asked) == 3

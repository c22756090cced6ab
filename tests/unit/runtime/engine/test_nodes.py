"""What became of a member's node: who is asked about, and what the answers mean."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from etcd_operator.core.model.live_objects import NodeState, PodProblem
from etcd_operator.errors import Forbidden
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.nodes import BELIEVED_SECONDS, HOSTNAME, NodeLookup
from etcd_operator.runtime.kubernetes.api import NODES, VOLUMES
from tests.builders.snapshots import claim, pod
from tests.builders.two_disks import wal_claim
from tests.builders.volumes import bound_volume
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiFaults, ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime


LONG_AGO = datetime(2025, 12, 31, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)
ENDING = pod(0, deleting=True, ends_by=LONG_AGO, node="n1")
WAITING = pod(1, node="", problem=PodProblem("Unschedulable", "no node"))


def node(*, ready: str = "True", cordoned: bool = False) -> Json:
    """A node as the API server has it."""
    conditions = [{"type": "Ready", "status": ready}]
    return {"spec": {"unschedulable": cordoned}, "status": {"conditions": conditions}}


def serve(nodes: dict[str, Json], volumes: dict[str, Json] | None = None) -> ApiServer:
    """An API server with nodes and volumes by their names."""
    server = ApiServer()
    for name, body in nodes.items():
        server.put(NODES, name, {**body, "metadata": {"labels": {HOSTNAME: name}}})
    for name, body in (volumes or {}).items():
        server.put(VOLUMES, name, body)
    return server


# Runs, on a node of its own.
ELSEWHERE = pod(2, node="n9")


def finder(server: ApiServer) -> NodeLookup:
    return NodeLookup(InMemoryApi(server), LoopClock())


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ({"n9": node()}, NodeState.GONE),
        ({"n9": node(ready="False")}, NodeState.GONE),
        ({"n1": node()}, NodeState.UP),
        ({"n1": node(cordoned=True)}, NodeState.UP),
        ({"n1": node(ready="Unknown")}, NodeState.DOWN),
        ({"n1": {}}, NodeState.DOWN),
    ],
)
async def test_the_node_of_a_pod_that_cannot_end(nodes: dict[str, Json], host: NodeState) -> None:
    assert await finder(serve(nodes)).find((ENDING, ELSEWHERE), ()) == {0: host}


@pytest.mark.parametrize("nodes", [{}, {"another": node()}], ids=["none", "others"])
async def test_a_node_that_is_missing_proves_nothing_where_no_node_is_seen(
    nodes: dict[str, Json],
) -> None:
    """As in a virtual cluster: then the delay decides."""
    api = serve(nodes, {"v": bound_volume("n1")})
    pods = (ENDING, WAITING, ELSEWHERE)
    assert await finder(api).find(pods, (claim(1, volume="v"),)) == {}


@pytest.mark.parametrize(
    ("volume", "nodes", "host"),
    [
        (bound_volume("n1"), {"n9": node()}, NodeState.GONE),
        (bound_volume("n1"), {"n1": node(ready="False")}, NodeState.DOWN),
        (bound_volume("n1", "n2"), {"n2": node()}, NodeState.UP),
        (bound_volume("a", key="topology.kubernetes.io/zone"), {}, None),
        ({"spec": {}}, {}, None),
    ],
)
async def test_the_node_of_a_disk(
    volume: Json, nodes: dict[str, Json], host: NodeState | None
) -> None:
    api = serve(nodes, {"v": volume})
    found = await finder(api).find((WAITING, ELSEWHERE), (claim(1, volume="v"),))
    assert found == ({1: host} if host else {})


@pytest.mark.parametrize("lost", ["v", "w"], ids=["the data", "the log"])
async def test_of_two_disks_the_one_that_is_worse_off_counts(lost: str) -> None:
    """A member needs both."""
    nodes = {"n9": node(), "n1": node()}
    volumes = {name: bound_volume("n2" if name == lost else "n1") for name in ("v", "w")}
    disks = (claim(1, volume="v"), wal_claim(1, volume="w"))
    found = await finder(serve(nodes, volumes)).find((WAITING, ELSEWHERE), disks)
    assert found == {1: NodeState.GONE}


async def test_nobody_else_is_asked_about() -> None:
    api = serve({})
    others = (
        pod(0),
        pod(1, node="", problem=None),
        pod(2, deleting=True, ends_by=LATER, node="n1"),
        pod(3, node="", problem=PodProblem("Unschedulable", "no disk yet")),
    )
    assert await finder(api).find(others, (claim(0, volume="v"), claim(3))) == {}
    assert api.asked == []


async def test_without_the_right_nothing_is_known() -> None:
    api = serve({})
    api.change(ApiFaults(error=lambda: Forbidden("no right", 403)))
    assert await finder(api).find((ENDING, WAITING), (claim(1, volume="v"),)) == {}


async def test_an_answer_is_believed_for_a_while() -> None:
    api = serve({"n1": node(), "n9": node()})
    found = finder(api)
    await found.find((ENDING, ELSEWHERE), ())
    del api.objects["Node", "", "n1"]
    assert await found.find((ENDING, ELSEWHERE), ()) == {0: NodeState.UP}
    await asyncio.sleep(BELIEVED_SECONDS)
    assert await found.find((ENDING, ELSEWHERE), ()) == {0: NodeState.GONE}
    assert len(api.asked) == 3

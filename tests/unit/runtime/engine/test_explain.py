"""Looking once: what a pass would see, and not one write."""

from __future__ import annotations

from typing import Any, cast

import pytest

from etcd_operator.core.plan.explain import explain
from etcd_operator.errors import KubeUnavailable, NotFound
from etcd_operator.runtime.engine.explain import ReadOnlyApi, WriteRefused, look_once
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.api import CLUSTERS
from etcd_operator.settings import read_settings
from tests.builders.snapshots import NAMING, raw_cluster
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiFaults, ApiServer, InMemoryApi

pytestmark = pytest.mark.looptime

WRITES: dict[str, tuple[Any, ...]] = {
    "create": (CLUSTERS, "team", {}),
    "apply": (CLUSTERS, {}),
    "merge_patch": (CLUSTERS, "team", "db", {}),
    "delete": (CLUSTERS, "team", "db"),
    "evict": ("team", "db-0"),
}


async def look(server: ApiServer, name: str = NAMING.name) -> Any:
    """Look at a cluster of which no member can be asked."""
    api, pool = InMemoryApi(server), cast(EtcdPool, None)
    return await look_once(api, pool, LoopClock(), read_settings({}), NAMING.namespace, name)


def served() -> ApiServer:
    """An API server with an EtcdCluster that nobody has looked at yet."""
    server = ApiServer()
    key = ("EtcdCluster", NAMING.namespace, NAMING.name)
    server.store("ADDED", key, raw_cluster({"size": 3}, finalizers=[]))
    return server


async def test_a_cluster_is_explained_without_a_write() -> None:
    server = served()
    snapshot = await look(server)
    (decided,) = [verdict for verdict in explain(snapshot) if verdict.decision]
    assert decided.rule == "add_finalizer"
    assert [step.action for step in decided.steps] == ["SetFinalizer"]
    assert server.requests
    assert not [request for request in server.requests if request.writes]


async def test_what_is_not_there_is_said() -> None:
    with pytest.raises(NotFound):
        await look(ApiServer(), "other")


async def test_a_list_that_does_not_come_is_named() -> None:
    server = served()
    server.change(ApiFaults(seconds=20.0))
    with pytest.raises(KubeUnavailable, match="not listed within 15 s: etcdclusters"):
        await look(server)


@pytest.mark.parametrize("verb", WRITES)
async def test_every_write_is_refused(verb: str) -> None:
    server = served()
    api = ReadOnlyApi(InMemoryApi(server))
    with pytest.raises(WriteRefused):
        await getattr(api, verb)(*WRITES[verb])
    assert not server.requests

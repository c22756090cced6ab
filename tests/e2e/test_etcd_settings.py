"""What users of etcd set, on a cluster of one: JSON with TLS, milliseconds, an own image."""

from __future__ import annotations

import json

import pytest

from deploy.target import TargetError
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_created, as_patched
from tests.e2e.secured import SecuredCluster
from tests.e2e.wire import post, take_papers

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PUT = json.dumps({"key": "Zm9v", "value": "YmFy"})


def runs(cluster: Cluster, version: str) -> bool:
    """Whether the only member runs this version."""
    return bool(cluster.member(f"{cluster.name}-0").get("version") == version)


@pytest.mark.situation(
    "etcd",
    "the JSON API under mutual TLS, settings in milliseconds, a whole image name, 3.5.21 to 3.6",
    "all work; 3.6 is reached by 3.5.26 or later only",
)
def test_json_milliseconds_and_a_whole_image_name(cluster: Cluster) -> None:
    web = SecuredCluster(cluster.target, cluster.namespace, spec={"security": {"tls": {}}})
    config = {
        "enableGRPCGateway": True,
        "extraArgs": {"backend-batch-interval": "10ms", "max-txn-ops": "256"},
    }
    with as_created(web, size=1, version="v3.5.21", etcdConfig=config):
        web.wait_running(1)
    papers = take_papers(web, f"{web.name}-client-tls")
    assert '"revision"' in post(web, 0, "/v3/kv/put", PUT, papers)
    file = web.read("get", "configmap", f"{web.name}-config")["data"][f"{web.name}-0.yaml"]
    assert "backend-batch-interval: 10000000\n" in file
    with pytest.raises(TargetError, match=r"not safe to upgrade to from before 3[.]5[.]26"):
        web.patch(version="3.6.16", image="quay.io/coreos/etcd:v3.6.16")
    with pytest.raises(TargetError, match="change both together"):
        web.patch(image="quay.io/coreos/etcd:v3.5.35")
    for version in ("3.5.35", "3.6.16"):
        with as_patched(web, version=version, image=f"quay.io/coreos/etcd:v{version}"):
            wait_until("it is upgraded", lambda v=version: runs(web, v), 90)  # type: ignore[misc]  # bound now
            web.wait_running(1)
    assert '"revision"' in post(web, 0, "/v3/kv/put", PUT, papers)

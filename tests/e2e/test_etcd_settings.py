"""What users of etcd set, on a cluster of one: JSON with TLS, milliseconds, an own image."""

from __future__ import annotations

import json

import pytest

from deploy.target import TargetError
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.secured import SecuredCluster
from tests.e2e.wire import post, take_papers

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PUT = json.dumps({"key": "Zm9v", "value": "YmFy"})


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
    web.create(size=1, version="v3.5.21", etcdConfig=config)
    web.wait_running(1)
    papers = take_papers(web, f"{web.name}-client-tls")
    assert '"revision"' in post(web, 0, "/v3/kv/put", PUT, papers)
    file = web.read("get", "configmap", f"{web.name}-config")["data"][f"{web.name}-0.yaml"]
    assert "backend-batch-interval: 10000000\n" in file
    with pytest.raises(TargetError, match=r"not safe to upgrade to from before 3[.]5[.]26"):
        web.patch(version="v3.6.16")
    with pytest.raises(TargetError, match="change both together"):
        web.patch(image="quay.io/coreos/etcd:v3.5.35")
    web.patch(version="3.5.35", image="quay.io/coreos/etcd:v3.5.35")
    wait_until("it is upgraded", lambda: web.member(f"{web.name}-0").get("version") == "3.5.35", 90)
    web.wait_running(1)
    web.patch(version="3.6.16", image="quay.io/coreos/etcd:v3.6.16")
    wait_until("it is upgraded", lambda: web.member(f"{web.name}-0").get("version") == "3.6.16", 90)
    web.wait_running(1)
    assert '"revision"' in post(web, 0, "/v3/kv/put", PUT, papers)

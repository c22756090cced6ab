"""Services of both families of IP, on a Kubernetes that has both."""

from __future__ import annotations

import urllib.request
from functools import partial

import pytest

from deploy.target import Target
from tests.e2e.harness import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.apart, pytest.mark.timeout(240)]

BOTH = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6", "IPv4"]}
ONE = {"ipFamilyPolicy": "SingleStack", "ipFamilies": ["IPv6"]}


@pytest.fixture
def node(target: Target) -> tuple[str, ...]:
    """The addresses of the node: of IPv4, and of IPv6."""
    if not target.is_local:
        pytest.skip("only the local cluster's Services can be reached from here")
    (first, *_) = target.read("get", "nodes")["items"]
    told = first["status"]["addresses"]
    found = tuple(each["address"] for each in told if each["type"] == "InternalIP")
    if len(found) == 1:
        pytest.skip("this machine has no IPv6")
    return found


def serves(address: str, port: int = 2379) -> bool:
    """Whether a member with a leader answers there."""
    host = f"[{address}]" if ":" in address else address
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/health", timeout=5) as answer:
            return b'"health":"true"' in answer.read()
    except OSError:
        return False


def addresses_of(cluster: Cluster, service: str) -> list[str]:
    """The ClusterIPs of a Service."""
    return list(cluster.read("get", "service", service)["spec"]["clusterIPs"])


def test_clients_come_by_both_families(cluster: Cluster, node: tuple[str, ...]) -> None:
    """To the cluster and to each member, and then by one of them: no member restarts for that."""
    members = {"service": {"type": "NodePort", **BOTH}, "names": [node[1]]}
    cluster.create(size=3, service=BOTH, memberAddresses=members)
    cluster.wait_running(3)
    found = addresses_of(cluster, "c-client")
    assert [":" in address for address in found] == [True, False]
    for address in found:
        wait_until(f"{address} leads to a member", partial(serves, address), 20)
    port = cluster.read("get", "service", "c-0")["spec"]["ports"][0]["nodePort"]
    for address in node:
        wait_until(f"{address} leads to c-0", partial(serves, address, port), 20)
    assert cluster.member("c-0")["externalURL"] == f"http://[{node[1]}]:{port}"

    pods = cluster.uids("pods")
    cluster.patch(service=ONE)
    wait_until("one is left", lambda: addresses_of(cluster, "c-client") == found[:1], 20)
    cluster.wait_running(3)
    assert serves(found[0])
    assert cluster.uids("pods") == pods
    cluster.scale(1)
    cluster.wait_running(1)
    wait_until("the last member is reached", lambda: serves(found[0]), 20)

"""TLS between members is turned on in a running cluster, and off again, under a recorded load."""

from __future__ import annotations

from typing import Any, Final

import pytest

from tests.chaos.endpoint import Door
from tests.chaos.load import Load
from tests.e2e import histories
from tests.e2e.harness import Cluster
from tests.e2e.previews import as_created, as_patched
from tests.e2e.secured import read_secret
from tests.e2e.wire import SERVES, Papers, ask

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

PEERS: Final = 2380
SIZE: Final = 3
# An election, which may take several seconds on a busy machine.
LONGEST_GAP: Final = 6.0
TLS: Final[dict[str, Any]] = {"clientTLSEnabled": False, "peerTLSEnabled": True}


def set_peer_tls(cluster: Cluster, becomes: str) -> None:
    """Change the spec, and wait until every member is reached so and the cluster is at rest."""
    tls = {**TLS, "peerTLSEnabled": becomes == "On"}
    with as_patched(cluster, security={"tls": tls}) as told:
        told.follow(f"peerTLS {becomes}", lambda: cluster.status()["peerTLS"] == becomes, 150)
        cluster.wait_running(SIZE)


def assert_reached(cluster: Cluster, scheme: str) -> None:
    """Members serve each other with this scheme alone, at the URL that etcd lists."""
    urls = [member["peerURL"] for member in cluster.status()["members"]]
    assert [url.partition(":")[0] for url in urls] == [scheme] * SIZE
    peer = read_secret(cluster, "c-peer-tls")
    papers = Papers(peer["ca.crt"], peer["client.crt"], peer["client.key"])
    for ordinal in range(SIZE):
        assert (SERVES in ask(cluster, ordinal, PEERS, papers)) is (scheme == "https")
        assert (SERVES in ask(cluster, ordinal, PEERS, None)) is (scheme == "http")


def test_peer_tls_is_turned_on_and_off_under_load(cluster: Cluster) -> None:
    """Every member reaches each other one all the way: no write is lost, and few wait for long."""
    with as_created(cluster, size=SIZE, version="v3.6.16"):
        cluster.wait_running(SIZE)
    assert cluster.status()["peerTLS"] == "Off"
    load = Load(Door(cluster), seed=25)
    load.start()
    try:
        set_peer_tls(cluster, "On")
        assert_reached(cluster, "https")
        set_peer_tls(cluster, "Off")
        assert_reached(cluster, "http")
    finally:
        history = load.finish()
    histories.assert_served(cluster.namespace, history, longest_gap=LONGEST_GAP)
    cluster.assert_agreement(SIZE)

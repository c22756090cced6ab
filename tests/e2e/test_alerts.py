"""Alerts on a real Prometheus: what is scraped, what fires, and what is delivered."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.target import Target
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.prometheus import Prometheus, running

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def prometheus(target: Target) -> Iterator[Prometheus]:
    """One with the shipped rules, which scrapes every two seconds."""
    with running(target, "e2e-prometheus", interval="2s") as found:
        yield found


def test_all_is_scraped_and_a_deleted_cluster_leaves_nothing(
    prometheus: Prometheus, cluster: Cluster
) -> None:
    cluster.create(size=3)
    cluster.wait_running(3)
    about = f'{{namespace="{cluster.namespace}",cluster="c"}}'

    def count(metric: str) -> int:
        return len(prometheus.query(f"{metric}{about}"))

    wait_until("every member is scraped", lambda: count("etcd_server_has_leader") == 3)
    wait_until(
        "it is shown Running",
        lambda: bool(prometheus.query(f"max(etcd_operator_cluster_ready_members{about}) == 3")),
    )
    claims = f'kubelet_volume_stats_capacity_bytes{{namespace="{cluster.namespace}"}}'
    wait_until("its volumes are shown", lambda: len(prometheus.query(claims)) == 3, 120)
    assert prometheus.query("count(etcd_operator_leading)")[0]["value"][1] == "2"
    assert prometheus.query("count(up == 0)") == []
    cluster.delete()
    wait_until(
        "nothing is left of it",
        lambda: not prometheus.query(f'{{namespace="{cluster.namespace}"}}'),
    )
    assert not [
        each for each in prometheus.notices() if each.labels.get("namespace") == cluster.namespace
    ]

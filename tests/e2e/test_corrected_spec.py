"""What the spec took down a corrected spec brings back, with what was written before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.harness import Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

TOO_LITTLE = {"requests": {"memory": "12Mi"}, "limits": {"memory": "12Mi"}}
ENOUGH = {"requests": {"memory": "32Mi"}, "limits": {"memory": "512Mi"}}
BAD_FLAG = {"extraArgs": {"feature-gates": "NoSuchFeature=true"}}
NO_FLAG = {"extraArgs": None}
SPREAD: dict[str, Any] = {
    "affinity": {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {
                    "topologyKey": "kubernetes.io/os",
                    "labelSelector": {"matchLabels": {"etcd.etcd.io/cluster": "c"}},
                }
            ]
        }
    }
}


def crashes(cluster: Cluster, pod: str) -> bool:
    """Whether the etcd of a Pod has ended."""
    states = cluster.pod(pod)["status"].get("containerStatuses") or [{}]
    return int(states[0].get("restartCount", 0)) >= 1


@pytest.mark.situation(
    "told",
    "a setting with which members crash: the only one, a learner, the first of a roll",
    "a corrected spec goes on, with all that was written; a roll stops at the first",
)
def test_a_flag_with_which_etcd_ends(cluster: Cluster) -> None:
    cluster.create(size=1, version="v3.6.16", resources=ENOUGH)
    cluster.wait_running(1)
    cluster.put("key", "value")
    cluster.patch(etcdConfig=BAD_FLAG)
    wait_until("the only member crashes", lambda: crashes(cluster, "c-0"), 60)
    cluster.patch(etcdConfig=NO_FLAG)
    cluster.wait_running(1, 60)
    assert cluster.read_key("key") == "value"

    cluster.patch(size=3, etcdConfig=BAD_FLAG)
    wait_until("a learner crashes", lambda: crashes(cluster, "c-1"), 60)
    cluster.patch(etcdConfig=NO_FLAG)
    cluster.wait_running(3)

    cluster.patch(etcdConfig=BAD_FLAG)
    wait_until("the first of the roll crashes", lambda: crashes(cluster, "c-2"), 60)
    cluster.put("key", "another")
    cluster.patch(etcdConfig=NO_FLAG)
    cluster.wait_running(3)
    assert cluster.read_key("key") == "another"
    cluster.assert_agreement(3)


@pytest.mark.situation(
    "told",
    "too little memory for any member, then an anti-affinity that no set of nodes can have",
    "Degraded says so, and a corrected spec goes on, before the cluster is formed as well",
)
def test_what_keeps_all_from_forming_a_cluster(cluster: Cluster) -> None:
    cluster.create(size=3, version="v3.6.16", resources=TOO_LITTLE)
    wait_until("a member crashes", lambda: crashes(cluster, "c-0"), 60)
    cluster.patch(resources=ENOUGH, podTemplate=SPREAD)
    cluster.wait_degraded_with("anti-affinity", 60)
    cluster.patch(podTemplate=None)
    cluster.wait_running(3)
    cluster.assert_agreement(3)

"""Alerts on a real Prometheus: what is scraped, what fires, what is delivered, and what ends it.

`ALL_ALERTS=1` causes every fault, and `REST_MINUTES` is how long rest and rolls are watched;
without them, some faults and one roll. What was seen goes to build/alerts.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from typing import Final

import pytest

from deploy.alerts import ALERTS
from deploy.alerts.pace import Pace, read_seconds
from deploy.installer import ensure_installed
from deploy.target import PROJECT, Target
from tests.e2e.alert_faults import (
    CLUSTER_FAULTS,
    OPERATOR_FAULTS,
    Fault,
    allow_lease,
    uncordon,
)
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.prometheus import Notice, Prometheus, running
from tests.e2e.runbook import carry_out, name_placeholders, read_commands

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(420)]

RESULTS: Final = PROJECT / "build" / "alerts" / "results.json"
# What waits 15 minutes waits eight seconds; a scrape takes place every two.
FAST: Final = Pace(wait=120, window=60, least_wait=4, least_window=30)
INTERVAL: Final = "2s"
EVERY: Final = bool(os.environ.get("ALL_ALERTS"))
CHOSEN: Final = [fault for fault in (*CLUSTER_FAULTS, *OPERATOR_FAULTS) if EVERY or fault.quick]
REST_MINUTES: Final = int(os.environ.get("REST_MINUTES", "0"))
QUARTER: Final = 900
# Alerts that are right there: a single node holds all members, and the kubelet shows the disk of
# the machine, which may be rather full, as that of each member.
SHARED: Final = {"EtcdMembersShareNode", "EtcdVolumeLow", "EtcdVolumeAlmostFull"}


@pytest.fixture(scope="module")
def prometheus(target: Target) -> Iterator[Prometheus]:
    """One with the shipped rules at a faster pace."""
    with running(target, "e2e-prometheus", FAST, INTERVAL) as found:
        yield found


def test_all_is_scraped_and_a_deleted_cluster_leaves_nothing(
    prometheus: Prometheus, cluster: Cluster
) -> None:
    """At this pace an alert may fire while the last members go; none may stay.

    That none fires at the pace of the shipped rules, promtool tests.
    """
    cluster.create(size=3)
    cluster.wait_running(3)
    about = f'{{namespace="{cluster.namespace}",cluster="c"}}'

    def count(metric: str) -> int:
        return len(prometheus.query(f"{metric}{about}"))

    wait_until("every member is scraped", lambda: count("etcd_server_has_leader") == 3)
    wait_until(
        "the operator says so",
        lambda: bool(prometheus.query(f"max(etcd_operator_cluster_ready_members{about}) == 3")),
    )
    claims = f'kubelet_volume_stats_capacity_bytes{{namespace="{cluster.namespace}"}}'
    wait_until("its volumes are shown", lambda: len(prometheus.query(claims)) == 3, 120)
    assert prometheus.query("count(etcd_operator_leading)")[0]["value"][1] == "2"
    cluster.delete()
    own = f'{{__name__=~"etcd_.+",namespace="{cluster.namespace}"}}'
    wait_until("nothing is left of it", lambda: not prometheus.query(own))
    alerts = f'ALERTS{{namespace="{cluster.namespace}"}}'
    wait_until("no alert is left of it", lambda: not prometheus.query(alerts))


def told(prometheus: Prometheus, cluster: Cluster, since: float) -> set[str]:
    """The alerts about a cluster that were delivered since."""
    return {
        notice.alert
        for notice in prometheus.notices()
        if notice.labels.get("namespace") == cluster.namespace and notice.received >= since
    }


@pytest.mark.parametrize("fault", CHOSEN, ids=lambda fault: fault.alerts[0])
def test_a_fault_fires_its_alerts_and_the_runbook_ends_it(
    target: Target, prometheus: Prometheus, cluster: Cluster, fault: Fault
) -> None:
    with contextlib.ExitStack() as stack:
        if fault.of_operator:
            stack.callback(ensure_installed, target)
            stack.callback(allow_lease, cluster)
        else:
            stack.callback(uncordon, cluster)
            cluster.create(**fault.spec)
            cluster.wait_running(fault.spec["size"])
        live_through(prometheus, cluster, fault)


@pytest.mark.timeout(60 * REST_MINUTES + 420)
def test_rest_rolls_and_scaling_fire_nothing(target: Target, cluster: Cluster) -> None:
    """The rules as shipped: at a faster pace a roll takes longer than an alert waits."""
    begun = time.time()
    with running(target, "e2e-prometheus-rest", interval=INTERVAL) as prometheus:
        cluster.create(size=3)
        cluster.wait_running(3)
        rolls = 0
        while not rolls or time.time() - begun < 60 * REST_MINUTES:
            rolls += 1
            cluster.patch(podTemplate={"annotations": {"example.com/roll": str(rolls)}})
            cluster.wait_running(3, seconds=180)
            if EVERY:
                for size in (5, 3):
                    cluster.scale(size)
                    cluster.wait_running(size, seconds=180)
                time.sleep(QUARTER)
        assert told(prometheus, cluster, begun) <= SHARED
        ours = {n.alert for n in prometheus.notices() if n.alert.startswith("EtcdOperator")}
        assert ours == set()


def live_through(prometheus: Prometheus, cluster: Cluster, fault: Fault) -> None:
    """Cause a fault, wait for its alerts, act as their runbooks say, and see them clear."""
    about = {} if fault.of_operator else {"namespace": cluster.namespace, "cluster": cluster.name}
    begun = time.time()
    fault.cause(cluster)
    fired = {alert: prometheus.wait_fired(alert, about, begun) for alert in fault.alerts}
    for alert, notice in fired.items():
        for command in read_commands(alert, "Diagnosis"):
            carry_out(cluster.target, command, placeholders(cluster, fault, notice))
    acted = time.time()
    fault.mend(cluster)
    for alert in fault.carried_out:
        for command in read_commands(alert, "Remedy"):
            carry_out(
                cluster.target, command, placeholders(cluster, fault, fired[alert]), fault.edit
            )
    cleared = {alert: prometheus.wait_cleared(alert, about, begun, 150) for alert in fault.alerts}
    record(
        fault,
        {a: n.received - begun for a, n in fired.items()},
        {a: max(0.0, n.received - acted) for a, n in cleared.items()},
    )


def placeholders(cluster: Cluster, fault: Fault, notice: Notice) -> dict[str, str]:
    """What a person puts in: what the alert names, and what its diagnosis shows."""
    node = cluster.target.read("get", "nodes")["items"][0]["metadata"]["name"]
    shown = {"MEMBER": f"{cluster.name}-0", "NODE": node}
    return {**shown, **fault.known, **name_placeholders(notice.labels)}


def record(fault: Fault, fired: dict[str, float], cleared: dict[str, float]) -> None:
    """Add how long each alert took to the results; the latest run of a fault counts."""
    table = {alert.name: alert for alert in ALERTS}
    rows = [
        {
            "alert": alert,
            "fault": fault.what,
            "wait": read_seconds(FAST.change(table[alert]).wait),
            "fired": round(fired[alert], 1),
            "cleared": round(cleared[alert], 1),
        }
        for alert in fault.alerts
    ]
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    kept = [row for row in kept if row["fault"] != fault.what]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps([*kept, *rows], indent=1) + "\n")
    print(json.dumps(rows))

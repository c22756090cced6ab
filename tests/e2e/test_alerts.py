"""Alerts on a real Prometheus: what is scraped, what fires, what is delivered, and what ends it.

`ALL_ALERTS=1` causes every fault, and `REST_MINUTES` is how long rest and rolls are watched;
without them, some faults and one roll. What was seen goes to build/alerts. Faults of one cluster
may be caused beside each other, by several workers of pytest.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Final

import pytest

from deploy.manifests import NAMESPACE as OPERATOR_NAMESPACE
from deploy.target import Target
from tests.e2e.alert_faults import FAULTS
from tests.e2e.alert_faults.fault import Fault, uncordon
from tests.e2e.alert_faults.of_operator import OPERATOR_FAULTS, give_back_rights, install_anew
from tests.e2e.alert_record import FAST, Times, record
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.prometheus import FAST_INTERVAL, Notice, Prometheus, name_own, running
from tests.e2e.runbook import carry_out, name_placeholders, read_commands

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

EVERY: Final = bool(os.environ.get("ALL_ALERTS"))
CHOSEN: Final = [fault for fault in FAULTS if EVERY or fault.quick]
REST_MINUTES: Final = int(os.environ.get("REST_MINUTES", "0"))
# Between two rolls; in a shorter form there are as many of them.
PAUSE: Final = min(900.0, REST_MINUTES * 60 / 8)
# Alerts that are right there: a single node holds all members, and the kubelet shows the disk of
# the machine, which may be rather full, as that of each member.
SHARED: Final = {"EtcdMembersShareNode", "EtcdVolumeLow", "EtcdVolumeAlmostFull"}


@pytest.fixture(scope="module")
def prometheus(target: Target) -> Iterator[Prometheus]:
    """One with the shipped rules at a faster pace."""
    with running(target, name_own(), FAST, FAST_INTERVAL) as found:
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


def each(faults: list[Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("fault", faults, ids=lambda fault: fault.alerts[0])


@each([fault for fault in CHOSEN if not fault.felt])
def test_a_fault_of_one_cluster_fires_its_alerts_and_the_runbook_ends_it(
    prometheus: Prometheus, cluster: Cluster, fault: Fault
) -> None:
    live_through(prometheus, cluster, fault)


@pytest.mark.alone
@each([fault for fault in CHOSEN if fault.felt])
def test_a_fault_that_others_feel_fires_its_alerts_and_the_runbook_ends_it(
    target: Target, prometheus: Prometheus, cluster: Cluster, fault: Fault
) -> None:
    with contextlib.ExitStack() as stack:
        stack.callback(uncordon, cluster)
        if fault in OPERATOR_FAULTS:
            stack.callback(install_anew, target)
            stack.callback(give_back_rights, cluster)
        live_through(prometheus, cluster, fault)


@pytest.mark.alone
@pytest.mark.timeout(60 * REST_MINUTES + 420)
def test_rest_rolls_and_scaling_fire_nothing(target: Target, cluster: Cluster) -> None:
    """The rules as shipped: at a faster pace a roll takes longer than an alert waits."""
    begun = time.time()
    with running(target, "e2e-prometheus-rest", interval=FAST_INTERVAL) as prometheus:
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
                time.sleep(PAUSE)
        assert told(prometheus, cluster, begun) <= SHARED
        ours = {n.alert for n in prometheus.notices() if n.alert.startswith("EtcdOperator")}
        assert ours == set()


def live_through(prometheus: Prometheus, cluster: Cluster, fault: Fault) -> None:
    """Cause each fault of a cluster, act as the runbooks say, and see all alerts clear."""
    if len(cluster.target.read("get", "nodes")["items"]) < fault.nodes:
        pytest.skip(f"needs {fault.nodes} nodes: `python -m local up --nodes {fault.nodes}`")
    if fault.spec is not None:
        cluster.create(**fault.spec)
    fault.prepare(cluster)
    if fault.spec is not None:
        cluster.wait_running(fault.spec["size"])
    for each_fault in fault.every:
        cause_and_end(prometheus, cluster, each_fault)


def cause_and_end(prometheus: Prometheus, cluster: Cluster, fault: Fault) -> None:
    """Cause a fault, wait for its alerts, act as their runbooks say, and see them clear."""
    about = {alert: find_labels(alert, cluster) for alert in fault.alerts}
    ids = read_ids(cluster) if fault.replaced else {}
    before = {name: ids[name] for name in fault.replaced}
    begun = time.time()
    with contextlib.ExitStack() as mending:
        mending.callback(fault.cause(cluster))
        fired = {alert: prometheus.wait_fired(alert, about[alert], begun, 200) for alert in about}
        for alert in fired:
            for command in read_commands(alert, "Diagnosis"):
                carry_out(cluster.target, command, placeholders(cluster, fault, fired[alert]))
        for alert in fault.carried_out:
            assert alert in prometheus.firing(about[alert]), f"{alert} cleared before its remedy"
        acted = time.time()
        mending.close()
        for alert in fault.carried_out:
            known = placeholders(cluster, fault, fired[alert])
            for command in read_commands(alert, "Remedy"):
                carry_out(cluster.target, command, known, fault.edit)
    if fault.spec is not None:
        # A member that is away has no series: an alert from them only seems to have cleared.
        # A StatefulSet whose Pods were refused tries again after about as long as that lasted.
        wait_until("its members are back", lambda: are_back(cluster), 240)
    cleared = {alert: prometheus.wait_cleared(alert, about[alert], begun, 200) for alert in about}
    if before:
        wait_until("it is replaced", lambda: not before.items() & read_ids(cluster).items(), 120)
    times = {
        alert: Times(fired[alert].received - begun, max(0.0, cleared[alert].received - acted))
        for alert in fault.alerts
    }
    record(fault.what, times)


def are_back(cluster: Cluster) -> bool:
    """Whether every member is ready."""
    return all(member["ready"] for member in cluster.status()["members"])


def read_ids(cluster: Cluster) -> dict[str, str]:
    """The IDs of the members, by name."""
    return {member["name"]: member["id"] for member in cluster.status()["members"]}


def find_labels(alert: str, cluster: Cluster) -> dict[str, str]:
    """The labels by which an alert is the one about this cluster, or about the operator."""
    if alert == "EtcdOperatorDown":
        return {}  # nobody is there who could be named
    if alert.startswith("EtcdOperator"):
        return {"namespace": OPERATOR_NAMESPACE}
    return {"namespace": cluster.namespace, "cluster": cluster.name}


def placeholders(cluster: Cluster, fault: Fault, notice: Notice) -> dict[str, str]:
    """What a person puts in: what the alert names, and what its diagnosis shows."""
    node = cluster.target.read("get", "nodes")["items"][0]["metadata"]["name"]
    shown = {
        "NAMESPACE": cluster.namespace,
        "CLUSTER": cluster.name,
        "MEMBER": f"{cluster.name}-0",
        "NODE": node,
    }
    of_operator = notice.labels.get("namespace") == OPERATOR_NAMESPACE
    named = {} if of_operator else name_placeholders(notice.labels)
    return {**shown, **named, **fault.known}

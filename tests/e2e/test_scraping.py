"""What a real Prometheus has of real clusters: every answer for the dashboards, and nothing stale.

`RECORD_DASHBOARDS=1` keeps the answers for the pictures in the documents.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator

import pytest

from demo.object_store import ObjectStore
from deploy.manifests import NAME as OPERATOR
from deploy.manifests import NAMESPACE as OPERATOR_NAMESPACE
from deploy.target import Target, TargetError
from docs.dashboard_pictures import STEP
from tests.e2e import dashboard_answers
from tests.e2e.backup_harness import Task
from tests.e2e.harness import SMALL, Cluster, no_pods_in, wait_until
from tests.e2e.prometheus import FAST_INTERVAL, NAME, SERVER, Prometheus, running
from tests.e2e.secured import SecuredCluster
from tests.e2e.wire import forwarded

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(420)]

SECURED = "db"
SELECTOR = f"app.kubernetes.io/name={OPERATOR}"
NODES = 3
# Without an answer for longer, an alert about the operator's series would be near.
LONGEST_GAP = 60


@pytest.fixture(scope="module")
def prometheus(target: Target) -> Iterator[Prometheus]:
    """One with the shipped rules, which may scrape the EtcdCluster `db` beside it with TLS."""
    with running(target, "e2e-scraping", interval=FAST_INTERVAL, secured=SECURED) as found:
        yield found


@pytest.fixture
def secured(prometheus: Prometheus) -> Iterator[SecuredCluster]:
    """That cluster, which does not exist yet."""
    cluster = SecuredCluster(prometheus.target, prometheus.namespace, SECURED)
    yield cluster
    cluster.kubectl("delete", "etcd", "--all", "--wait=true")


@pytest.mark.long
def test_every_query_of_the_dashboards_is_answered(
    prometheus: Prometheus, secured: SecuredCluster, store: ObjectStore
) -> None:
    begun = time.time()
    security = {"tls": {"metricsTLSEnabled": True}}
    secured.create(size=NODES, version="v3.6.16", security=security)
    secured.wait_running(NODES)
    # The kubelet gives Prometheus its certificate as soon as it looks at the Pod again.
    secured.nudge()
    live = f'etcd_server_has_leader{{namespace="{secured.namespace}",cluster="{SECURED}"}} == 1'
    wait_until("every member is scraped", lambda: len(prometheus.query(live)) == NODES, 90)
    miss_member(prometheus, secured)
    back_up_and_restore(secured, store)
    secured.start_client("v3.6.16")
    pods = Cluster(prometheus.target, prometheus.namespace, SECURED)
    with forwarded(pods, NAME, SERVER) as port:
        url = f"http://127.0.0.1:{port}"
        dashboard_answers.assert_variables(url, secured.namespace, SECURED)
        chosen = (secured.namespace, SECURED)
        answers = dashboard_answers.wait_answered(url, *chosen, begun, lambda: use(secured))
    dashboard_answers.assert_units(answers)
    dashboard_answers.assert_numbers(answers, secured.status())
    if os.environ.get("RECORD_DASHBOARDS"):
        dashboard_answers.record(answers)


def back_up_and_restore(cluster: Cluster, store: ObjectStore) -> None:
    """Have a backup, with its size and duration, and a restore of it."""
    target, namespace = cluster.target, cluster.namespace
    target.apply(*store.secrets(namespace))
    backup = Task(target, namespace, "EtcdBackup", "nightly")
    backup.create(clusterName=cluster.name, storageType="S3", s3=store.destination())
    backup.wait_completed()
    restore = Task(target, namespace, "EtcdRestore", "trial")
    template = {"size": 1, "resources": SMALL, "storage": {"size": "1Gi"}, "version": "v3.6.16"}
    restore.create(backupName="nightly", clusterName="restored", clusterTemplate=template)
    restore.wait_completed()


def miss_member(prometheus: Prometheus, cluster: SecuredCluster) -> None:
    """Keep a member away for as long as Prometheus needs to be told that the cluster is not Ready.

    The dashboards are asked in steps: what is shorter than one may fall between two.
    """
    about = f'namespace="{cluster.namespace}",cluster="{cluster.name}"'
    unready = f'etcd_operator_cluster_condition{{{about},condition="Ready",status="False"}}'
    begun = time.time()

    def is_told() -> bool:
        found = prometheus.query_range(f"max({unready})", begun, time.time())
        return bool(found) and len(found[0]["values"]) > 2 * STEP

    with no_pods_in(cluster.target, cluster.namespace):
        cluster.kubectl("delete", "pod", f"{cluster.name}-2")
        wait_until("it is told for two steps", is_told)
    cluster.wait_running(NODES)


def use(cluster: SecuredCluster) -> None:
    """Do what the panels are about: requests, one that fails, leases, snapshots, and the like."""
    for number in range(2):
        cluster.put(f"key-{number}", "value" * 100)
        assert cluster.read_key(f"key-{number}")
    cluster.etcdctl("lease", "grant", "1")
    cluster.etcdctl("del", "key-0")
    for pod in range(NODES):
        cluster.etcdctl("snapshot", "save", "/data/snapshot", pod=pod)
        cluster.etcdctl("defrag", pod=pod)
    with pytest.raises(TargetError, match="requested lease not found"):
        cluster.etcdctl("put", "--lease=1234", "key", "value")


def test_what_is_gone_has_no_series_and_fires_nothing(
    target: Target, prometheus: Prometheus, cluster: Cluster
) -> None:
    begun = time.time()
    cluster.create(size=NODES)
    cluster.wait_running(NODES)
    about = f'namespace="{cluster.namespace}",cluster="c"'

    def count(metric: str, more: str = "") -> int:
        return len(prometheus.query(f"{metric}{{{about}{more}}}"))

    wait_until("every member is scraped", lambda: count("etcd_server_has_leader") == NODES)
    with no_pods_in(target, cluster.namespace):
        cluster.kubectl("delete", "pod", "c-2")
        ready = f'max(etcd_operator_cluster_member_ready{{{about},member="c-2"}}) == 0'
        wait_until("the operator misses it", lambda: bool(prometheus.query(ready)))
        wait_until("it has no series", lambda: count("etcd_server_has_leader", ',pod="c-2"') == 0)
        family = "etcd_operator_cluster_member_db_size_bytes"
        wait_until("nor has its database", lambda: count(family, ',member="c-2"') == 0)
    cluster.wait_running(NODES)
    cluster.scale(0)
    cluster.wait_phase("Stopped")
    wait_until("no member is scraped", lambda: count("up") == 0)
    wait_until("nor is its leader known", lambda: count("etcd_server_has_leader") == 0)
    assert prometheus.query(f"max(etcd_operator_cluster_ready_members{{{about}}}) == 0")
    restart_operator(target, prometheus, about)
    cluster.delete()
    own = f'{{__name__=~"etcd_.+",namespace="{cluster.namespace}"}}'
    wait_until("nothing is left of it", lambda: not prometheus.query(own))
    fired = f'count_over_time(ALERTS{{alertstate="firing",namespace="{cluster.namespace}"}}[1h])'
    assert not prometheus.query(fired)
    told = [each for each in prometheus.notices() if each.received >= begun]
    assert not [each for each in told if each.alert.startswith("EtcdOperator")]


def restart_operator(target: Target, prometheus: Prometheus, about: str) -> None:
    """Replace both replicas: each cluster counts once all the time, and no gap comes near an alert.

    While one hands over to the other, both may have series about a cluster.
    """
    begun = time.time()
    place = f"--namespace={OPERATOR_NAMESPACE}"
    for pod in target.read("get", "pods", place, f"--selector={SELECTOR}")["items"]:
        target.run("delete", "pod", pod["metadata"]["name"], place)
        target.run("rollout", "status", f"deployment/{OPERATOR}", place, "--timeout=90s")
    size = f"max by (namespace, cluster) (etcd_operator_cluster_size{{{about}}})"
    fresh = f"max(etcd_operator_cluster_last_pass_timestamp_seconds{{{about}}}) > {time.time()}"
    wait_until("the new leader shows it", lambda: bool(prometheus.query(fresh)), 90)
    answered = prometheus.query_range(f"count({size})", begun, time.time())
    values = {value for _, value in answered[0]["values"]}
    assert values == {"1"}
    times = [begun, *(float(at) for at, _ in answered[0]["values"]), time.time()]
    assert max(after - before for before, after in itertools.pairwise(times)) < LONGEST_GAP

"""Who reaches which port of a member, on the wire, where something enforces NetworkPolicies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from demo.object_store import ObjectStore
from deploy.target import Target, ask_local
from etcd_operator.core.model.naming import ANNOTATION_BACKUP_FROM, LABEL_TASK
from etcd_operator.core.model.quorum import voters_not_serving
from etcd_operator.json_types import Json
from tests.e2e.backup_harness import Task
from tests.e2e.callers import Callers
from tests.e2e.harness import Cluster
from tests.e2e.previews import as_created, as_foreseen, as_patched, as_previewed, wait_for_pass

pytestmark = [pytest.mark.e2e, pytest.mark.apart, pytest.mark.timeout(420)]


ALL, CLIENTS, METRICS = "2379 2380 2381", "2379 2381", "2381"
NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
WEB: Json = {"podSelector": {"matchLabels": {"app": "web"}}}


@contextmanager
def enforcing(target: Target) -> Iterator[None]:
    """Policies hold meanwhile; afterwards no node has a rule or a set of addresses for them."""
    ask_local("component", "start", "network-policies")
    try:
        yield
    finally:
        ask_local("component", "stop", "network-policies")
    for node in target.read("get", "nodes")["items"]:
        inside = ("exec", node["metadata"]["name"], "--")
        rules = ask_local(*inside, "iptables-save")
        assert "KUBE-SERVICES" in rules, "kube-proxy's are still there"
        assert "kube-router" not in rules
        assert "KUBE-POD-FW" not in rules
        assert ask_local(*inside, "ipset", "list", "-name") == ""


@pytest.fixture
def callers(target: Target) -> Callers:
    """The operator alone; tests start others."""
    if not target.is_local:
        pytest.skip("only on the local cluster it is known what enforces policies, and from when")
    return Callers(target)


def change(cluster: Cluster, **policy: Any) -> None:
    """Change the policy of a cluster of one member, which goes as previewed."""
    with as_patched(cluster, security={"networkPolicy": policy}):
        cluster.wait_running(1)


def scale(cluster: Cluster, size: int) -> None:
    """Scale a cluster, which goes as previewed once the operator has seen all of it serve."""
    wait_for_pass(cluster, "all serve", lambda seen: not voters_not_serving(seen))
    with as_previewed(cluster, f"size={size}"):
        cluster.scale(size)
        cluster.wait_running(size)


def test_members_live_behind_their_policy(cluster: Cluster, callers: Callers) -> None:
    """They form, grow and shrink, probed by the kubelet and led by the operator, as without one."""
    secured = Cluster(cluster.target, cluster.namespace, "secured")
    policy = {"networkPolicy": {"clientFrom": [WEB]}}
    with enforcing(cluster.target):
        with (
            as_created(cluster, size=3, version="v3.6.16", security=policy),
            as_created(secured, size=1, version="v3.6.16", security={"tls": {}, **policy}),
        ):
            callers.start(cluster.namespace, web={"app": "web"}, stranger={})
            cluster.wait_running(3)
            secured.wait_running(1)
        callers.assert_reach(cluster, CLIENTS, stranger=METRICS)
        for pod, other in ((0, 1), (1, 2), (2, 0)):
            address = cluster.pod(f"c-{other}")["status"]["podIP"]
            cluster.etcdctl("put", "key", "value", pod=pod, endpoint=f"http://{address}:2379")
        assert callers.known["web"].is_served(address)
        with as_previewed(cluster, "size=5"):
            cluster.scale(5)
            # It looks at the certificates that members show each other.
            scale(secured, 3)
            cluster.wait_running(5)
        callers.assert_reach(secured, CLIENTS, stranger=METRICS, operator=ALL)
        callers.assert_reach(cluster, CLIENTS, stranger=METRICS)
        cluster.assert_agreement(5)
        scale(cluster, 1)
        assert cluster.etcdctl("get", "key", "--print-value-only") == "value\n"
        # One that joins may end once: it does so where nobody answers it, and for a moment its
        # address is unknown. Who was there before it is not disturbed.
        for member in (cluster.pod("c-0"), secured.pod("secured-0")):
            assert member["status"]["containerStatuses"][0]["restartCount"] == 0


@pytest.mark.usefixtures("secrets")
def test_clients_are_those_of_the_spec(
    cluster: Cluster, callers: Callers, elsewhere: str, store: ObjectStore
) -> None:
    cluster.create(size=1, version="v3.6.16", security={"networkPolicy": {"clientFrom": []}})
    job = {LABEL_TASK: "backup"}
    callers.start(cluster.namespace, web={"app": "web"}, stranger={}, backup=job)
    callers.start(elsewhere, other_web={"app": "web"}, other_stranger={}, other_backup=job)
    cluster.wait_running(1)
    assert "c" in cluster.uids("networkpolicy")
    callers.assert_reach(cluster, ALL)
    with enforcing(cluster.target):
        callers.assert_reach(cluster, METRICS, operator=CLIENTS, backup=CLIENTS)
        backup = Task(cluster.target, cluster.namespace, "EtcdBackup", "b")
        backup.create(clusterName="c", storageType="S3", s3=store.destination(), verify=False)
        backup.wait_completed()
        assert_choices(cluster, callers, elsewhere)
        assert_additions(cluster, callers, elsewhere)
        assert_scrapers(cluster, callers)
        change(cluster, enabled=False)
        callers.assert_reach(cluster, ALL)
        change(cluster, enabled=True)
        callers.assert_reach(cluster, METRICS, operator=CLIENTS, backup=CLIENTS)
    callers.assert_reach(cluster, ALL)


def assert_choices(cluster: Cluster, callers: Callers, elsewhere: str) -> None:
    """What an entry of `clientFrom` may be, and what it means to leave it out."""
    always = {"operator": CLIENTS, "backup": CLIENTS}
    there = {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: elsewhere}}}
    address = callers.known["other_stranger"].address
    for entry, allowed in (
        (WEB, ["web"]),
        (there, ["other_web", "other_stranger", "other_backup"]),
        ({**there, **WEB}, ["other_web"]),
        ({"ipBlock": {"cidr": f"{address}/32"}}, ["other_stranger"]),
    ):
        change(cluster, clientFrom=[entry])
        callers.assert_reach(cluster, METRICS, **always, **dict.fromkeys(allowed, CLIENTS))
    change(cluster, clientFrom=None)
    callers.assert_reach(cluster, METRICS, **always, web=CLIENTS, stranger=CLIENTS)


def assert_scrapers(cluster: Cluster, callers: Callers) -> None:
    """What `metricsFrom` means; the kubelet goes on probing at the same port."""
    always = {"operator": CLIENTS, "backup": "2379"}
    started = cluster.pod("c-0")["status"]["startTime"]
    for entries, allowed in (([], {}), ([WEB], {"web": METRICS})):
        change(cluster, metricsFrom=entries)
        callers.assert_reach(cluster, "", **always, **allowed)
    ready = {each["type"]: each["status"] for each in cluster.pod("c-0")["status"]["conditions"]}
    assert (ready["Ready"], cluster.pod("c-0")["status"]["startTime"]) == ("True", started)
    change(cluster, metricsFrom=None)
    callers.assert_reach(cluster, METRICS, operator=CLIENTS, backup=CLIENTS)


def assert_additions(cluster: Cluster, callers: Callers, elsewhere: str) -> None:
    """Who may connect although `clientFrom` says nothing of it."""
    change(cluster, clientFrom=[])
    callers.assert_reach(cluster, METRICS, operator=CLIENTS, backup=CLIENTS)
    annotation = f"{ANNOTATION_BACKUP_FROM}={elsewhere}"
    with as_foreseen(cluster, lambda seen: ANNOTATION_BACKUP_FROM in seen.cluster.annotations):
        cluster.kubectl("annotate", "etcd", "c", annotation)
    always = {"operator": CLIENTS, "backup": CLIENTS, "other_backup": CLIENTS}
    callers.assert_reach(cluster, METRICS, **always)
    cluster.kubectl("annotate", "etcd", "c", f"{ANNOTATION_BACKUP_FROM}-")
    callers.assert_reach(cluster, METRICS, operator=CLIENTS, backup=CLIENTS)
    selected = cluster.read("get", "networkpolicy", "c")["spec"]["podSelector"]
    ingress = [{"from": [WEB], "ports": [{"port": 2380, "protocol": "TCP"}]}]
    cluster.target.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "another", "namespace": cluster.namespace},
            "spec": {"podSelector": selected, "policyTypes": ["Ingress"], "ingress": ingress},
        }
    )
    callers.assert_reach(cluster, METRICS, operator=CLIENTS, backup=CLIENTS, web="2380 2381")
    cluster.kubectl("delete", "networkpolicy", "another")

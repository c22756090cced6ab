"""Additions to the Pods of a cluster: containers, volumes, variables, name servers, timings."""

from __future__ import annotations

import json
import time
from typing import Final

import pytest

from etcd_operator.json_types import Json
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_previewed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

QUIET_SECONDS: Final = 3
PROXY_PORT: Final = 23790
PROXY: Final = f"http://127.0.0.1:{PROXY_PORT}"


def additions(cluster: Cluster, image: str) -> Json:
    """Of each kind one that runs here: the image of etcd has a proxy."""
    dns = cluster.target.read("get", "service", "kube-dns", "--namespace=kube-system")
    mount = {"name": "scratch", "mountPath": "/scratch"}
    proxy = [
        "/usr/local/bin/etcd",
        "grpc-proxy",
        "start",
        "--endpoints=http://127.0.0.1:2379",
        f"--listen-addr=0.0.0.0:{PROXY_PORT}",
    ]
    name = {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}
    return {
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 20,
        "hostAliases": [{"ip": "10.9.9.9", "hostnames": ["registry.example"]}],
        "dnsPolicy": "None",
        "dnsConfig": {
            "nameservers": [dns["spec"]["clusterIP"]],
            "searches": [f"{cluster.namespace}.svc.cluster.local", "svc.cluster.local"],
            "options": [{"name": "ndots", "value": "5"}],
        },
        "env": [
            {"name": "GOGC", "value": "80"},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "requests.cpu"}}},
        ],
        "volumes": [
            {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
            {"name": "names", "downwardAPI": {"items": [name]}},
        ],
        "volumeMounts": [mount, {"name": "names", "mountPath": "/names", "readOnly": True}],
        "initContainers": [
            {
                "name": "first",
                "image": image,
                "command": ["/usr/local/bin/etcd", "--version"],
                "volumeMounts": [mount],
            }
        ],
        "containers": [
            {
                "name": "proxy",
                "image": image,
                "command": proxy,
                "ports": [{"name": "proxy", "containerPort": PROXY_PORT}],
                "readinessProbe": {"tcpSocket": {"port": PROXY_PORT}, "periodSeconds": 1},
                "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}},
                "securityContext": {"readOnlyRootFilesystem": True},
            }
        ],
        "livenessProbe": {"failureThreshold": 90},
        "readinessProbe": {"timeoutSeconds": 5},
    }


@pytest.mark.situation(
    "etcd",
    "CPU and memory of a cluster with `inPlaceResize` change, up and down",
    "the kubelet gives them to the running Pods: none is made anew, and no container restarts",
)
def test_cpu_and_memory_change_without_a_restart(cluster: Cluster) -> None:
    small = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "512Mi"}}
    large = {"requests": {"cpu": "20m", "memory": "48Mi"}, "limits": {"memory": "640Mi"}}
    cluster.create(size=3, inPlaceResize=True, resources=small)
    cluster.wait_running(3)
    before = cluster.uids("pods")
    for wanted in (large, small):

        def is_given(wanted: Json = wanted) -> bool:
            states = [pod["status"]["containerStatuses"][0] for pod in cluster.objects("pods")]
            return all(state["resources"] == wanted for state in states)

        with as_previewed(cluster, f"resources={json.dumps(wanted)}"):
            cluster.patch(resources=wanted)
            wait_until(f"every Pod has {wanted}", is_given, 90)
            cluster.wait_running(3)
    assert cluster.uids("pods") == before
    states = [pod["status"]["containerStatuses"][0] for pod in cluster.objects("pods")]
    assert [state["restartCount"] for state in states] == [0, 0, 0]
    wait_until(
        "its controller counts them as up to date",
        lambda: cluster.read("get", "statefulset", "c")["status"]["updatedReplicas"] == 3,
    )


@pytest.mark.situation(
    "etcd",
    "a cluster gets an init container, a proxy beside etcd, volumes, variables and name servers of "
    "its own, and loses them again",
    "each time the Pods are rolled once, and the operator writes nothing after that",
)
def test_additions_to_pods_come_and_go(cluster: Cluster) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    cluster.put("key", "value")
    plain = cluster.pod("c-0")["spec"]
    wanted = additions(cluster, plain["containers"][0]["image"])
    with as_previewed(cluster, f"podTemplate={json.dumps(wanted)}"):
        cluster.patch(podTemplate=wanted)
        wait_until("it has them", lambda: len(cluster.pod("c-0")["spec"]["containers"]) == 2, 60)
        cluster.wait_running(1)
    pod = cluster.pod("c-0")
    assert all(status["ready"] for status in pod["status"]["containerStatuses"])
    etcd, proxy = pod["spec"]["containers"]
    assert etcd["livenessProbe"]["failureThreshold"] == 90
    assert [variable["name"] for variable in etcd["env"]] == ["POD_NAME", "GOGC", "CPU"]
    assert proxy["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["spec"]["dnsConfig"] == wanted["dnsConfig"]
    assert pod["spec"]["terminationGracePeriodSeconds"] == 20
    answer = cluster.etcdctl("get", "key", "--print-value-only", endpoint=PROXY)
    assert answer.strip() == "value", "the proxy serves what the member holds"
    before = cluster.read("get", "statefulset", "c")["metadata"]["resourceVersion"]
    time.sleep(QUIET_SECONDS)
    after = cluster.read("get", "statefulset", "c")["metadata"]["resourceVersion"]
    assert after == before, "what Kubernetes fills in is no drift"
    cluster.patch(podTemplate=None)
    wait_until("they are gone", lambda: len(cluster.pod("c-0")["spec"]["containers"]) == 1, 60)
    cluster.wait_running(1)
    assert cluster.pod("c-0")["spec"].keys() == plain.keys()
    assert cluster.read_key("key") == "value"

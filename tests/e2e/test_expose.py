"""Clusters and members that clients outside Kubernetes reach, on the local Kubernetes.

It has ports on nodes, and nobody who provides load balancers: the test writes what such a
controller would write into the status of a Service.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

import grpc
import httpx2
import pytest
from cryptography import x509

from deploy.target import TargetError
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.json_types import Json
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_created, as_foreseen, as_patched, as_previewed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


FILES = ("tls.crt", "tls.key", "ca.crt")
SECONDS = 5.0


def client_service(cluster: Cluster) -> Json:
    return cluster.read("get", "service", f"{cluster.name}-client")


def type_of_service(cluster: Cluster) -> str:
    return str(client_service(cluster)["spec"]["type"])


def balance(cluster: Cluster, name: str, address: Json) -> None:
    """Act as the controller of a cloud: give a Service the address of a load balancer."""
    status = json.dumps({"status": {"loadBalancer": {"ingress": [address]}}})
    words = ("patch", "service", name, "--subresource=status", "--type=merge", f"--patch={status}")
    cluster.kubectl(*words)


def names_of_server(cluster: Cluster) -> set[str]:
    secret = cluster.read("get", "secret", f"{cluster.name}-server-tls")
    certificate = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = found.get_values_for_type(x509.DNSName)
    return {*hosts, *map(str, found.get_values_for_type(x509.IPAddress))}


def advertised(cluster: Cluster) -> dict[str, set[str]]:
    """The client URLs that etcd has of each member."""
    listed = json.loads(cluster.etcdctl("member", "list", "--write-out=json"))
    return {each["name"]: set(each["clientURLs"]) for each in listed["members"]}


def lets_in(url: str, folder: Path) -> bool:
    """Whether a member serves gRPC to a client here, with the certificate in this folder."""
    certificate, key, authority = ((folder / name).read_bytes() for name in FILES)
    credentials = grpc.ssl_channel_credentials(authority, key, certificate)
    with grpc.secure_channel(url.removeprefix("https://"), credentials) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=SECONDS)
        except grpc.FutureTimeoutError:
            return False
    return True


def answers(url: str) -> bool:
    """Whether etcd at this address says that it is healthy."""
    try:
        with httpx2.Client() as client:
            return bool(client.get(f"{url}/health").json()["health"] == "true")
    except httpx2.HTTPError:
        return False


def args_of(cluster: Cluster) -> str:
    """What etcd's log says that it was started with, in the Pod of now."""
    return cluster.kubectl("logs", f"{cluster.name}-0", "--container=etcd")


def address_of_node(cluster: Cluster) -> str:
    (node, *_) = cluster.target.read("get", "nodes")["items"]
    return next(str(a["address"]) for a in node["status"]["addresses"] if a["type"] == "InternalIP")


def test_the_type_of_the_service_changes_and_nobody_restarts(cluster: Cluster) -> None:
    cluster.create(size=1)
    cluster.wait_running(1)
    before = cluster.uids("pods")
    service = {
        "type": "NodePort",
        "externalTrafficPolicy": "Local",
        "annotations": {"example.com/a": "b"},
        "port": 12379,
    }
    with as_patched(cluster, service=service):
        wait_until("it has a port on nodes", lambda: type_of_service(cluster) == "NodePort", 30)
    live = client_service(cluster)
    (port,) = live["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (12379, 2379)
    assert live["spec"]["externalTrafficPolicy"] == "Local"
    assert live["metadata"]["annotations"]["example.com/a"] == "b"
    url = f"http://{address_of_node(cluster)}:{port['nodePort']}"
    wait_until("a client outside reaches it", lambda: answers(url), 30)
    with as_patched(
        cluster, service={"type": "LoadBalancer", "loadBalancerClass": "example.com/none"}
    ):
        wait_until(
            "it asks for a load balancer",
            lambda: client_service(cluster)["spec"].get("loadBalancerClass") == "example.com/none",
            30,
        )
    with pytest.raises(TargetError, match="set type to ClusterIP first"):
        cluster.patch(service={"loadBalancerClass": "example.com/other"})
    with pytest.raises(TargetError, match="nodePort is for types NodePort and LoadBalancer"):
        cluster.patch(service={"type": "ClusterIP", "loadBalancerClass": None, "nodePort": 30379})
    with as_patched(cluster, service=None):
        wait_until("it is as it was", lambda: type_of_service(cluster) == "ClusterIP", 30)
    (port,) = client_service(cluster)["spec"]["ports"]
    assert (port["port"], port.get("nodePort")) == (2379, None)
    assert "example.com/a" not in client_service(cluster)["metadata"]["annotations"]
    cluster.wait_running(1)
    assert cluster.uids("pods") == before


def knows_every_address(seen: Snapshot) -> bool:
    return all(seen.naming.external_url(ordinal) for ordinal in range(seen.spec.size))


def test_members_follow_the_addresses_of_their_load_balancers(cluster: Cluster) -> None:
    addresses = {"service": {"type": "LoadBalancer", "port": 443}}
    with as_created(cluster, size=3, memberAddresses=addresses):
        cluster.wait_running(3)
    before = cluster.uids("pods")
    names = [f"c-{ordinal}" for ordinal in range(3)]

    def follow() -> bool:
        urls = advertised(cluster)
        return all(f"http://192.0.2.{o + 1}:443" in urls[name] for o, name in enumerate(names))

    with as_foreseen(cluster, knows_every_address) as told:
        for ordinal, name in enumerate(names):
            balance(cluster, name, {"ip": f"192.0.2.{ordinal + 1}"})
        told.follow("all are advertised", follow, 120)
        cluster.wait_running(3)
    shown = {member["name"]: member["externalURL"] for member in cluster.status()["members"]}
    assert shown["c-1"] == "http://192.0.2.2:443"
    after = cluster.uids("pods")
    assert not set(after.values()) & set(before.values())
    cluster.assert_agreement(3)
    with as_previewed(cluster, "size=1"):
        cluster.scale(1)
        cluster.wait_running(1)
    wait_until("their Services go", lambda: not {"c-1", "c-2"} & cluster.uids("service").keys(), 30)
    assert cluster.uids("pods")["c-0"] == after["c-0"], "scaling restarts nobody"


def test_a_client_outside_reaches_a_member_at_its_node_with_tls(
    cluster: Cluster, tmp_path: Path
) -> None:
    node = address_of_node(cluster)
    addresses = {"names": [node], "service": {"type": "NodePort"}}
    cluster.create(size=1, memberAddresses=addresses, security={"tls": {}})
    cluster.wait_running(1)
    wait_until(
        "its port is known", lambda: bool(cluster.status()["members"][0].get("externalURL")), 30
    )
    url = str(cluster.status()["members"][0]["externalURL"])
    assert url.startswith(f"https://{node}:")
    wait_until("it was started with it", lambda: url in args_of(cluster), 60)
    cluster.wait_running(1)
    secret = cluster.read("get", "secret", "c-client-tls")["data"]
    for name in FILES:
        (tmp_path / name).write_bytes(base64.b64decode(secret[name]))
    wait_until("a client outside reaches it", lambda: lets_in(url, tmp_path), 30)
    before = cluster.uids("pods")
    with as_patched(cluster, service={"type": "LoadBalancer"}):
        wait_until("it asks for one", lambda: type_of_service(cluster) == "LoadBalancer", 30)
    with as_foreseen(cluster, lambda seen: "etcd.example.com" in str(seen.naming)):
        balance(cluster, "c-client", {"hostname": "etcd.example.com"})
        wait_until(
            "it is in the certificate", lambda: "etcd.example.com" in names_of_server(cluster), 30
        )
    assert lets_in(url, tmp_path)
    assert cluster.uids("pods") == before, "a certificate is reissued without a restart"

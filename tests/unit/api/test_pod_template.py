"""Additions to Pods: what would shadow the member's own, or cannot be, is one sentence each."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.pod_template import VOLUME_SOURCES, Volume
from etcd_operator.api.validation import find_problems
from etcd_operator.json_types import Json
from tests.builders.snapshots import raw_cluster

SCRATCH: Json = {"name": "scratch", "emptyDir": {}}
PROXY: Json = {"name": "proxy", "image": "proxy:1"}


def sentences(**template: Any) -> list[str]:
    """What is wrong with this spec.podTemplate."""
    cluster = parse_cluster(raw_cluster({"size": 3, "podTemplate": template}))
    return [problem.sentence for problem in find_problems(cluster)]


def mounted(path: str, name: str = "scratch") -> Json:
    """A template that mounts a volume in etcd's container."""
    return {"volumes": [SCRATCH], "volumeMounts": [{"name": name, "mountPath": path}]}


BAD: list[tuple[Json, str]] = [
    (
        {"env": [{"name": "ETCD_NAME", "value": "x"}]},
        "env.name ETCD_NAME is set by the operator itself: set options of etcd in spec.etcdConfig.",
    ),
    (
        {"env": [{"name": "POD_NAME", "value": "x"}]},
        "env.name POD_NAME is set by the operator itself: set options of etcd in spec.etcdConfig.",
    ),
    (
        {"env": [{"name": "1 2"}]},
        (
            "env.name 1 2 is not the name of a variable: use letters, digits, dashes, dots and "
            "underscores."
        ),
    ),
    (
        {"env": [{"name": "A", "value": "", "valueFrom": {"fieldRef": {}}}]},
        "env A has value and valueFrom: remove one of them.",
    ),
    (
        {"env": [{"name": "A"}, {"name": "A"}]},
        "env.name A is given more than once: remove all but one.",
    ),
    *(
        (
            {"volumes": [{"name": name, "emptyDir": {}}]},
            f"volumes.name {name} is the operator's own: use another name.",
        )
        for name in ("data", "config", "server-tls", "peer-tls")
    ),
    (
        {"volumes": [{"name": "a"}]},
        (
            "volumes a has 0 sources: give it one of configMap, secret, projected, downwardAPI, "
            "emptyDir or csi."
        ),
    ),
    (
        {"volumes": [{"name": "a", "emptyDir": {}, "secret": {"secretName": "s"}}]},
        (
            "volumes a has 2 sources: give it one of configMap, secret, projected, downwardAPI, "
            "emptyDir or csi."
        ),
    ),
    (
        {"volumes": [{"name": "A b", "emptyDir": {}}]},
        "volumes.name A b is not a name: use lower-case letters, digits and dashes.",
    ),
    *(
        (
            mounted(path),
            f"volumeMounts.mountPath {path} hides files of the member: use another path.",
        )
        for path in ("/", "/var", "/var/lib/etcd", "/var/lib/etcd/data/", "/etc/etcd/x", "/usr")
    ),
    (
        mounted("/scratch", "data"),
        "volumeMounts.name data is no such volume: name one of podTemplate.volumes.",
    ),
    *(
        (
            mounted(path),
            (
                f"volumeMounts.mountPath {path} is not possible: use an absolute path without //, "
                ". and .. that does not contain a colon."
            ),
        )
        for path in (
            "/a/../var/lib/etcd",
            "//var/lib/etcd",
            "/var//lib/etcd/data",
            "/./var/lib/etcd",
            "/var/lib/etcd/.",
            "/scratch//",
            "scratch",
            "/a:b",
        )
    ),
    (
        {"containers": [{**PROXY, "name": "etcd"}]},
        "containers.name etcd is the member itself: use another name.",
    ),
    (
        {"initContainers": [PROXY], "containers": [PROXY]},
        "containers.name proxy is given more than once: remove all but one.",
    ),
    *(
        (
            {"containers": [{**PROXY, "ports": [port]}]},
            f"containers.ports {said} is a port of etcd: use another one.",
        )
        for port, said in (
            ({"containerPort": 2379}, 2379),
            ({"containerPort": 2382, "name": "a"}, 2382),
            ({"containerPort": 2383, "name": "a"}, 2383),
            ({"containerPort": 80, "name": "client"}, "client"),
        )
    ),
    (
        {"containers": [{**PROXY, "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]},
        "containers.volumeMounts.name data is no such volume: name one of podTemplate.volumes.",
    ),
    (
        {"containers": [{**PROXY, "resources": {"requests": {"cpu": 2}, "limits": {"cpu": 1}}}]},
        "containers.resources.requests.cpu 2 is above its limit 1: lower it or raise the limit.",
    ),
    (
        {"dnsPolicy": "None"},
        "dnsPolicy None needs name servers: name them in dnsConfig.nameservers.",
    ),
    (
        {"dnsConfig": {"nameservers": ["dns.example"]}},
        "dnsConfig.nameservers dns.example is not an IP address: use one such as 10.0.0.10.",
    ),
    (
        {"hostAliases": [{"ip": "10.0.0.300", "hostnames": ["a"]}]},
        "hostAliases.ip 10.0.0.300 is not an IP address: use one such as 10.0.0.10.",
    ),
    *(
        (
            {"hostAliases": [{"ip": "10.0.0.3", "hostnames": [name]}]},
            f"hostAliases.hostnames {name} is the name of a member: remove it.",
        )
        for name in ("db-0.db-peer", "db-0.db-peer.default.svc.cluster.local")
    ),
    (
        {"livenessProbe": {"periodSeconds": 5, "failureThreshold": 3}},
        (
            "livenessProbe restarts a member that does not answer for 15 s, as on a slow disk: "
            "make periodSeconds times failureThreshold 30 or more."
        ),
    ),
]


@pytest.mark.parametrize(("template", "sentence"), BAD, ids=[said[:50] for _, said in BAD])
def test_what_cannot_be_is_said_in_one_sentence(template: Json, sentence: str) -> None:
    assert sentences(**template) == [f"spec.podTemplate.{sentence}"]


@pytest.mark.parametrize(
    "template",
    [
        {"env": [{"name": "ETCDCTL_API", "value": "3"}, {"name": "GOMEMLIMIT", "value": "1GiB"}]},
        mounted("/var/log/etcd"),
        mounted("/etc/etcd-extra"),
        {
            "volumes": [SCRATCH],
            "initContainers": [{**PROXY, "name": "first", "restartPolicy": "Always"}],
            "containers": [{**PROXY, "ports": [{"containerPort": 8080, "name": "web"}]}],
        },
        {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.10", "fd00::10"]}},
        {"hostAliases": [{"ip": "10.0.0.3", "hostnames": ["registry.example"]}]},
        {"livenessProbe": {"periodSeconds": 30, "failureThreshold": 1}},
    ],
    ids=str,
)
def test_what_shadows_nothing_is_possible(template: Json) -> None:
    assert sentences(**template) == []


@pytest.mark.parametrize("source", ["hostPath", "persistentVolumeClaim", "ephemeral", "nfs"])
def test_there_is_no_volume_of_a_node_nor_the_disk_of_a_member(source: str) -> None:
    (said,) = sentences(volumes=[{"name": "a", source: {}}])
    assert said.startswith("spec.podTemplate.volumes a has 0 sources: ")


def test_every_source_of_a_volume_has_a_field() -> None:
    fields = {str(field.alias) for field in Volume.model_fields.values()}
    assert fields == {"name", *VOLUME_SOURCES}

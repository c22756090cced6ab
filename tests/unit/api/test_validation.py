"""Each mistake is one sentence: field, value, remedy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.image import IMAGE_REMEDY
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.validation import SOURCE_REMEDY, find_problems
from etcd_operator.json_types import Json
from tests.builders.snapshots import raw_cluster


def cluster(**spec: Any) -> EtcdCluster:
    """An EtcdCluster with this spec."""
    return parse_cluster(raw_cluster(spec))


def set_at(path: str, value: Any) -> Json:
    """A spec in which only this field is set."""
    first, _, rest = path.partition(".")
    return {first: set_at(rest, value) if rest else value}


SIZE = "spec.size {} is not possible: use 1, 3, 5, 7 or 9 members, or 0 to stop the cluster."
VERSION = (
    "spec.version {} is not a supported version of etcd: use 3.5.0 or later, for example v3.5.35."
)
EXISTS = {"key": "app", "operator": "Exists"}
DISK = "spec.storage.size {} is not a size: use a positive quantity such as 10Gi."
NO_VERSIONS: list[Any] = [
    *("banana", "2.3.1", "3.4.9", "4.0.0", "3.5", "3.5.x", "v", "", "vv3.5.1", "3.5.21-1"),
    "3.\N{ARABIC-INDIC DIGIT FIVE}.1",
    *(3.5, None, True, ["3.5.1"], {"3.5.1": 1}, f"3.5.1-{'1' * 70}"),
]
AMOUNT = "use a quantity such as 10Gi or 500m"
NO_AMOUNTS: list[Any] = [
    *(
        "ten",
        "10GiB",
        "",
        "10 Gi",
        "1Gi\n",
        "1e99999999",
        "9" * 100_000,
        "\N{ARABIC-INDIC DIGIT THREE}Gi",
    ),
    *(True, ["1Gi"], {"1Gi": 1}, float("nan"), float("inf")),
]
NO_CERTIFICATE = (
    "spec.security.tls.autoTLS is false and spec.security.tls.certificateSecret names no "
    "certificate: name a Secret or an issuer in issuerRef, or set autoTLS to true."
)
LIFETIME = (
    "spec.security.tls.certificateLifetime {} is not possible: use a length of time such as 90m or "
    "2160h, at least 10m and at most 26280h."
)

RETENTION = (
    "spec.etcdConfig.autoCompactionRetention {} is not possible: use a length of time such as 1h, "
    "or with autoCompactionMode revision a number of revisions such as 1000."
)
NETWORK_POLICY = "spec.security.networkPolicy"
ALONE = " must have podSelector, namespaceSelector or both, or ipBlock alone: correct it."
BLOCK = {"cidr": "10.0.0.0/8"}
PEERS: list[tuple[Json, str, str]] = [
    ({}, "", ALONE),
    ({"podSelector": {}, "ipBlock": BLOCK}, "", ALONE),
    (
        {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In"}]}},
        "",
        " compares app by In, which needs values: correct it.",
    ),
    (
        {"namespaceSelector": {"matchExpressions": [{**EXISTS, "values": ["a"]}]}},
        "",
        " compares app by Exists, which takes no values: correct it.",
    ),
    (
        {"ipBlock": {"cidr": "10.0.0.0/33"}},
        ".ipBlock",
        ".ipBlock 10.0.0.0/33 is no block of addresses: use one such as 10.0.0.0/8.",
    ),
    (
        {"ipBlock": {**BLOCK, "except": ["11.0.0.0/16"]}},
        ".ipBlock",
        ".ipBlock.except 11.0.0.0/16 is no part of 10.0.0.0/8: correct or remove it.",
    ),
    (
        {"ipBlock": {**BLOCK, "except": ["10.0.0.0/8"]}},
        ".ipBlock",
        ".ipBlock.except 10.0.0.0/8 is no part of 10.0.0.0/8: correct or remove it.",
    ),
]

PEER_ISSUERS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"peerTLSEnabled": False}, {}, "is for TLS between members, which is off: remove it."),
    (
        {"certificateLifetime": "30m"},
        {},
        "needs a certificateLifetime of 1h or more, says cert-manager: raise it.",
    ),
    (
        {},
        {"version": "v3.5.14"},
        (
            "needs etcd 3.5.15 or later, which lets members in by their common name alone, and "
            "spec.version is v3.5.14: upgrade first."
        ),
    ),
]
ISSUERS: list[tuple[Json, str]] = [
    (
        {"certificateSecret": "mine"},
        "and certificateSecret cannot both be given: remove one of them.",
    ),
    ({"clientTLSEnabled": False}, "is for the client port, which has no TLS: remove it."),
    (
        {"certificateLifetime": "30m"},
        "needs a certificateLifetime of 1h or more, says cert-manager: raise it.",
    ),
]

# Fields of a Service, below spec.service and below that of members, and the sentence about each.
_OF_SERVICES: list[tuple[Json, str, str]] = [
    ({"nodePort": 30379}, "nodePort",
     "nodePort 30379 is for types NodePort and LoadBalancer: remove it, or set type."),
    ({"type": "NodePort", "loadBalancerClass": "a"}, "loadBalancerClass",
     "loadBalancerClass a is for type LoadBalancer: remove it, or set type."),
    ({"ipFamilies": ["IPv4", "IPv4"]}, "ipFamilies",
     "ipFamilies names one family twice: name each once."),
    ({"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "SingleStack"}, "ipFamilies",
     "ipFamilies names two families, and ipFamilyPolicy is SingleStack: name one."),
    ({"annotations": {"etcd.etcd.io/x": "1"}}, "annotations.etcd.etcd.io/x",
     "annotations.etcd.etcd.io/x is set by the operator itself: remove it."),
]  # fmt: skip
_NAMES = "spec.memberAddresses.names"
_ALIASES = "spec.service.aliases"
SERVICES: list[tuple[Json, str, str]] = [
    *(({"service": given}, f"spec.service.{field}", f"spec.service.{said}")
      for given, field, said in _OF_SERVICES),
    *(({"memberAddresses": {"service": given}}, f"spec.memberAddresses.service.{field}",
       f"spec.memberAddresses.service.{said}")
      for given, field, said in _OF_SERVICES[1:]),
    ({"memberAddresses": {"service": {"type": "NodePort", "nodePort": 30379}}},
     "spec.memberAddresses.service.nodePort",
     ("spec.memberAddresses.service.nodePort 30379 would be one port for all members: remove it, "
      "Kubernetes chooses one for each.")),
    *(({"memberAddresses": {"names": [name]}}, _NAMES,
       f"{_NAMES} {name} is no DNS name in lower case and no IP address: correct or remove it.")
      for name in ("No.example.com", "a_b", "10.0.0.256", "*.example.com", "a:2379", "")),
    ({"memberAddresses": {"names": ["a.example.com", "a.example.com"]}}, _NAMES,
     f"{_NAMES} have the same name twice: name each member by one of its own."),
    *(({"service": {"aliases": [name]}}, _ALIASES,
       (f"{_ALIASES} {name} is no name of a Service: use up to 63 lower-case letters, digits and "
        "dashes, beginning with a letter."))
      for name in ("", "Old", "1st", "a.b", "a-")),
    *(({"service": {"aliases": [name]}}, _ALIASES,
       f"{_ALIASES} {name} is a Service of the cluster anyway: remove it.")
      for name in ("db-client", "db-peer", "db-7")),
    ({"service": {"aliases": ["old", "old"]}}, _ALIASES,
     f"{_ALIASES} have the same name twice: name each once."),
]  # fmt: skip


BAD: list[tuple[Json, str, str]] = [
    *(({"size": size}, "spec.size", SIZE.format(size)) for size in (2, -1, 4, 10, 11)),
    *(({"version": version}, "spec.version", VERSION.format(version)) for version in NO_VERSIONS),
    ({"version": "3.5.21\n"}, "spec.version", VERSION.format("3.5.21\n")),
    *(({"storage": {"size": size}}, "spec.storage.size", DISK.format(size)) for size in ("0", -1)),
    *(
        (set_at(path, amount), "spec", f"spec.{path} cannot be {str(amount)[:80]!r}: {AMOUNT}.")
        for path in (
            "storage.size",
            "maintenance.defragmentation.minimumSize",
            "resources.requests.cpu",
            "resources.limits.memory",
        )
        for amount in NO_AMOUNTS
    ),
    *(
        (
            {"storage": {"volumeClaimTemplate": {"spec": {field: value}}}},
            f"spec.storage.volumeClaimTemplate.spec.{field}",
            f"spec.storage.volumeClaimTemplate.spec.{field} {SOURCE_REMEDY}.",
        )
        for field, value in (
            ("volumeName", "pv-1"),
            ("dataSource", {"kind": "PersistentVolumeClaim", "name": "data-old-0"}),
            ("dataSourceRef", {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot"}),
        )
    ),
    (
        {"etcdConfig": {"quota": "FollowsDisk", "quotaBackendBytes": 1}},
        "spec.etcdConfig.quota",
        (
            "spec.etcdConfig.quota FollowsDisk and quotaBackendBytes cannot both be given: remove "
            "one of them."
        ),
    ),
    (
        {"etcdConfig": {"quota": "FollowsDisk"}, "storage": {"size": "900Mi"}},
        "spec.etcdConfig.quota",
        (
            "spec.etcdConfig.quota FollowsDisk needs disks of 1Gi or more: raise "
            "spec.storage.size of 900Mi."
        ),
    ),
    (
        {"imageCatalogRef": {"name": "Etcd images"}},
        "spec.imageCatalogRef.name",
        (
            "spec.imageCatalogRef.name Etcd images is not the name of a ConfigMap: name one of "
            "the namespace."
        ),
    ),
    *(
        ({"image": image}, "spec.image", f"spec.image {image} is {IMAGE_REMEDY}.")
        for image in ("etcd", "localhost:5000/etcd", "etcd:", "Etcd:1", "etcd@sha256:12", "a:1\n")
    ),
    (
        {"version": "3.6.4", "image": "registry.k8s.io/etcd:3.5.21-0"},
        "spec.image",
        (
            "spec.image registry.k8s.io/etcd:3.5.21-0 is etcd 3.5.21 by its tag, and spec.version "
            "says 3.6.4: change both together."
        ),
    ),
    ({"security": {"tls": {"autoTLS": False}}}, "spec.security.tls.autoTLS", NO_CERTIFICATE),
    *(
        (
            {"security": {"tls": {"certificateLifetime": life}}},
            "spec.security.tls.certificateLifetime",
            LIFETIME.format(life),
        )
        for life in ("9m", "599999ms", "99999h")
    ),
    *(
        (
            {"security": {"tls": {"issuerRef": {"name": "ca"}, **tls}}},
            "spec.security.tls.issuerRef",
            f"spec.security.tls.issuerRef {said}",
        )
        for tls, said in ISSUERS
    ),
    *(
        (
            {"security": {"tls": {"peerIssuerRef": {"name": "ca"}, **tls}}, **spec},
            "spec.security.tls.peerIssuerRef",
            f"spec.security.tls.peerIssuerRef {said}",
        )
        for tls, spec, said in PEER_ISSUERS
    ),
    *SERVICES,
    (
        {"security": {"tls": {"serverNames": ["etcd.example.com", "No name"]}}},
        "spec.security.tls.serverNames",
        (
            "spec.security.tls.serverNames No name is no DNS name in lower case and no IP address: "
            "correct or remove it."
        ),
    ),
    *(
        (
            {"security": {"networkPolicy": {field: [{"podSelector": {}}, peer]}}},
            f"{NETWORK_POLICY}.{field}[1]{below}",
            f"{NETWORK_POLICY}.{field}[1]{said}",
        )
        for peer, below, said in PEERS
        for field in ("clientFrom", "metricsFrom")
    ),
    (
        {"security": {"tls": {"metricsTLSEnabled": True, "clientTLSEnabled": False}}},
        "spec.security.tls.metricsTLSEnabled",
        (
            "spec.security.tls.metricsTLSEnabled uses the certificates for clients: set "
            "clientTLSEnabled."
        ),
    ),
    *(
        (
            {"etcdConfig": {"autoCompactionRetention": retention, **mode}},
            "spec.etcdConfig.autoCompactionRetention",
            RETENTION.format(retention),
        )
        for retention, mode in (
            ("soon", {}),
            ("2 h", {"autoCompactionMode": "periodic"}),
            ("1h", {"autoCompactionMode": "revision"}),
        )
    ),
    (
        {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}},
        "spec.resources.requests.cpu",
        "spec.resources.requests.cpu 2 is above its limit 1500m: lower it or raise the limit.",
    ),
    (
        {"maintenance": {"defragmentation": {"minimumSize": "-1Gi"}}},
        "spec.maintenance.defragmentation.minimumSize",
        (
            "spec.maintenance.defragmentation.minimumSize -1Gi is not a size: use a quantity such "
            "as 100Mi."
        ),
    ),
]
GOOD: list[Json] = [
    {},
    *({"etcdConfig": {"autoCompactionRetention": kept}} for kept in ("1", "1.5h", "1h30m")),
    {"etcdConfig": {"autoCompactionMode": "revision", "autoCompactionRetention": "1000"}},
    *({"size": size} for size in (0, 1, 3, 5, 7, 9)),
    *(
        {"version": version, "image": image}
        for version, image in (
            ("3.6.4", "registry.k8s.io/etcd:3.6.4-0"),
            ("v3.6.4", "registry.k8s.io/etcd:v3.6.4"),
            ("3.6.4", f"localhost:5000/a-b/etcd:3.6.4@sha256:{'0' * 64}"),
            ("3.6.4", f"mirror.example.com/etcd@sha256:{'0' * 64}"),
            ("3.6.4", "etcd:build-17"),
        )
    ),
    *({"version": version} for version in ("3.5.0", "v3.5.21", "3.6.4", "v3.10.0")),
    {"storage": {"size": "1.5Gi"}},
    {"storage": {"volumeClaimTemplate": {"spec": {"volumeName": "", "dataSource": None}}}},
    {"storage": {"volumeClaimTemplate": {"spec": "of no use"}}},
    {"security": {}},
    {"security": {"tls": {"enabled": False}}},
    {"security": {"tls": {}}},
    {"security": {"tls": {"autoTLS": False, "certificateSecret": "mine"}}},
    {"security": {"tls": {"serverNames": ["*.example.com", "10.0.0.1", "::1"]}}},
    {"security": {"tls": {"autoTLS": False, "issuerRef": {"name": "ca"}}}},
    {"security": {"networkPolicy": {}}},
    {"service": {"type": "NodePort", "nodePort": 30379, "externalTrafficPolicy": "Local"}},
    {"service": {"type": "LoadBalancer", "loadBalancerClass": "example.com/nlb"}},
    {"service": {"ipFamilies": ["IPv6", "IPv4"], "annotations": {"example.com/a": "any text"}}},
    {"memberAddresses": {"names": ["a.example.com", "10.0.0.1", "2001:db8::1"]}},
    {"memberAddresses": {"service": {"type": "LoadBalancer"}}},
    {"service": {"aliases": ["old", "db", "db-clients", "olddb-client"]}},
    {"security": {"networkPolicy": {"clientFrom": [], "metricsFrom": []}}},
    {"security": {"tls": {"metricsTLSEnabled": True}}},
    {
        "security": {
            "networkPolicy": {"clientFrom": [{"ipBlock": {**BLOCK, "except": ["10.1.0.0/16"]}}]}
        }
    },
    {"security": {"networkPolicy": {"enabled": False, "clientFrom": [{}]}}},
    {"resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"memory": "1024Mi"}}},
]


@pytest.mark.parametrize(("spec", "field", "sentence"), BAD)
def test_a_mistake_is_named(spec: Json, field: str, sentence: str) -> None:
    (problem,) = find_problems(cluster(**spec))
    assert (problem.field, problem.sentence) == (field, sentence)


@pytest.mark.parametrize("spec", GOOD)
def test_what_is_possible_is_accepted(spec: Json) -> None:
    assert find_problems(cluster(**spec)) == ()


def test_all_mistakes_are_told_at_once() -> None:
    problems = find_problems(cluster(size=2, version="1.0.0", storage={"size": "x"}))
    assert [p.field for p in problems] == ["spec", "spec.size", "spec.version"]
    assert problems[0].sentence.startswith("spec.storage.size cannot be 'x'")


@pytest.mark.parametrize("name", ["a" * 53, "Db", "1db", "db.prod", "db-", "d_b"])
def test_a_name_that_does_not_fit_its_objects(name: str) -> None:
    (problem,) = find_problems(replace(cluster(), name=name))
    assert problem.field == "metadata.name"
    assert problem.sentence.startswith(f"metadata.name {name} does not fit")


@pytest.mark.parametrize("name", ["a", "a" * 52, "db-1", "d2"])
def test_a_name_that_fits(name: str) -> None:
    assert find_problems(replace(cluster(), name=name)) == ()

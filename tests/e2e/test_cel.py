"""The CRD's rules about changes, asked of the API server under a name that no operator watches."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Final

import pytest

from deploy.target import Target, TargetError
from etcd_operator.api.crd import build_crd
from etcd_operator.api.release import Version
from etcd_operator.json_types import Json
from tests.e2e.harness import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


# Another one for each process that runs tests.
GROUP: Final = f"rules-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}.example.com"
KIND: Final = f"etcdclusters.{GROUP}"
UNSAFE: Final = "not safe to upgrade to from before 3.5.26"
TOO_FAR: Final = "more than one minor version above"
OLDER: Final = "etcd goes back from 3.7 to 3.6 and from 3.6 to 3.5"

# Of one version, so that nothing is known of those between.
IMAGE: Final[Json] = {"image": f"localhost:5000/etcd@sha256:{'0' * 64}"}
CATALOG: Final[Json] = {"imageCatalogRef": {"name": "images"}}

# What members run, the version that is wanted, what is said against it where the spec names an
# image, and where it does not; None: nothing.
STEPS: Final[list[tuple[tuple[str, ...], str, str | None, str | None]]] = [
    (("3.5.25",), "v3.6.0", UNSAFE, None),
    (("3.5.9",), "3.6.16", UNSAFE, None),
    (("3.5.35", "3.5.35", "3.5.19"), "v3.6.16", UNSAFE, None),
    (("3.5.26",), "v3.6.0", None, None),
    (("3.5.35", "3.6.16"), "v3.6.16", None, None),
    (("3.5.19",), "v3.5.35", None, None),
    (("3.5.35",), "v3.7.3", TOO_FAR, None),
    (("3.5.35",), "v3.8.0", TOO_FAR, TOO_FAR),
    (("3.7.3",), "v3.8.0", None, None),
    (("3.6.16",), "v3.7.3", None, None),
    (("3.6.16",), "v3.5.35", None, None),
    (("3.5.35", "3.6.16"), "v3.5.35", None, None),
    (("3.7.3",), "v3.6.16", None, None),
    (("3.6.16", "3.7.3"), "v3.6.16", None, None),
    (("3.7.3",), "v3.5.35", OLDER, OLDER),
    (("3.8.0",), "v3.7.3", OLDER, OLDER),
    (("",), "v3.9.0", None, None),
    (("3.5.19+vendor.1", "garbage"), "v3.6.16", None, None),  # the operator judges
]
# What a formed cluster has, what it is to have, and what is said against it; None: nothing.
CHANGES: Final[list[tuple[Json, Json, str | None]]] = [
    ({"tls": {}}, {"tls": {"issuerRef": {"name": "ca"}}}, None),
    ({"tls": {"issuerRef": {"name": "ca"}}}, {"tls": {"issuerRef": None}}, None),
    (
        {"tls": {"issuerRef": {"name": "ca"}}},
        {"tls": {"issuerRef": None, "certificateSecret": "mine"}},
        None,
    ),
    (
        {"tls": {"certificateSecret": "mine"}},
        {"tls": {"issuerRef": {"name": "ca"}, "certificateSecret": None}},
        None,
    ),
    ({"tls": {"issuerRef": {"name": "ca"}}}, {"tls": {"issuerRef": {"name": "other"}}}, None),
    ({"tls": {}}, {"tls": {"peerIssuerRef": {"name": "ca"}}}, None),
    ({"tls": {"peerIssuerRef": {"name": "ca"}}}, {"tls": {"peerIssuerRef": None}}, None),
    (
        {"tls": {"peerTLSEnabled": False}},
        {"tls": {"peerIssuerRef": {"name": "ca"}}},
        "peerIssuerRef is for TLS between members, which is off",
    ),
    ({}, {"networkPolicy": {"clientFrom": [{}]}}, "name podSelector, namespaceSelector or both"),
    ({}, {"networkPolicy": {"clientFrom": [{"podSelector": {}}]}}, None),
    ({}, {"networkPolicy": {"metricsFrom": [{}]}}, "name podSelector, namespaceSelector or both"),
    ({"tls": {}}, {"tls": {"metricsTLSEnabled": True}}, None),
    ({"tls": {"metricsTLSEnabled": True}}, {"tls": {"metricsTLSEnabled": False}}, None),
    (
        {"tls": {"clientTLSEnabled": False}},
        {"tls": {"metricsTLSEnabled": True}},
        "metricsTLSEnabled uses the certificates for clients",
    ),
    ({}, {"auth": {"users": [{"name": "web", "passwordSecret": "web"}]}}, None),
    ({}, {"auth": {"users": [{"name": "web"}]}}, "one of them has no passwordSecret"),
    ({}, {"auth": {"mode": "Additive", "rootPasswordSecret": "root"}}, None),
    ({}, {"auth": {"mode": "Unmanaged"}}, "leaves the operator no user to log in as"),
    (
        {},
        {"auth": {"rootPasswordSecret": "a", "users": [{"name": "web", "passwordSecret": "a"}]}},
        "give each a Secret of its own",
    ),
    (
        {"auth": {}, "tls": {"clientTLSMode": "Permissive"}},
        {"auth": {"rootPasswordSecret": "root"}, "tls": {"clientTLSMode": "Strict"}},
        "with TLS alone the operator is known by its certificate",
    ),
    ({"auth": {}}, {"auth": None}, "auth cannot be removed"),
]
_VOLUME: Final[Json] = {"volumes": [{"name": "a", "emptyDir": {}}]}
_BESIDE: Final[Json] = {"name": "beside", "image": "a:1"}
# A new spec, and what is said against it; None: nothing.
SPECS: Final[list[tuple[Json, str | None]]] = [
    *(
        ({"recovery": {"memberReplacementDelay": delay}}, None)
        for delay in ("10s", "10000ms", "1.5m", "1h30m", "10000000us")
    ),
    *(
        ({"recovery": {"memberReplacementDelay": delay}}, "use 10s or more, such as 5m")
        for delay in ("9999ms", "0", "-5m", "5 m", "5", "1d", "soon")
    ),
    *(
        ({"version": version, "image": image}, None)
        for version, image in (
            ("3.6.4", "registry.k8s.io/etcd:3.6.4-0"),
            ("v3.6.4", "registry.k8s.io/etcd:v3.6.4"),
            ("3.6.4", f"localhost:5000/etcd@sha256:{'0' * 64}"),
            ("3.6.4", f"localhost:5000/etcd:3.6.4-0@sha256:{'0' * 64}"),
            ("3.6.4", "mirror/etcd:build-17"),
        )
    ),
    ({"imageCatalogRef": {"name": "etcd-images"}}, None),
    ({"imageCatalogRef": {"name": "Etcd images"}}, "is not the name of a ConfigMap"),
    ({"etcdConfig": {"quota": "FollowsDisk"}}, None),
    ({"etcdConfig": {"quota": "50%"}}, "FollowsDisk"),
    (
        {"etcdConfig": {"quota": "FollowsDisk", "quotaBackendBytes": 1}},
        "quota and quotaBackendBytes cannot both be given",
    ),
    (
        {"etcdConfig": {"quota": "FollowsDisk"}, "storage": {"size": "900Mi"}},
        "quota FollowsDisk needs disks of 1Gi or more",
    ),
    ({"version": "3.6.4", "image": "registry.k8s.io/etcd:3.5.21-0"}, "change both together"),
    (
        {"version": "3.5.14", "security": {"tls": {"peerIssuerRef": {"name": "ca"}}}},
        "peerIssuerRef needs etcd 3.5.15 or later",
    ),
    ({"version": "3.5.15", "security": {"tls": {"peerIssuerRef": {"name": "ca"}}}}, None),
    ({"version": "3.6.4", "security": {"tls": {"peerIssuerRef": {"name": "ca"}}}}, None),
    ({"version": "3.6.1", "image": "etcd:v3.6.16"}, "change both together"),
    *(
        ({"image": image}, "not the whole name of an image")
        for image in ("etcd", "localhost:5000/etcd", "etcd:", "Etcd:1", "etcd@sha256:12", "a b:1")
    ),
    *(
        ({"storage": {"volumeClaimTemplate": {"spec": claim}}}, "may start only on empty disks")
        for claim in (
            {"volumeName": "pv-1"},
            {"dataSource": {"kind": "PersistentVolumeClaim", "name": "data-old-0"}},
            {"dataSourceRef": {"kind": "VolumeSnapshot", "name": "old"}},
        )
    ),
    ({"storage": {"volumeClaimTemplate": {"spec": {"volumeName": "", "selector": {}}}}}, None),
    *(
        ({**template, "storage": {"wal": wal}}, said)
        for template, wal, said in (
            ({}, {}, "wal cannot be added"),
            ({}, {"size": "0"}, "use a positive quantity such as 2Gi"),
            ({"podTemplate": {"volumes": [{"name": "wal", "emptyDir": {}}]}}, {}, "use others"),
            (
                {
                    "podTemplate": {
                        "volumes": [{"name": "a", "emptyDir": {}}],
                        "volumeMounts": [{"name": "a", "mountPath": "/var/lib/etcd-wal/a"}],
                    }
                },
                {},
                "use others",
            ),
        )
    ),
    *(
        ({**spec, "storage": {"ephemeral": {}, **storage}}, said)
        for spec, storage, said in (
            ({}, {}, "ephemeral cannot be added"),
            ({}, {"ephemeral": {"sizeLimit": "0"}}, "sizeLimit 0 is not a size"),
            ({}, {"ephemeral": {"medium": "Disk"}}, "Unsupported value"),
            ({}, {"size": "20Gi"}, "set ephemeral.sizeLimit"),
            ({}, {"storageClassName": "a"}, "storageClassName is that of disks"),
            ({}, {"volumeAttributesClassName": "a"}, "volumeAttributesClassName is that of disks"),
            ({}, {"volumeClaimTemplate": {}}, "volumeClaimTemplate is for disks"),
            ({}, {"wal": {}}, "wal is a disk, and with ephemeral there are none"),
            ({}, {"retentionPolicy": {"whenScaled": "Retain"}}, "an emptyDir goes with its Pod"),
            ({"size": 0}, {}, "size 0 would lose all data"),
            ({"etcdConfig": {"quota": "FollowsDisk"}}, {}, "quota follows disks"),
            (
                {"bootstrap": {"joinExisting": {"source": {"statefulSet": "a"}}}},
                {},
                "give the new members disks",
            ),
            (
                {"recovery": {"quorumLoss": {"clusterID": "a", "acceptedRevision": 1}}},
                {},
                "quorumLoss goes on from a disk that was kept",
            ),
        )
    ),
    *(
        ({"bootstrap": {"mirror": {"source": source}, **others}}, said)
        for source, others, said in (
            ({"endpoints": ["http://a:2379", "http://b:2379"]}, {}, None),
            ({"endpoints": ["https://a:2379"], "caSecret": "ca"}, {}, None),
            ({"endpoints": ["https://a:2379"]}, {}, "needs exactly one of clientCertificateSecret"),
            ({"endpoints": ["http://a:2379"], "caSecret": "ca"}, {}, "needs exactly one of client"),
            (
                {"endpoints": ["http://a:2379", "https://a:2379"], "caSecret": "ca"},
                {},
                "have to be all of https:// or all of http://",
            ),
            (
                {"endpoints": ["http://a:2379"]},
                {"joinExisting": {"source": {"statefulSet": "a"}}},
                "cannot be together with joinExisting",
            ),
        )
    ),
    *(
        ({"service": service}, said)
        for service, said in (
            ({}, None),
            ({"type": "NodePort", "nodePort": 30379, "ipFamilies": ["IPv4"]}, None),
            ({"nodePort": 30379}, "nodePort is for types NodePort and LoadBalancer"),
            ({"loadBalancerClass": "a"}, "loadBalancerClass is for type LoadBalancer"),
            ({"ipFamilies": ["IPv4", "IPv4"]}, "ipFamilies names one family twice"),
            (
                {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "SingleStack"},
                "ipFamilies names two families",
            ),
            ({"annotations": {"etcd.etcd.io/a": "b"}}, "those that the operator sets itself"),
        )
    ),
    *(
        ({"memberAddresses": addresses}, said)
        for addresses, said in (
            ({"names": ["a.example.com", "10.0.0.1", "2001:db8::1"]}, None),
            ({"names": ["No.example.com"]}, "no DNS name in lower case and no IP address"),
            ({"names": ["a:2379"]}, "no DNS name in lower case and no IP address"),
            ({"names": ["a", "a"]}, "names have the same name twice"),
            ({"service": {"type": "LoadBalancer"}}, None),
            ({"service": {"type": "NodePort", "nodePort": 30379}}, "one port for all members"),
        )
    ),
    *(
        ({"podTemplate": template}, said)
        for template, said in (
            ({"env": [{"name": "ETCD_NAME", "value": "x"}]}, "set by the operator itself"),
            ({"env": [{"name": "A"}, {"name": "A"}]}, "Duplicate value"),
            ({"env": [{"name": "A", "value": "b", "valueFrom": {}}]}, "remove one of them"),
            ({"env": [{"name": "ETCDCTL_API", "value": "3"}]}, None),
            ({"volumes": [{"name": "data", "emptyDir": {}}]}, "the operator's own volumes"),
            ({"volumes": [{"name": "a"}]}, "a volume has one source"),
            ({"volumes": [{"name": "a", "emptyDir": {}, "secret": {}}]}, "has one source"),
            ({"volumeMounts": [{"name": "a", "mountPath": "/a"}]}, "mount no such volume"),
            *(
                ({**_VOLUME, "volumeMounts": [{"name": "a", "mountPath": path}]}, said)
                for path, said in (
                    ("/", "paths of the member itself"),
                    ("/var/lib", "paths of the member itself"),
                    ("/etc/etcd/", "paths of the member itself"),
                    ("/usr/local/bin/x", "paths of the member itself"),
                    ("/a/../etc", "use an absolute path"),
                    ("//var//lib/etcd", "use an absolute path"),
                    ("/./var/lib/etcd", "use an absolute path"),
                    ("/var/lib/etcd-backup", None),
                )
            ),
            ({"containers": [{"name": "etcd", "image": "a"}]}, "is the member itself"),
            (
                {"containers": [_BESIDE], "initContainers": [_BESIDE]},
                "containers and initContainers have the same name",
            ),
            (
                {"containers": [{**_BESIDE, "ports": [{"containerPort": 2380}]}]},
                "are ports of etcd",
            ),
            (
                {
                    "containers": [
                        {**_BESIDE, "volumeMounts": [{"name": "data", "mountPath": "/d"}]}
                    ]
                },
                "mount no such volume",
            ),
            ({"dnsPolicy": "None"}, "needs name servers"),
            ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.10", "fd00::1"]}}, None),
            ({"hostAliases": [{"ip": "x", "hostnames": ["a"]}]}, "not an IP address"),
            ({"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a.b"]}]}, None),
            ({"livenessProbe": {"failureThreshold": 2}}, "raise periodSeconds or failureThreshold"),
        )
    ),
]


CHANGES_OF_DISKS: Final[list[tuple[Json, Json, str | None]]] = [
    *(
        ({kind: before} if kind else before, {kind: after} if kind else after, sentence)
        for kind in ("", "wal")
        for before, after, sentence in (
            ({}, {"volumeAttributesClassName": "a"}, None),
            ({"volumeAttributesClassName": "a"}, {"volumeAttributesClassName": "b"}, None),
            (
                {"volumeAttributesClassName": "a"},
                {"volumeAttributesClassName": None},
                "a VolumeAttributesClass cannot be removed",
            ),
        )
    ),
]


@pytest.fixture(scope="module")
def definition(target: Target) -> Iterator[Target]:
    """The same definition in another group."""
    crd = build_crd()
    crd["metadata"]["name"] = KIND
    crd["spec"]["group"] = GROUP
    crd["spec"]["names"] = {
        name: text
        for name, text in crd["spec"]["names"].items()
        if name not in ("shortNames", "categories")
    }
    target.apply(crd)
    wait_until("it is served", lambda: bool(target.read("get", KIND, "--all-namespaces")), 20)
    yield target
    target.run("delete", "crd", KIND, "--wait=false")


def change(target: Target, namespace: str, before: Json, status: Json, after: Json) -> str:
    """Create an object, give it a status, change its spec; return what is said against that."""
    place, name = f"--namespace={namespace}", "c"
    target.run("delete", KIND, name, place, "--ignore-not-found")
    metadata = {"name": name, "namespace": namespace}
    kind = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "EtcdCluster"}
    target.apply({**kind, "metadata": metadata, "spec": before})
    words = ("patch", KIND, name, place, "--type=merge")
    target.run(*words, "--subresource=status", f"--patch={json.dumps({'status': status})}")
    try:
        target.run(*words, f"--patch={json.dumps({'spec': after})}")
    except TargetError as error:
        return str(error)
    return ""


def test_which_version_may_follow(definition: Target, namespace: str) -> None:
    for members, wanted, with_image, without in STEPS:
        before = next((v for v in members if Version(v).release and "+" not in v), "3.5.0")
        lines = [{"name": f"c-{o}", "version": version} for o, version in enumerate(members)]
        status = {"clusterID": "c1d", "members": lines}
        for images, sentence in ((IMAGE, with_image), ({}, without)):
            ran: Json = {"version": before, **images}
            said = change(definition, namespace, ran, status, {"version": wanted})
            if sentence is None:
                assert said == "", f"{members} to {wanted}"
            else:
                assert sentence in said, f"{members} to {wanted}"


def test_a_catalog_may_have_every_version_between(definition: Target, namespace: str) -> None:
    status = {"clusterID": "c1d", "members": [{"name": "c-0", "version": "3.5.21"}]}
    before: Json = {"version": "3.5.21", **CATALOG}
    assert change(definition, namespace, before, status, {"version": "3.9.0"}) == ""


def test_what_is_fixed_and_what_is_meant(definition: Target, namespace: str) -> None:
    rows = (("security", CHANGES), ("storage", CHANGES_OF_DISKS))
    for field, before, after, sentence in ((field, *row) for field, rows in rows for row in rows):
        status = {"clusterID": "c1d"}
        said = change(definition, namespace, {field: before}, status, {field: after})
        if sentence is None:
            assert said == "", f"{before} to {after}"
        else:
            assert sentence in said, f"{before} to {after}"


def test_what_is_copied_stays_the_same(definition: Target, namespace: str) -> None:
    def mirror(prefix: str, host: str = "a") -> Json:
        source = {"endpoints": [f"http://{host}:2379"]}
        return {"bootstrap": {"mirror": {"source": source, "prefix": prefix}}}

    said = change(definition, namespace, mirror("/a"), {}, mirror("/b"))
    assert "cannot change prefix or leasedKeys" in said
    assert change(definition, namespace, mirror("/a"), {}, mirror("/a", "b")) == ""


def test_what_a_new_spec_may_say(definition: Target, namespace: str) -> None:
    kind = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "EtcdCluster"}
    for spec, sentence in SPECS:
        manifest = {**kind, "metadata": {"name": "new", "namespace": namespace}, "spec": spec}
        try:
            definition.apply(manifest)
            said = ""
        except TargetError as error:
            said = str(error)
        assert (sentence is None and said == "") or (sentence and sentence in said), (
            f"{spec}: {said}"
        )

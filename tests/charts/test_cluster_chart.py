"""The chart of a cluster: values in the manner of Bitnami become an EtcdCluster."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from deploy.charts.cluster_values import ClusterValues
from deploy.charts.values_file import list_values, read_extra
from etcd_operator.api.crd import BACKUP, CLUSTER, build_crd
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.parse_backup import parse_backup
from etcd_operator.api.unknown_fields import find_unknown
from etcd_operator.api.validation import find_problems
from etcd_operator.json_types import Json
from tests.charts.rendering import CHARTS, HelmError, pick, render, run_helm

CHART = "etcd-cluster"
REFUSED = [path for path, _, field in list_values(ClusterValues) if read_extra(field, "refused")]
BUCKET = {"storageType": "S3", "s3": {"bucket": "backups", "credentialsSecret": "s3"}}


def spec_of(values: Json) -> Json:
    """The spec of the EtcdCluster, which the API understands whole."""
    cluster = pick(render(CHART, values), "EtcdCluster")
    schema = build_crd(CLUSTER)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert list(find_unknown(cluster["spec"], schema["properties"]["spec"], "spec")) == []
    parsed = parse_cluster({**cluster, "metadata": {**cluster["metadata"], "uid": "1"}})
    assert parsed.flaws == ()
    assert find_problems(parsed) == ()
    spec: Json = cluster["spec"]
    return spec


def test_lint_finds_nothing() -> None:
    assert "0 chart(s) failed" in run_helm("lint", "--strict", str(CHARTS / CHART))


def test_the_release_names_a_cluster_of_three_that_keeps_its_disks() -> None:
    (cluster,) = render(CHART, namespace="prod")
    assert (cluster["kind"], cluster["metadata"]["name"]) == ("EtcdCluster", "r")
    assert cluster["metadata"]["namespace"] == "prod"
    spec = spec_of({})
    assert (spec["size"], spec["repository"]) == (3, "quay.io/coreos/etcd")
    assert spec["storage"]["retentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Delete"}
    assert spec.keys() == {"size", "version", "repository", "storage"}


@pytest.mark.parametrize(
    ("values", "field", "wanted"),
    [
        ({"replicaCount": 5}, "size", 5),
        ({"image": {"registry": "r.io", "repository": "a/etcd"}}, "repository", "r.io/a/etcd"),
        ({"image": {"tag": "3.5.35"}}, "version", "3.5.35"),
        ({"persistence": {"size": "20Gi"}}, "storage.size", "20Gi"),
        (
            {"persistence": {"volumeAttributesClass": "gold"}},
            "storage.volumeAttributesClassName",
            "gold",
        ),
        ({"persistence": {"storageClass": "fast"}}, "storage.storageClassName", "fast"),
        ({"persistence": {"storageClass": "-"}}, "storage.storageClassName", ""),
        ({"persistence": {"wal": {"enabled": True}}}, "storage.wal", {"size": "4Gi"}),
        (
            {"persistence": {"wal": {"enabled": True, "size": "2Gi", "storageClass": "fast"}}},
            "storage.wal",
            {"size": "2Gi", "storageClassName": "fast"},
        ),
        (
            {"persistence": {"wal": {"enabled": True, "volumeAttributesClass": "gold"}}},
            "storage.wal",
            {"size": "4Gi", "volumeAttributesClassName": "gold"},
        ),
        (
            {"persistence": {"labels": {"a": "b"}, "accessModes": ["ReadWriteOnce"]}},
            "storage.volumeClaimTemplate",
            {"metadata": {"labels": {"a": "b"}}, "spec": {"accessModes": ["ReadWriteOnce"]}},
        ),
        (
            {"auth": {"client": {"secureTransport": True}}},
            "security.tls",
            {"clientTLSEnabled": True, "peerTLSEnabled": False, "autoTLS": True},
        ),
        (
            {"auth": {"client": {"secureTransport": True, "existingSecret": "mine"}}},
            "security.tls.certificateSecret",
            "mine",
        ),
        (
            {"auth": {"client": {"secureTransport": True}, "rbac": {"create": True}}},
            "security.auth",
            {"enabled": True, "mode": "Managed", "roles": [], "users": []},
        ),
        (
            {
                "auth": {
                    "client": {"secureTransport": True},
                    "rbac": {"create": True, "mode": "Additive"},
                }
            },
            "security.auth.mode",
            "Additive",
        ),
        (
            {"auth": {"rbac": {"create": True, "rootPasswordSecret": "root"}}},
            "security",
            {
                "auth": {
                    "enabled": True,
                    "mode": "Managed",
                    "roles": [],
                    "users": [],
                    "rootPasswordSecret": "root",
                }
            },
        ),
        ({"persistence": {"enabled": False}}, "storage", {"ephemeral": {}}),
        (
            {"persistence": {"enabled": False, "ephemeral": {"medium": "Memory"}}},
            "storage.ephemeral.medium",
            "Memory",
        ),
        ({"connectionSecrets": True}, "connectionSecrets", True),
        (
            {
                "service": {
                    "type": "NodePort",
                    "ports": {"client": 80},
                    "nodePorts": {"client": "30379"},
                    "externalTrafficPolicy": "Local",
                }
            },
            "service",
            {"type": "NodePort", "port": 80, "nodePort": 30379, "externalTrafficPolicy": "Local"},
        ),
        (
            {
                "service": {
                    "type": "LoadBalancer",
                    "loadBalancerClass": "example.com/nlb",
                    "annotations": {"a": "b"},
                    "ipFamilies": ["IPv4"],
                }
            },
            "service",
            {
                "type": "LoadBalancer",
                "loadBalancerClass": "example.com/nlb",
                "annotations": {"a": "b"},
                "ipFamilies": ["IPv4"],
            },
        ),
        (
            {"memberAddresses": {"names": ["a.example.com"], "service": {"type": "LoadBalancer"}}},
            "memberAddresses",
            {"names": ["a.example.com"], "service": {"type": "LoadBalancer"}},
        ),
        (
            {"networkPolicy": {"enabled": True}},
            "security.networkPolicy",
            {"enabled": True, "clientFrom": [{"namespaceSelector": {}}]},
        ),
        (
            {"auth": {"client": {"secureTransport": True}, "metrics": {"secureTransport": True}}},
            "security.tls.metricsTLSEnabled",
            True,
        ),
        (
            {"networkPolicy": {"enabled": True, "metricsFrom": [{"namespaceSelector": {}}]}},
            "security.networkPolicy.metricsFrom",
            [{"namespaceSelector": {}}],
        ),
        (
            {"networkPolicy": {"enabled": True, "allowExternal": False}},
            "security.networkPolicy",
            {"enabled": True},
        ),
        ({"podLabels": {"a": "b"}}, "podTemplate.labels", {"a": "b"}),
        ({"nodeSelector": {"a": "b"}}, "podTemplate.nodeSelector", {"a": "b"}),
        ({"image": {"pullSecrets": ["s"]}}, "podTemplate.imagePullSecrets", [{"name": "s"}]),
        ({"inPlaceResize": True}, "inPlaceResize", True),
        ({"image": {"catalog": "images"}}, "imageCatalogRef.name", "images"),
        ({"schedulerName": "batch"}, "podTemplate.schedulerName", "batch"),
        ({"terminationGracePeriodSeconds": 60}, "podTemplate.terminationGracePeriodSeconds", 60),
        ({"extraEnvVars": [{"name": "GOGC"}]}, "podTemplate.env", [{"name": "GOGC"}]),
        (
            {"extraVolumes": [{"name": "a", "emptyDir": {}}]},
            "podTemplate.volumes",
            [{"name": "a", "emptyDir": {}}],
        ),
        (
            {
                "extraVolumes": [{"name": "a", "emptyDir": {}}],
                "extraVolumeMounts": [{"name": "a", "mountPath": "/a"}],
            },
            "podTemplate.volumeMounts",
            [{"name": "a", "mountPath": "/a"}],
        ),
        (
            {"sidecars": [{"name": "a", "image": "b"}]},
            "podTemplate.containers",
            [{"name": "a", "image": "b"}],
        ),
        (
            {"livenessProbe": {"enabled": True, "failureThreshold": 90}},
            "podTemplate.livenessProbe",
            {"failureThreshold": 90},
        ),
        ({"commonLabels": {"team": "x"}}, "inheritedMetadata.labels", {"team": "x"}),
        (
            {"autoCompactionRetention": "2h", "etcdConfig": {"quotaBackendBytes": 4294967296}},
            "etcdConfig",
            {"autoCompactionRetention": "2h", "quotaBackendBytes": 4294967296},
        ),
        ({"defrag": {"enabled": True}}, "maintenance.defragmentation", {}),
        (
            {"defrag": {"enabled": True, "window": {"start": "02:00"}}},
            "maintenance.defragmentation.window.start",
            "02:00",
        ),
        ({"resources": {"limits": {"memory": "1Gi"}}}, "resources.limits.memory", "1Gi"),
    ],
)
def test_values_become_fields(values: Json, field: str, wanted: Any) -> None:
    found: Any = spec_of(values)
    for name in field.split("."):
        found = found[name]
    assert found == wanted


def mark(values: Json, choose: Callable[[str], str], path: str = "") -> Json:
    """The values with the text of its path in every text, list and mapping, and switches on."""
    marked: Json = {}
    for name, value in values.items():
        text = choose(f"{path}{name}")
        match value:
            case bool():
                marked[name] = True
            case str():
                marked[name] = text
            case []:
                marked[name] = [text]
            case {} if not value:
                marked[name] = {"of": text}
            case dict():
                marked[name] = mark(value, choose, f"{path}{name}-")
    return marked


def texts(values: Json) -> Iterator[str]:
    """Every text in values."""
    for value in values.values():
        match value:
            case str():
                yield value
            case [str(text)]:
                yield text
            case dict():
                yield from texts(value)


def render_marked(choose: Callable[[str], str]) -> tuple[Json, str]:
    """The values with a text for each, and what they become with disks and without."""
    values = mark(ClusterValues().model_dump(by_alias=True, exclude_none=True), choose)
    values["image"]["tag"], values["service"]["nodePorts"]["client"] = "v3.6.99", "30999"
    values["disasterRecovery"]["storage"]["storageType"] = "S3"
    kept = deepcopy(values)
    chart = ("template", "123", str(CHARTS / CHART), "--namespace=123")
    words = (*chart, "--values=-", "--skip-schema-validation")
    rendered = run_helm(*words, stdin=json.dumps(values))
    values["persistence"] |= {"enabled": False, "wal": {"enabled": False}}
    return kept, rendered + run_helm(*words, stdin=json.dumps(values))


def test_no_value_is_without_effect() -> None:
    values, rendered = render_marked(lambda path: f"v-{path}")
    assert [text for text in texts(values) if text not in rendered] == []


def test_a_text_stays_one_whatever_yaml_takes_it_for() -> None:
    _, rendered = render_marked(lambda _: "123")
    assert [line for line in rendered.splitlines() if line.endswith(" 123")] == []


def test_an_image_by_digest() -> None:
    digest = "sha256:" + "a" * 64
    spec = spec_of({"image": {"digest": digest}})
    assert spec["image"] == f"quay.io/coreos/etcd@{digest}"
    assert spec["version"].startswith("v3.")


def test_disaster_recovery_is_an_etcd_backup() -> None:
    values = {"disasterRecovery": {"enabled": True, "storage": BUCKET}}
    backup = pick(render(CHART, values), "EtcdBackup")
    schema = build_crd(BACKUP)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert list(find_unknown(backup["spec"], schema["properties"]["spec"], "spec")) == []
    parsed = parse_backup({**backup, "metadata": {**backup["metadata"], "uid": "1"}})
    assert parsed.flaws == ()
    assert backup["spec"]["clusterName"] == "r"
    assert backup["spec"]["retentionPolicy"] == {"maxBackups": 1}


@pytest.mark.parametrize("path", REFUSED)
def test_what_has_no_meaning_is_refused_with_a_remedy(path: str) -> None:
    value: Any = {"enabled": True}
    for name in reversed(path.split(".")):
        value = {name: value}
    with pytest.raises(HelmError) as refused:
        render(CHART, value)
    assert f"the value {path} of Bitnami's chart has no meaning here: " in str(refused.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"image": {"tag": "3.6.4-debian-12-r0"}}, "3.6.4-debian-12-r0 is not a version of etcd"),
        ({"auth": {"metrics": {"secureTransport": True}}}, "set auth.client.secureTransport"),
        ({"disasterRecovery": {"enabled": True}}, "disasterRecovery.storage is empty"),
        ({"replicaCount": "3"}, "at '/replicaCount': got string, want integer"),
        ({"persistence": {"enabled": False, "wal": {"enabled": True}}}, "wal is a disk, and"),
        ({"replicas": 3}, "additional properties 'replicas' not allowed"),
    ],
)
def test_what_cannot_be_is_refused(values: Json, said: str) -> None:
    with pytest.raises(HelmError) as refused:
        render(CHART, values)
    assert said in str(refused.value)

"""Bad input gets one clear sentence, changes nothing, and a correction heals it."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.target import TargetError
from tests.e2e.harness import Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "even": ({"size": 2}, "size 2 is even: use 1, 3, 5, 7 or 9 members"),
    "negative": ({"size": -1}, "spec.size: Invalid value: -1"),
    "large": ({"size": 10}, "size is at most 9"),
    "word": ({"version": "banana"}, "version banana is not a supported version of etcd"),
    "old": ({"version": "3.4.9"}, "version 3.4.9 is not a supported version of etcd"),
    "malformed": ({"storage": {"size": "10Gx"}}, "size 10Gx is not a size"),
    "digits": ({"storage": {"size": "\N{ARABIC-INDIC DIGIT THREE}Gi"}}, "Gi is not a size"),
    "nothing": ({"storage": {"size": "0"}}, "size 0 is not a size"),
    "unknown": ({"colour": "red"}, 'unknown field "spec.colour"'),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_the_api_server_refuses_at_once(cluster: Cluster, case: str) -> None:
    spec, sentence = REFUSED[case]
    with pytest.raises(TargetError) as refusal:
        cluster.create(**spec)
    assert sentence in str(refusal.value)
    assert not cluster.read("get", "etcd")["items"]


def test_a_name_too_long_for_its_services(cluster: Cluster) -> None:
    cluster.name = "a" * 53
    with pytest.raises(TargetError, match="use at most 52 lower-case letters"):
        cluster.create(size=1)


def test_a_running_cluster_is_left_alone(cluster: Cluster) -> None:
    cluster.create(size=1, storage={"size": "2Gi"})
    cluster.wait_running(1)
    before = (cluster.get()["spec"], cluster.uids("pods"))
    refused: list[tuple[dict[str, Any], str]] = [
        ({"size": 4}, "size 4 is even"),
        ({"storage": {"size": "1Gi"}}, "disks cannot shrink"),
        ({"storage": {"storageClassName": "other"}}, "the StorageClass cannot change"),
        ({"version": "v3.9.0"}, "more than one minor version above"),
    ]
    for spec, sentence in refused:
        with pytest.raises(TargetError, match=sentence):
            cluster.patch(**spec)
    with pytest.raises(TargetError, match="size 2 is even"):
        cluster.scale(2)
    assert (cluster.get()["spec"], cluster.uids("pods")) == before


@pytest.mark.situation(
    "told",
    "an image that cannot be pulled",
    "Degraded names the image; a corrected spec goes on",
)
def test_an_image_that_cannot_be_pulled(cluster: Cluster) -> None:
    cluster.create(size=3, version="v3.6.99")
    said = cluster.wait_reason("Degraded", "ErrImagePull", 30)
    assert "v3.6.99" in said
    assert cluster.condition("Ready")["status"] == "False"
    cluster.patch(version="v3.6.16")
    cluster.wait_running(3)
    cluster.assert_agreement(3)


@pytest.mark.situation(
    "told",
    "a StorageClass that does not exist",
    "Degraded names it; a corrected spec goes on",
)
def test_a_storage_class_that_does_not_exist(cluster: Cluster) -> None:
    cluster.create(size=3, storage={"size": "1Gi", "storageClassName": "absent"})
    said = cluster.wait_degraded_with("absent", 30)
    assert "absent" in said
    cluster.patch(storage={"storageClassName": None})
    cluster.wait_running(3)
    cluster.assert_agreement(3)


@pytest.mark.situation(
    "told",
    "resources that no node has",
    "Degraded repeats the words of the scheduler; a corrected spec goes on",
)
def test_resources_that_no_node_has(cluster: Cluster) -> None:
    cluster.create(size=3, resources={"requests": {"cpu": "1000"}})
    said = cluster.wait_reason("Degraded", "Unschedulable", 30)
    assert "Insufficient cpu" in said
    cluster.patch(resources={"requests": {"cpu": "10m"}})
    cluster.wait_running(3)
    cluster.assert_agreement(3)


@pytest.mark.situation(
    "data",
    "an object of the name is somebody else's",
    "it is left as it is, and named",
)
def test_a_name_that_is_taken(cluster: Cluster) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "c-client", "namespace": cluster.namespace},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "theirs"}},
    }
    cluster.target.apply(service)
    cluster.create(size=1)
    said = cluster.wait_reason("Degraded", "NameTaken", 30)
    assert "Service c-client" in said
    live = cluster.read("get", "service", "c-client")
    assert live["spec"]["selector"] == {"app": "theirs"}
    cluster.kubectl("delete", "service", "c-client")
    cluster.wait_running(1)

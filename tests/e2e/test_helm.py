"""The chart on a real cluster, by Helm: from the manifests, upgrade, rollback, uninstall."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.installer import install, wait_for_operator
from deploy.manifests import NAME, NAMESPACE
from deploy.target import PROJECT, Target, TargetError
from tests.e2e.harness import Cluster
from tests.e2e.helm import Helm, connect_helm
from tests.e2e.previous_release import provide_previous_image

pytestmark = [pytest.mark.e2e, pytest.mark.apart, pytest.mark.timeout(300)]

CHART = str(PROJECT / "deploy" / "helm" / "etcd-operator")
PLACE = f"--namespace={NAMESPACE}"


def image_of(target: Target) -> str:
    spec = target.read("get", "deployment", NAME, PLACE)["spec"]["template"]["spec"]
    return str(spec["containers"][0]["image"])


def set_image(image: str) -> str:
    repository, _, tag = image.rpartition(":")
    return f"--set=image.repository={repository},image.tag={tag}"


def lives(cluster: Cluster) -> dict[str, int]:
    """The Pods of a cluster, each with the restarts of its containers."""
    return {
        pod["metadata"]["uid"]: sum(c["restartCount"] for c in pod["status"]["containerStatuses"])
        for pod in cluster.objects("pods")
    }


@pytest.fixture
def helm(target: Target) -> Iterator[Helm]:
    """Helm; afterwards the operator is installed from its manifests as before."""
    image = image_of(target)
    helm = connect_helm(target, NAMESPACE)
    # Of a run that was cut off: the record of its release goes, its objects stay.
    target.run("delete", "secret", PLACE, f"--selector=owner=helm,name={NAME}")
    yield helm
    helm.run("uninstall", NAME, "--ignore-not-found", "--wait")
    install(target, image)


def test_install_upgrade_roll_back_and_uninstall(
    target: Target, cluster: Cluster, helm: Helm, tmp_path: Path
) -> None:
    image = image_of(target)
    previous = provide_previous_image(target, tmp_path)
    cluster.create(size=1)
    cluster.wait_running(1)
    cluster.put("key", "value")
    before, claims = lives(cluster), cluster.uids("pvc")
    takes_over = ("--take-ownership", "--force-conflicts", "--wait", "--timeout=2m")
    helm.run("install", NAME, CHART, *takes_over, set_image(previous))
    assert image_of(target) == previous
    helm.run("upgrade", NAME, CHART, "--wait", "--timeout=2m", set_image(image))
    assert image_of(target) == image
    assert lives(cluster) == before, "no member is restarted by an upgrade"
    cluster.scale(3)
    cluster.wait_running(3)
    grown = lives(cluster)
    helm.run("rollback", NAME, "--wait", "--timeout=2m")
    assert image_of(target) == previous
    assert helm.revisions(NAME) == [(1, "superseded"), (2, "superseded"), (3, "deployed")]
    wait_for_operator(target)
    cluster.wait_running(3)
    assert lives(cluster) == grown, "nor by the way back"
    identity = cluster.get()["metadata"]["uid"]
    helm.run("uninstall", NAME, "--wait", "--timeout=2m")
    with pytest.raises(TargetError, match="not found"):
        image_of(target)
    # Not a field of the cluster, not a Pod, not a disk is gone, and its data is served.
    assert cluster.get()["metadata"]["uid"] == identity
    assert lives(cluster) == grown
    assert claims.items() <= cluster.uids("pvc").items()
    assert cluster.read_key("key") == "value"
    install(target, image)
    cluster.scale(1)
    cluster.wait_running(1)
    assert cluster.read_key("key") == "value"
    assert lives(cluster).keys() == before.keys()

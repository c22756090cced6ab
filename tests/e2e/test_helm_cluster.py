"""A cluster as a release of Helm: made, grown, and uninstalled with its disks kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.target import PROJECT, Target
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.helm import Helm, connect_helm
from tests.e2e.previews import as_previewed, held

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CHART = str(PROJECT / "deploy" / "helm" / "etcd-cluster")
SMALL = "--set=resources.requests.cpu=10m,persistence.size=1Gi"


def test_a_cluster_by_values(target: Target, namespace: str, tmp_path: Path) -> None:
    helm, cluster = connect_helm(target, namespace), Cluster(target, namespace, "db")
    first = ("install", "db", CHART, SMALL, "--set=replicaCount=1")
    with as_previewed(cluster, manifest=render(helm, tmp_path, *first)):
        notes = helm.run(*first)
        cluster.wait_running(1)
    assert f"http://db-client.{namespace}:2379" in notes
    assert "WARNING" not in notes
    cluster.put("key", "value")
    larger = ("upgrade", "db", CHART, "--reset-then-reuse-values", "--set=replicaCount=3")
    with as_previewed(cluster, manifest=render(helm, tmp_path, *larger)):
        helm.run(*larger)
        cluster.wait_running(3)
    cluster.assert_agreement(3)
    claims = cluster.uids("pvc")
    with held(cluster), as_previewed(cluster, deleted=True):
        helm.run("uninstall", "db")
    wait_until("the Pods are gone", lambda: not cluster.objects("pods"))
    assert cluster.uids("pvc") == claims, "the chart keeps disks by default"


def render(helm: Helm, directory: Path, *words: str) -> Path:
    """Write what Helm would apply to a file."""
    manifest = directory / "db.yaml"
    manifest.write_text(json.loads(helm.run(*words, "--dry-run", "--output=json"))["manifest"])
    return manifest

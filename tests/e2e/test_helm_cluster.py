"""A cluster as a release of Helm: made, grown, and uninstalled with its disks kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.target import PROJECT, Target
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.helm import connect_helm
from tests.e2e.previews import as_previewed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

CHART = str(PROJECT / "deploy" / "helm" / "etcd-cluster")
SMALL = "--set=resources.requests.cpu=10m,persistence.size=1Gi"


def test_a_cluster_by_values(target: Target, namespace: str, tmp_path: Path) -> None:
    helm, cluster = connect_helm(target, namespace), Cluster(target, namespace, "db")
    notes = helm.run("install", "db", CHART, SMALL, "--set=replicaCount=1")
    assert f"http://db-client.{namespace}:2379" in notes
    assert "WARNING" not in notes
    cluster.wait_running(1)
    cluster.put("key", "value")
    larger = ("db", CHART, "--reuse-values", "--set=replicaCount=3")
    manifest = tmp_path / "db.yaml"
    manifest.write_text(helm.run("upgrade", *larger, "--dry-run", "--output=json"))
    manifest.write_text(json.loads(manifest.read_text())["manifest"])
    with as_previewed(cluster, manifest=manifest):
        helm.run("upgrade", *larger)
        cluster.wait_running(3)
    cluster.assert_agreement(3)
    claims = cluster.uids("pvc")
    helm.run("uninstall", "db")
    wait_until("the Pods are gone", lambda: not cluster.objects("pods"))
    assert cluster.uids("pvc") == claims, "the chart keeps disks by default"

"""The sample manifests of the earlier operator of this API group, applied as they are."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.target import Target
from tests.e2e.harness import Cluster
from tests.e2e.previews import as_applied

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.yaml"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_reaches_running(target: Target, namespace: str, path: Path) -> None:
    text = path.read_text()
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(text))
    clusters = [Cluster(target, namespace, d["metadata"]["name"]) for d in documents]
    with ExitStack() as previewed:
        for document, cluster in zip(documents, clusters, strict=True):
            previewed.enter_context(as_applied(cluster, document))
        target.run("apply", f"--namespace={namespace}", "--filename=-", stdin=text)
        for document, cluster in zip(documents, clusters, strict=True):
            cluster.wait_running(document["spec"]["size"])
    for document, cluster in zip(documents, clusters, strict=True):
        cluster.put("key", "value")
        assert cluster.read_key("key") == "value"
        cluster.assert_agreement(document["spec"]["size"])


def test_the_version_names_the_same_image_with_and_without_v(
    target: Target, namespace: str
) -> None:
    clusters = [
        Cluster(target, namespace, name, {"size": 1, "version": version})
        for name, version in (("plain", "3.5.21"), ("with-v", "v3.5.21"))
    ]
    for cluster in clusters:
        cluster.create()
    for cluster in clusters:
        cluster.wait_running(1)
    images = {c.objects("pods")[0]["spec"]["containers"][0]["image"] for c in clusters}
    assert images == {"quay.io/coreos/etcd:v3.5.21"}
    assert {c.status()["members"][0]["version"] for c in clusters} == {"3.5.21"}

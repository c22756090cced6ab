"""The pages about backups and restores, carried out as they are written."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

import pytest
import yaml

from demo.object_store import ObjectStore
from deploy.target import Target
from etcd_operator.json_types import Json
from tests.e2e.backup_harness import Task
from tests.e2e.harness import SMALL, Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = "https://s3.example.com"


def read_examples(page: str) -> dict[str, Json]:
    """The manifests that a page shows, by name."""
    found = [yaml.safe_load(text) for text in FENCE.findall((PAGES / page).read_text())]
    return {manifest["metadata"]["name"]: manifest for manifest in found}


def apply(target: Target, namespace: str, store: ObjectStore, manifest: Json) -> Task:
    """Apply a manifest of a page to the S3 service that is there."""
    name = manifest["metadata"]["name"]
    spec = manifest["spec"]
    for place in (spec, spec.get("source") or {}):
        if "s3" in place:
            assert place["s3"]["endpoint"] == ELSEWHERE
            place["s3"]["endpoint"] = store.endpoint
    task = Task(target, namespace, manifest["kind"], name)
    task.create(**spec)
    return task


@pytest.mark.usefixtures("secrets")
def test_the_pages_do_what_they_say(target: Target, namespace: str, store: ObjectStore) -> None:
    cluster = Cluster(target, namespace, "db", {"size": 1, "version": "v3.6.16"})
    cluster.create()
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": "archive", "namespace": namespace}
    kind = {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
    target.apply({**kind, "metadata": metadata, "spec": claim})
    backup_key = base64.b64encode(os.urandom(32)).decode()
    cluster.kubectl("create", "secret", "generic", "backup-key", f"--from-literal=key={backup_key}")
    cluster.wait_running(1)
    cluster.put("key", "value")

    backups, restores = read_examples("back-up.md"), read_examples("restore.md")
    assert list(backups) == ["before-the-move", "nightly", "encrypted", "to-a-disk"]
    assert list(restores) == ["copy", "disaster", "back"]
    made = {name: apply(target, namespace, store, m) for name, m in backups.items()}
    made["before-the-move"].wait_completed()
    encrypted = made["encrypted"].wait_completed()
    url = encrypted["storagePath"]
    assert len(encrypted["keyFingerprint"]) == 16
    assert made["to-a-disk"].wait_completed()["storagePath"].startswith("file:///etcd/")
    made["nightly"].wait_message("waits for the time of the schedule", phase="Pending")

    copy = apply(target, namespace, store, restores["copy"])
    copy.wait_completed()
    assert Cluster(target, namespace, "db-copy").read_key("key") == "value"

    cluster.put("key", "a later value")
    back = apply(target, namespace, store, restores["back"])
    back.wait_completed()
    assert cluster.read_key("key") == "value"

    cluster.kubectl("delete", "etcdrestore,etcdbackup", "--all")
    cluster.kubectl("delete", "etcd", "--all")
    assert_back_from_a_disaster(cluster, store, restores["disaster"], url)


def assert_back_from_a_disaster(
    cluster: Cluster, store: ObjectStore, restore: Json, url: str
) -> None:
    """The page's example, with the address of the backup that was made, brings the key back."""
    spec = restore["spec"]
    form = r"s3://backups/[^/]+/[^/]+/\d{8}T\d{6}Z-r\d+-[0-9a-f]{8}-[0-9a-f]{8}\.json"
    assert re.fullmatch(form, spec["source"]["url"])
    assert re.fullmatch(form, url), "the page shows what it looks like"
    spec["source"]["url"] = url
    spec["encryption"] = {"keySecret": "backup-key"}
    spec["clusterTemplate"]["resources"] = SMALL
    apply(cluster.target, cluster.namespace, store, restore).wait_completed()
    again = Cluster(cluster.target, cluster.namespace, "db-again")
    again.wait_running(3)
    assert again.read_key("key") == "value"

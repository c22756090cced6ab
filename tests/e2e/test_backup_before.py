"""Backups before an upgrade and a deletion: both wait for one that is proven to restore."""

from __future__ import annotations

import pytest

from demo.object_store import ObjectStore
from deploy.target import Target
from tests.e2e.backup_harness import TAKEN_BEFORE, Task, find_taken
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_foreseen, as_previewed

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.mark.usefixtures("secrets")
def test_an_upgrade_and_a_deletion_wait_for_their_backups(
    target: Target, namespace: str, store: ObjectStore
) -> None:
    wishes = {"beforeUpgrade": "nightly", "beforeDeletion": "nightly"}
    cluster = Cluster(target, namespace, "db", {"size": 1, "version": "v3.5.21", "backup": wishes})
    cluster.create()
    cluster.wait_running(1)
    cluster.put("key", "value")
    waits = "EtcdBackup nightly of EtcdCluster db does not exist"
    with as_previewed(cluster, "version=v3.6.16"):
        cluster.patch(version="v3.6.16")
        wait_until("it says why it waits", lambda: waits in cluster.status()["message"], 20)
    assert cluster.member("db-0")["version"] == "3.5.21", "nothing begins without a backup"

    template = Task(target, namespace, "EtcdBackup", "nightly")
    with as_foreseen(cluster):
        template.create(clusterName="db", storageType="S3", s3=store.destination(), suspend=True)
        wait_until("it is upgraded", lambda: cluster.member("db-0").get("version") == "3.6.16", 90)
        cluster.wait_running(1)
    steps = find_taken(cluster)
    before = {
        step["metadata"]["annotations"][TAKEN_BEFORE].split()[1]: step["status"] for step in steps
    }
    assert {status["phase"] for status in before.values()} == {"Completed"}
    assert {to: status["etcdVersion"] for to, status in before.items()} == {
        "v3.5.35": "3.5.21",
        "v3.6.16": "3.5.35",
    }, "3.6 follows 3.5.26 or later: one is taken before each step, and not after"

    cluster.delete(wait=False)
    wait_until("the backup begins", lambda: len(find_taken(cluster)) == 3, 20)
    assert cluster.read_key("key") == "value", "it serves until it is complete"
    cluster.kubectl("wait", "--for=delete", "etcd/db", "--timeout=60s")
    assert not cluster.objects("pvc")
    *_, deletion = find_taken(cluster)
    assert deletion["status"]["phase"] == "Completed"
    assert deletion["status"]["keyCount"] == 1
    assert deletion["status"]["storagePath"].startswith("s3://")

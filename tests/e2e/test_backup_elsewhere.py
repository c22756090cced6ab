"""A backup of one namespace restored in another, which has Secrets of its own."""

from __future__ import annotations

import pytest

from demo.object_store import ObjectStore
from deploy.target import Target
from tests.e2e.backup_harness import Task
from tests.e2e.harness import SMALL, Cluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.mark.usefixtures("secrets")
def test_a_backup_of_another_namespace_is_restored(
    target: Target, namespace: str, elsewhere: str, store: ObjectStore
) -> None:
    cluster = Cluster(target, namespace, "db", {"size": 1, "version": "v3.6.16"})
    cluster.create()
    cluster.wait_running(1)
    cluster.put("key", "value")
    backup = Task(target, namespace, "EtcdBackup", "nightly")
    backup.create(clusterName="db", storageType="S3", s3=store.destination(), verify=False)
    backup.wait_completed()

    restore = Task(target, elsewhere, "EtcdRestore", "r")
    template = {"size": 1, "version": "v3.6.16", "resources": SMALL, "storage": {"size": "1Gi"}}
    restore.create(
        backupName="nightly",
        backupNamespace=namespace,
        clusterName="db",
        clusterTemplate=template,
    )
    restore.wait_message("does not allow it: annotate it with", phase="Pending")
    consent = f"etcd.etcd.io/backup-from={elsewhere}"
    target.read("annotate", "EtcdBackup", "nightly", consent, f"--namespace={namespace}")
    # The Secrets that the EtcdBackup names are looked for where the restore is, and nowhere else.
    restore.wait_message("does not exist in this namespace")
    target.apply(*store.secrets(elsewhere))
    restore.wait_completed(60)
    assert Cluster(target, elsewhere, "db").read_key("key") == "value"
    assert cluster.read_key("key") == "value"

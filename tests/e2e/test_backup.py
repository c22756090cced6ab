"""Backups to a real S3 service, proven by restoring them: the cluster is lost, and is back."""

from __future__ import annotations

import base64
import json
import os
from typing import Any, Final

import obstore
import pytest

from demo.object_store import ObjectStore
from deploy.target import Target
from etcd_operator.json_types import Json
from tests.e2e.backup_harness import Task, bucket, list_keys
from tests.e2e.harness import SMALL, Cluster, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


TEMPLATE: Json = {"resources": SMALL, "storage": {"size": "1Gi"}}


def back_up(cluster: Cluster, store: ObjectStore, name: str = "b", **spec: Any) -> Task:
    """Create an EtcdBackup of a cluster."""
    backup = Task(cluster.target, cluster.namespace, "EtcdBackup", name)
    wanted = {
        "clusterName": cluster.name,
        "storageType": "S3",
        "s3": store.destination(),
        **spec,
    }
    backup.create(**wanted)
    return backup


def source(store: ObjectStore, url: str) -> Json:
    """`spec.source` of an EtcdRestore."""
    access = store.destination()
    del access["bucket"]
    return {"url": url, "s3": access}


def write_keys(cluster: Cluster, count: int) -> None:
    for number in range(count):
        cluster.put(f"key-{number}", f"value-{number}")


@pytest.mark.usefixtures("secrets")
def test_a_lost_cluster_is_back_from_one_manifest(
    target: Target, namespace: str, store: ObjectStore
) -> None:
    cluster = Cluster(target, namespace, "db", {"size": 3, "version": "v3.6.16"})
    cluster.create()
    cluster.wait_running(3)
    write_keys(cluster, 5)
    cluster.etcdctl("del", "key-4")
    before = int(json.loads(cluster.etcdctl("get", "x", "--write-out=json"))["header"]["revision"])
    status = assert_backed_up(back_up(cluster, store), before)
    manifest = read_manifest(target, namespace, store, status)
    assert manifest["revision"] == before
    assert len(manifest["members"]) == 3
    wait_until(
        "the cluster shows the time of its backup",
        lambda: cluster.status()["lastBackupTime"] == status["completionTime"],
        10,
    )
    wait_until("it is healthy", lambda: cluster.condition("BackupHealthy")["status"] == "True", 30)
    first_id = cluster.status()["clusterID"]

    cluster.delete()
    assert not cluster.objects("pvc")
    restore = Task(target, namespace, "EtcdRestore", "r")
    restore.create(
        backupName="b",
        clusterName="db",
        clusterTemplate={**TEMPLATE, "size": 3, "version": "v3.6.16"},
    )
    done = restore.wait_completed()
    assert done["restoredRevision"] == before
    assert done["restoredSize"] == status["snapshotSize"]
    cluster.wait_running(3)
    assert [cluster.read_key(f"key-{n}") for n in range(5)] == [
        *(f"value-{n}" for n in range(4)),
        "",
    ]
    assert cluster.status()["clusterID"] != first_id, "nobody mistakes it for the lost one"
    assert_restored(cluster)


def assert_backed_up(backup: Task, revision: int) -> Json:
    """It is complete, and verified, and says what it holds; returns its status."""
    status = backup.wait_completed()
    assert status["etcdRevision"] == revision
    assert status["keyCount"] == 4
    assert status["etcdVersion"] == "3.6.16"
    verified = backup.condition("Verified")
    assert verified["status"] == "True"
    assert "equals the cluster's" in verified["message"]
    return status


def read_manifest(target: Target, namespace: str, store: ObjectStore, status: Json) -> Json:
    """What is written beside the backup, after a look at whether both are there, and no more."""
    with bucket(target, store) as objects:
        key = status["storagePath"].removeprefix("s3://backups/")
        assert key.startswith(f"{namespace}/db/")
        manifest: Json = json.loads(bytes(obstore.get(objects, key).bytes()))
        stored = key.rpartition("/")[0] + "/" + manifest["object"]
        assert {k for k in list_keys(objects) if k.startswith(namespace)} == {key, stored}
        assert obstore.head(objects, stored)["size"] == status["backupSize"]
    return manifest


def assert_restored(cluster: Cluster) -> None:
    """It agrees with itself, its history is another one, and it goes on like any other."""
    cluster.assert_agreement(3)
    answer = json.loads(cluster.etcdctl("get", "key-0", "--write-out=json"))
    assert answer["header"]["revision"] > 1_000_000_000, "watchers of the lost one notice"
    gates = cluster.read("get", "configmap", "db-config")["data"].values()
    assert not [text for text in gates if 'initial-cluster-state: "new"' in text]
    cluster.put("after", "the restore")
    cluster.scale(1)
    cluster.wait_running(1)
    assert cluster.read_key("after") == "the restore"


@pytest.mark.usefixtures("secrets")
def test_it_is_restored_from_a_url_when_nothing_else_is_left(
    target: Target, namespace: str, store: ObjectStore
) -> None:
    """Elsewhere, in another size, by a later etcd; uncompressed and unverified backups as well."""
    cluster = Cluster(target, namespace, "old", {"size": 1, "version": "v3.5.35"})
    cluster.create()
    cluster.wait_running(1)
    write_keys(cluster, 3)
    plain = back_up(cluster, store, "plain", compression=False, verify=False)
    url = plain.wait_completed()["storagePath"]
    assert plain.condition("Verified")["status"] == "Unknown"
    cluster.kubectl("delete", "etcdbackup", "plain")
    cluster.delete()

    restore = Task(target, namespace, "EtcdRestore", "r")
    restore.create(
        source=source(store, url),
        clusterName="new",
        clusterTemplate={**TEMPLATE, "size": 3, "version": "v3.6.16"},
    )
    restore.wait_completed()
    new = Cluster(target, namespace, "new")
    new.wait_running(3)
    assert new.read_key("key-2") == "value-2"
    new.assert_agreement(3)
    new.kubectl("delete", "etcdrestore", "r")
    assert new.read_key("key-2") == "value-2", "the cluster outlives the EtcdRestore"


@pytest.mark.usefixtures("secrets")
def test_damage_is_told_and_mended(target: Target, namespace: str, store: ObjectStore) -> None:
    """Flipped, cut off, newer than the etcd: nothing starts on it, and it goes on when mended."""
    cluster = Cluster(target, namespace, "db", {"size": 1, "version": "v3.6.16"})
    cluster.create()
    cluster.wait_running(1)
    write_keys(cluster, 3)
    status = back_up(cluster, store).wait_completed()
    manifest_key = status["storagePath"].removeprefix("s3://backups/")
    key = manifest_key.removesuffix(".json") + ".db.zst"
    assert_refused_before_anything(target, namespace)
    with bucket(target, store) as objects:
        good = bytes(obstore.get(objects, key).bytes())
        half = len(good) // 2
        obstore.put(objects, key, good[:half] + bytes([good[half] ^ 1]) + good[half + 1 :])
    restore = Task(target, namespace, "EtcdRestore", "r")
    restore.create(
        backupName="b",
        clusterName="again",
        clusterTemplate={**TEMPLATE, "size": 1, "version": "v3.6.16"},
    )
    restore.wait_message("is damaged")
    in_place = Task(target, namespace, "EtcdRestore", "in-place")
    in_place.create(backupName="b", clusterName="db", restoreType="Replace")
    in_place.wait_message("is damaged")
    assert cluster.status()["phase"] == "Running", "it was not touched"
    cluster.kubectl("delete", "etcdrestore", "in-place")
    again = Cluster(target, namespace, "again")
    assert again.status()["phase"] == "Creating"
    assert "EtcdRestore fills the disks" in again.status()["message"]
    assert not again.objects("pods")
    with bucket(target, store) as objects:
        obstore.put(objects, key, good[:half])
    restore.wait_message("is damaged: it was cut off", 90)
    with bucket(target, store) as objects:
        obstore.put(objects, key, good)
    restore.wait_completed(150)
    assert again.read_key("key-1") == "value-1"
    assert cluster.read_key("key-1") == "value-1"


def assert_refused_before_anything(target: Target, namespace: str) -> None:
    """An etcd that cannot read the backup, and a name that is taken."""
    older = Task(target, namespace, "EtcdRestore", "older")
    older.create(
        backupName="b",
        clusterName="older",
        clusterTemplate={**TEMPLATE, "size": 1, "version": "v3.5.35"},
    )
    older.wait_message("which v3.5.35 cannot read: set spec.clusterTemplate.version to v3.6.16")
    clash = Task(target, namespace, "EtcdRestore", "clash")
    clash.create(backupName="b", clusterName="db", clusterTemplate={**TEMPLATE, "size": 1})
    clash.wait_message("EtcdCluster db exists, and a restore never touches")


# By name: what is wrong about the destination, and what is said about it.
FAULTS: Final[dict[str, tuple[dict[str, str], str]]] = {
    "wrong": ({"credentialsSecret": "wrong"}, "refuses the credentials of Secret wrong"),
    "absent": ({"credentialsSecret": "absent"}, "Secret absent does not exist"),
    "bucket": ({"bucket": "nowhere"}, "The bucket of s3://nowhere does not exist: create it"),
    "untrusted": ({"caSecret": ""}, "its certificate is not trusted: set caSecret"),
    "unknown": ({"endpoint": "https://nowhere.example.invalid"}, "not known to the cluster's DNS"),
}


@pytest.mark.timeout(420)
@pytest.mark.usefixtures("secrets")
def test_every_fault_has_its_sentence(target: Target, namespace: str, store: ObjectStore) -> None:
    cluster = Cluster(target, namespace, "db", {"size": 1, "version": "v3.6.16"})
    cluster.create()
    wrong = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing"}
    cluster.kubectl(
        "create",
        "secret",
        "generic",
        "wrong",
        *(f"--from-literal={k}={v}" for k, v in wrong.items()),
    )
    cluster.wait_running(1)
    backups = {
        name: back_up(cluster, store, name, verify=False, s3=store.destination(**change))
        for name, (change, _) in FAULTS.items()
    }
    missing = back_up(Cluster(target, namespace, "nobody"), store, "missing")
    missing.wait_message("EtcdCluster nobody does not exist in namespace", phase="Pending")
    for name, (_, words) in FAULTS.items():
        backups[name].wait_message(words, 150)
        assert backups[name].status()["consecutiveFailures"] >= 1
        if name != "wrong":
            cluster.kubectl("delete", "etcdbackup", name)
    said = cluster.wait_reason("BackupHealthy", "BackupFailing")
    assert "EtcdBackup wrong:" in said
    # What was wrong is put right, and it goes on by itself.
    cluster.kubectl("delete", "secret", "wrong")
    keys = store.secrets(namespace)[0]
    keys["metadata"]["name"] = "wrong"
    target.apply(keys)
    backups["wrong"].wait_completed(120)


@pytest.mark.usefixtures("secrets")
def test_a_schedule_keeps_what_its_policy_says(
    target: Target, namespace: str, store: ObjectStore
) -> None:
    cluster = Cluster(target, namespace, "db", {"size": 1, "version": "v3.6.16"})
    cluster.create()
    cluster.wait_running(1)
    once = back_up(cluster, store, "once")
    backup = back_up(
        cluster, store, "often", schedule="* * * * *", retentionPolicy={"maxBackups": 1}
    )
    once.wait_completed()
    first = backup.wait_completed(90)
    assert first["nextScheduleTime"] > first["lastScheduleTime"]

    def second() -> bool:
        status = backup.status()
        return bool(status["storagePath"] != first["storagePath"])

    wait_until("the next one", second, 90)
    backup.create(
        clusterName="db",
        storageType="S3",
        s3=store.destination(),
        schedule="* * * * *",
        retentionPolicy={"maxBackups": 1},
        suspend=True,
    )
    wait_until("it is suspended", lambda: not backup.status().get("nextScheduleTime"), 30)
    last = backup.status()["storagePath"].removeprefix("s3://backups/")
    kept = once.status()["storagePath"].removeprefix("s3://backups/")
    with bucket(target, store) as objects:
        found = [k for k in list_keys(objects) if k.startswith(namespace) and k.endswith(".json")]
    assert sorted(found) == sorted([last, kept]), "its own older one is gone, and no other"


@pytest.mark.usefixtures("secrets")
def test_with_tls_and_users_it_is_the_same(
    target: Target, namespace: str, store: ObjectStore
) -> None:
    """The Job shows the operator's certificate, and so does the restored cluster's operator.

    And with a key: the EtcdBackup's is used, and another is told.
    """
    security: Json = {"tls": {}, "auth": {}}
    cluster = Cluster(
        target, namespace, "db", {"size": 1, "version": "v3.6.16", "security": security}
    )
    cluster.create()
    for name in ("backup-key", "other-key"):
        key = base64.b64encode(os.urandom(32)).decode()
        cluster.kubectl("create", "secret", "generic", name, f"--from-literal=key={key}")
    cluster.wait_running(1)
    backup = back_up(cluster, store, encryption={"keySecret": "backup-key"})
    fingerprint = backup.wait_completed()["keyFingerprint"]
    assert "equals the cluster's" in backup.condition("Verified")["message"]
    restore = Task(target, namespace, "EtcdRestore", "r")
    wrong = Task(target, namespace, "EtcdRestore", "wrong")
    restore.create(backupName="b", clusterName="copy")
    wrong.create(backupName="b", clusterName="wrong", encryption={"keySecret": "other-key"})
    told = wrong.wait_message("Secret other-key holds the one of")
    assert f"is encrypted with the key of fingerprint {fingerprint}" in told
    restore.wait_completed()
    copy = Cluster(target, namespace, "copy")
    copy.wait_running(1)
    assert copy.status()["members"][0]["clientURL"].startswith("https://")


def test_it_goes_to_a_disk_and_comes_back(target: Target, namespace: str) -> None:
    cluster = Cluster(target, namespace, "db", {"size": 1, "version": "v3.6.16"})
    cluster.create()
    target.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "archive", "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    )
    cluster.wait_running(1)
    cluster.put("key", "value")
    backup = Task(target, namespace, "EtcdBackup", "b")
    backup.create(
        clusterName="db",
        storageType="Local",
        local={"claimName": "archive", "path": "etcd"},
        scratch={"size": "1Gi"},
    )
    url = backup.wait_completed()["storagePath"]
    assert url.startswith("file:///etcd/")
    restore = Task(target, namespace, "EtcdRestore", "r")
    restore.create(
        source={"url": url, "local": {"claimName": "archive"}},
        clusterName="copy",
        clusterTemplate={**TEMPLATE, "size": 1, "version": "v3.6.16"},
        bumpRevision=0,
    )
    restore.wait_completed()
    copy = Cluster(target, namespace, "copy")
    assert copy.read_key("key") == "value"
    revision = json.loads(copy.etcdctl("get", "key", "--write-out=json"))["header"]["revision"]
    assert revision < 1000

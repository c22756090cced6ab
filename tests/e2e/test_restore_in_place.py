"""A backup takes the place of what a cluster holds; undone, everything is there again."""

from __future__ import annotations

import json

import pytest

from demo.object_store import ObjectStore
from deploy.target import Target, TargetError
from etcd_operator.json_types import Json
from tests.e2e.backup_harness import Task
from tests.e2e.harness import Cluster, wait_until
from tests.e2e.previews import as_previewed
from tests.e2e.secured import SecuredCluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


SET_ASIDE = "etcd.etcd.io/quarantined-from"
NO_DISKS: Json = {"hard": {"persistentvolumeclaims": 0}}
ACCESS: Json = {
    "roles": [{"name": "app", "permissions": [{"key": "", "prefix": True}]}],
    "users": [{"name": "web", "roles": ["app"]}],
}


@pytest.fixture
def cluster(target: Target, namespace: str, store: ObjectStore, secrets: None) -> Cluster:
    """A cluster of three with two disks each, with a backup, and with a later write."""
    spec = {"size": 3, "version": "v3.6.16", "storage": {"size": "2Gi", "wal": {"size": "1Gi"}}}
    made = Cluster(target, namespace, "db", spec)
    made.create()
    made.wait_running(3)
    write(made, store)
    return made


def may_write(cluster: Cluster) -> bool:
    """Write a key; raises TargetError if that is refused."""
    cluster.put("first", "written")
    return True


def write(cluster: Cluster, store: ObjectStore) -> None:
    """Write a key, back it up, and write another one."""
    cluster.put("earlier", "written")
    backup = Task(cluster.target, cluster.namespace, "EtcdBackup", "b")
    backup.create(clusterName="db", storageType="S3", s3=store.destination(), verify=False)
    backup.wait_completed()
    cluster.put("later", "written")


def replace(cluster: Cluster) -> Task:
    """Restore the backup in place."""
    restore = Task(cluster.target, cluster.namespace, "EtcdRestore", "r")
    restore.create(backupName="b", clusterName="db", restoreType="Replace")
    return restore


def set_aside(cluster: Cluster) -> dict[str, str]:
    """Volumes of the cluster that were told to stay, and their reclaim policies."""
    volumes = cluster.target.read("get", "persistentvolumes")["items"]
    return {
        volume["metadata"]["name"]: volume["spec"]["persistentVolumeReclaimPolicy"]
        for volume in volumes
        if (volume["metadata"].get("annotations") or {})
        .get(SET_ASIDE, "")
        .startswith(f"{cluster.namespace}/")
    }


def volumes_of(cluster: Cluster) -> dict[str, str]:
    """The volumes of its claims, by claim."""
    return {
        claim["metadata"]["name"]: claim["spec"]["volumeName"] for claim in cluster.objects("pvc")
    }


def test_the_backup_takes_the_place_of_what_was_there(cluster: Cluster) -> None:
    before, old = cluster.status(), volumes_of(cluster)
    with as_previewed(cluster, restored=True):
        restore = replace(cluster)
        cluster.wait_phase("Restoring")
        assert restore.condition("Verified")["status"] == "True", "it was checked before"
        done = restore.wait_completed()
        cluster.wait_running(3)

    assert (cluster.read_key("earlier"), cluster.read_key("later")) == ("written", "")
    cluster.assert_agreement(3)
    after = cluster.status()
    assert after["clusterID"] != before["clusterID"]
    assert not {m["id"] for m in after["members"]} & {m["id"] for m in before["members"]}
    answer = json.loads(cluster.etcdctl("get", "earlier", "--write-out=json"))
    assert answer["header"]["revision"] > 1_000_000_000, "watchers notice"
    assert done["restoredCluster"] == "db"
    assert volumes_of(cluster).keys() == old.keys()
    assert not set(volumes_of(cluster).values()) & set(old.values())
    assert set_aside(cluster) == {}
    annotations = cluster.get()["metadata"]["annotations"]
    assert not {"etcd.etcd.io/replace-with", "etcd.etcd.io/replacement"} & annotations.keys()
    cluster.kubectl("delete", "etcdrestore", "r", "--timeout=10s")
    cluster.put("after", "the restore")


def test_undone_everything_is_there_again(cluster: Cluster) -> None:
    before, old = cluster.status(), volumes_of(cluster)
    metadata = {"name": "no-disks", "namespace": cluster.namespace}
    kind = {"apiVersion": "v1", "kind": "ResourceQuota"}
    cluster.target.apply({**kind, "metadata": metadata, "spec": NO_DISKS})
    restore = replace(cluster)
    wait_until("its disks are set aside", lambda: len(set_aside(cluster)) == 6, 60)
    wait_until("the claims are gone", lambda: not cluster.objects("pvc"), 60)
    restore.wait_message("exceeded quota", phase="Running")
    cluster.kubectl("delete", "etcdrestore", "r", "--wait=false")
    cluster.kubectl("delete", "resourcequota", "no-disks")

    cluster.kubectl("wait", "--for=delete", "etcdrestore/r", "--timeout=60s")
    cluster.wait_running(3)
    assert (cluster.read_key("earlier"), cluster.read_key("later")) == ("written", "written")
    cluster.assert_agreement(3)
    after = cluster.status()
    assert after["clusterID"] == before["clusterID"]
    assert {m["id"] for m in after["members"]} == {m["id"] for m in before["members"]}
    assert volumes_of(cluster) == old
    assert set_aside(cluster) == {}


@pytest.mark.usefixtures("secrets")
def test_with_tls_and_users_it_is_the_same(
    target: Target, namespace: str, store: ObjectStore
) -> None:
    """Users, their certificates and the authorities are those of before: clients just go on."""
    cluster = SecuredCluster(target, namespace, "db", mounted="db-user-web")
    cluster.create(size=1, version="v3.6.16", security={"tls": {}, "auth": ACCESS})
    cluster.wait_running(1)
    cluster.start_client()
    wait_until("its user may write", lambda: may_write(cluster), 30)
    write(cluster, store)
    before = cluster.status()
    with as_previewed(cluster, restored=True):
        replace(cluster).wait_completed()
        cluster.wait_running(1)

    assert (cluster.read_key("earlier"), cluster.read_key("later")) == ("written", "")
    assert cluster.status()["clusterID"] != before["clusterID"]
    with pytest.raises(TargetError, match="permission denied"):
        cluster.etcdctl("user", "add", "intruder", "--no-password")
    cluster.put("after", "the restore")

"""A backup to Azure's blob storage and back, through the operator and its Jobs: by Azurite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.target import Target
from etcd_operator.json_types import Json
from local.azurite import provide_azurite
from local.errors import LocalError
from tests.e2e.backup_harness import Task
from tests.e2e.harness import SMALL, Cluster
from tests.e2e.secured import put_secret
from tests.e2e.wire import own_address
from tests.harnesses.azurite import ACCOUNT, KEY, serving

# The first run may have to fetch the service.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CONTAINER = "backups"


@pytest.fixture
def endpoint(target: Target, tmp_path: Path) -> Iterator[str]:
    """The service, on this machine, where the nodes of the local Kubernetes reach it."""
    if not target.is_local:
        pytest.skip("Pods elsewhere do not reach this machine")
    try:
        words = provide_azurite()
    except LocalError as error:
        pytest.skip(str(error))
    with serving(words, own_address(target), tmp_path, CONTAINER) as url:
        yield url


def test_a_lost_cluster_is_back_from_azure(target: Target, namespace: str, endpoint: str) -> None:
    """With a wrong key it says so, and goes on when that is corrected."""
    small: Json = {"size": 1, "version": "v3.6.16", "resources": SMALL}
    cluster = Cluster(target, namespace, "db", small)
    cluster.create()
    cluster.wait_running(1)
    cluster.put("key", "value")
    access = {"account": ACCOUNT, "endpoint": endpoint, "credentialsSecret": "azure"}
    put_secret(cluster, "azure", {"AZURE_STORAGE_ACCOUNT_KEY": "d3Jvbmc="})
    backup = Task(target, namespace, "EtcdBackup", "b")
    destination = {**access, "container": CONTAINER, "path": "team"}
    backup.create(clusterName="db", storageType="Azure", azure=destination)
    backup.wait_message("refuses the credentials of Secret azure", phase="Failed")
    put_secret(cluster, "azure", {"AZURE_STORAGE_ACCOUNT_KEY": KEY})
    again = Task(target, namespace, "EtcdBackup", "again")
    again.create(clusterName="db", storageType="Azure", azure=destination)
    status = again.wait_completed()
    assert status["storagePath"].startswith(f"az://{CONTAINER}/team/{namespace}/db/")
    assert again.condition("Verified")["status"] == "True"
    assert status["keyCount"] == 1

    cluster.delete()
    assert not cluster.objects("pvc")
    restore = Task(target, namespace, "EtcdRestore", "r")
    template = {**small, "storage": {"size": "1Gi"}}
    source = {"url": status["storagePath"], "azure": access}
    restore.create(source=source, clusterName="db", clusterTemplate=template)
    assert restore.wait_completed()["restoredRevision"] == status["etcdRevision"]
    cluster.wait_running(1)
    assert cluster.read_key("key") == "value"

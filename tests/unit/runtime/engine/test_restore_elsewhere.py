"""An EtcdRestore of an EtcdBackup in another namespace, from the caches to what is created."""

from __future__ import annotations

import pytest

from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.engine.tasks import RestoreReconciler
from etcd_operator.runtime.kubernetes.api import BACKUPS, RESTORES
from etcd_operator.runtime.kubernetes.events import EventRecorder
from etcd_operator.runtime.process.metrics import Metrics
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import InMemoryApi

URL = "s3://b/prod/db/x.json"
ACCESS = {"bucket": "b", "credentialsSecret": "keys"}


class Site:
    """A RestoreReconciler over an EtcdRestore in `staging`, and EtcdBackups."""

    def __init__(self) -> None:
        api = InMemoryApi()
        self.server = api.server
        self.tasks = TaskCaches(api)
        spec = {
            "backupName": "nightly",
            "backupNamespace": "prod",
            "clusterName": "db",
            "clusterTemplate": {"size": 1, "version": "v3.6.16"},
        }
        made = self.server.put(RESTORES, "r", {"spec": spec, "status": {}}, "staging")
        self.tasks.restores.observe(made)
        clock = LoopClock()
        recorder = EventRecorder(api, clock)
        parts = (api, Caches(api), self.tasks, recorder, Metrics(), clock, "operator:1")
        self.reconciler = RestoreReconciler(*parts, domain="cluster.local")

    def back_up(self, namespace: str, *, allows: str = "") -> None:
        """An EtcdBackup is complete."""
        body = {
            "metadata": {"annotations": {"etcd.etcd.io/backup-from": allows} if allows else {}},
            "spec": {"clusterName": "db", "storageType": "S3", "s3": ACCESS},
            "status": {"phase": "Completed", "storagePath": URL, "etcdVersion": "3.6.16"},
        }
        self.tasks.backups.observe(self.server.put(BACKUPS, "nightly", body, namespace))

    async def make_pass(self) -> Json:
        """One pass; returns the status after it."""
        await self.reconciler.reconcile("staging", "r")
        (live,) = self.server.find(RESTORES.name)
        status: Json = live["status"]
        return status


async def test_it_is_restored_from_a_backup_of_another_namespace() -> None:
    site = Site()
    site.back_up("prod", allows="staging")
    assert (await site.make_pass())["sourceURL"] == URL
    await site.make_pass()
    (made,) = site.server.created
    assert (made["kind"], made["metadata"]["namespace"]) == ("EtcdCluster", "staging")
    assert made["metadata"]["annotations"]["etcd.etcd.io/restored-from"] == URL


async def test_one_of_the_same_name_in_its_own_namespace_is_not_taken_for_it() -> None:
    site = Site()
    site.back_up("staging")
    said = (await site.make_pass())["message"]
    assert site.server.created == []
    assert said.startswith("EtcdBackup nightly does not exist in namespace prod: name one that")


@pytest.mark.parametrize("allows", ["", "stag", "staging-2, other"])
async def test_one_that_does_not_allow_it_is_not_read(allows: str) -> None:
    site = Site()
    site.back_up("prod", allows=allows)
    status = await site.make_pass()
    assert site.server.created == []
    assert status["message"] == (
        "EtcdBackup nightly of namespace prod does not allow it: annotate it with "
        "etcd.etcd.io/backup-from=staging."
    )
    assert URL not in str(status)

"""An EtcdRestore of an EtcdBackup in another namespace, from the caches to what is created."""

from __future__ import annotations

from typing import Any, cast
from unittest.mock import AsyncMock, Mock

import pytest

from etcd_operator.core.tasks.actions import CreateObject
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine import tasks as backups_module
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers.tasks import TaskActionHandlers
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.engine.tasks import RestoreReconciler
from etcd_operator.runtime.kubernetes.api import RESTORES, Kind, KubeApi
from etcd_operator.runtime.kubernetes.events import EventRecorder
from etcd_operator.runtime.process.metrics import Metrics
from tests.fakes.clock import LoopClock

URL = "s3://b/prod/db/x.json"
ACCESS = {"bucket": "b", "credentialsSecret": "keys"}


def metadata(namespace: str, name: str, version: int = 1) -> Json:
    return {
        "namespace": namespace,
        "name": name,
        "uid": f"uid-{namespace}-{name}",
        "resourceVersion": str(version),
        "generation": 1,
    }


def restore(version: int = 1, status: Json | None = None, **spec: Any) -> Json:
    """An EtcdRestore in `staging`."""
    wanted = {
        "backupName": "nightly",
        "backupNamespace": "prod",
        "clusterName": "db",
        "clusterTemplate": {"size": 1, "version": "v3.6.16"},
        **spec,
    }
    return {
        "metadata": metadata("staging", "r", version),
        "spec": wanted,
        "status": status or {},
    }


def backup(namespace: str, *, allows: str = "") -> Json:
    """A complete EtcdBackup."""
    annotations = {"etcd.etcd.io/backup-from": allows} if allows else {}
    return {
        "metadata": {**metadata(namespace, "nightly"), "annotations": annotations},
        "spec": {"clusterName": "db", "storageType": "S3", "s3": ACCESS},
        "status": {"phase": "Completed", "storagePath": URL, "etcdVersion": "3.6.16"},
    }


class Site:
    """A RestoreReconciler over caches that hold these objects."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *backups: Json) -> None:
        self.statuses: list[Json] = []
        self.performed: list[tuple[str, Any]] = []
        self.restores: Json = restore()
        api = cast(KubeApi, self)
        self.tasks = TaskCaches(api)
        self.tasks.restores.observe(self.restores)
        for item in backups:
            self.tasks.backups.observe(item)
        performer = AsyncMock(spec=TaskActionHandlers)
        performer.perform.side_effect = self.perform
        monkeypatch.setattr(backups_module, "TaskActionHandlers", lambda *_: performer)
        self.reconciler = RestoreReconciler(
            api,
            Caches(api),
            self.tasks,
            cast(EventRecorder, Mock()),
            Metrics(),
            LoopClock(),
            "operator:1",
            domain="cluster.local",
        )

    async def perform(self, action: Any, namespace: str) -> None:
        """As the TaskPerformer: remembers."""
        self.performed.append((namespace, action))

    async def merge_patch(
        self, kind: Kind, namespace: str, name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        """As the API server: stores the status."""
        assert (kind, namespace, name, subresource) == (RESTORES, "staging", "r", "status")
        self.statuses.append(patch["status"])
        return restore(len(self.statuses) + 1, patch["status"])


async def test_it_is_restored_from_a_backup_of_another_namespace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site(monkeypatch, backup("prod", allows="staging"))
    await site.reconciler.reconcile("staging", "r")
    assert site.statuses[-1]["sourceURL"] == URL
    await site.reconciler.reconcile("staging", "r")
    ((namespace, action),) = site.performed
    assert isinstance(action, CreateObject)
    assert (namespace, action.kind) == ("staging", "EtcdCluster")
    assert action.manifest["metadata"]["namespace"] == "staging"
    assert action.manifest["metadata"]["annotations"]["etcd.etcd.io/restored-from"] == URL


async def test_one_of_the_same_name_in_its_own_namespace_is_not_taken_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site(monkeypatch, backup("staging"))
    await site.reconciler.reconcile("staging", "r")
    assert site.performed == []
    said = site.statuses[-1]["message"]
    assert said.startswith("EtcdBackup nightly does not exist in namespace prod: name one that")


@pytest.mark.parametrize("allows", ["", "stag", "staging-2, other"])
async def test_one_that_does_not_allow_it_is_not_read(
    monkeypatch: pytest.MonkeyPatch, allows: str
) -> None:
    site = Site(monkeypatch, backup("prod", allows=allows))
    await site.reconciler.reconcile("staging", "r")
    assert site.performed == []
    status = site.statuses[-1]
    assert status["message"] == (
        "EtcdBackup nightly of namespace prod does not allow it: annotate it with "
        "etcd.etcd.io/backup-from=staging."
    )
    assert URL not in str(status)

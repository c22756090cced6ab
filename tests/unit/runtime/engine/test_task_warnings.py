"""Why a Job does not go on, and what Kubernetes refuses: read where it is said, shown as it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import cast
from unittest.mock import AsyncMock, Mock

import pytest

from etcd_operator.errors import Forbidden
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine import tasks as backups_module
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.handlers.tasks import TaskActionHandlers
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.engine.tasks import BackupReconciler, RestoreReconciler
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi
from etcd_operator.runtime.kubernetes.events import EventRecorder
from etcd_operator.runtime.process.metrics import Metrics
from tests.builders.snapshots import raw_cluster
from tests.fakes.clock import LoopClock

EVENT: Json = {
    "type": "Warning",
    "reason": "FailedCreate",
    "message": 'Error creating: pods "b-1-x" is forbidden: exceeded quota: team',
    "lastTimestamp": "2026-03-04T12:00:00Z",
}
REFUSAL = 'jobs.batch "b-1" is forbidden: ValidatingAdmissionPolicy owner denied request: no label'


class Site:
    """Reconcilers over caches that hold these objects."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refusal: str = "") -> None:
        self.statuses: list[Json] = []
        self.asked: list[str] = []
        self.clock = LoopClock()
        api = cast(KubeApi, self)
        self.tasks, caches = TaskCaches(api), Caches(api)
        performer = AsyncMock(spec=TaskActionHandlers)
        if refusal:
            performer.perform.side_effect = Forbidden(refusal, 403)
        monkeypatch.setattr(backups_module, "TaskActionHandlers", lambda *_: performer)
        recorder = cast(EventRecorder, Mock())
        parts = (api, caches, self.tasks, recorder, Metrics(), self.clock, "operator:1")
        self.backups = BackupReconciler(*parts)
        self.restores = RestoreReconciler(*parts, domain="cluster.local")
        raw = raw_cluster({"size": 1, "version": "v3.6.16"})
        raw["status"] = {
            "clusterID": "c1d",
            "members": [{"name": "db-0", "clientURL": "http://db-0.db-peer:2379"}],
            "conditions": [{"type": "QuorumHealthy", "status": "True"}],
        }
        caches.clusters.observe(raw)

    async def list_pages(
        self, _kind: Kind, _namespace: str, _labels: str = "", *, field_selector: str = ""
    ) -> AsyncIterator[Json]:
        """As the API server: Events of one object."""
        self.asked.append(field_selector)
        yield {"items": [EVENT] if field_selector.endswith("=uid-b-1") else []}

    async def merge_patch(
        self, _kind: Kind, _namespace: str, _name: str, patch: Json, *, subresource: str = ""
    ) -> Json:
        """As the API server: stores the status."""
        assert subresource == "status"
        self.statuses.append(patch["status"])
        version = str(len(self.statuses) + 1)
        return self.object(patch["metadata"]["uid"], version, patch["status"])

    def object(self, uid: str, version: str = "1", status: Json | None = None) -> Json:
        """An EtcdBackup or an EtcdRestore."""
        spec: Json = {"clusterName": "db", "storageType": "S3", "s3": {"bucket": "b"}}
        if uid == "restore-uid":
            template = {"size": 1, "version": "v3.6.16"}
            source = {"url": "s3://b/x.json"}
            spec = {"source": source, "clusterName": "new", "clusterTemplate": template}
        metadata = {"namespace": "team", "name": uid[0], "uid": uid, "resourceVersion": version}
        return {"metadata": {**metadata, "generation": 1}, "spec": spec, "status": status or {}}

    def job(self, age: float) -> Json:
        """A Job without a Pod, so many seconds old."""
        created = self.clock.now() - timedelta(seconds=age)
        return {
            "metadata": {
                "namespace": "team",
                "name": "b-1",
                "uid": "uid-b-1",
                "resourceVersion": "1",
                "creationTimestamp": created.isoformat(),
                "annotations": {"etcd.etcd.io/task-of": "EtcdBackup/b"},
                "ownerReferences": [{"uid": "backup-uid", "controller": True}],
            }
        }

    def pod(self, phase: str) -> Json:
        """Its Pod."""
        return {
            "metadata": {
                "namespace": "team",
                "name": "b-1-x",
                "uid": "pod-b-1",
                "resourceVersion": "1",
                "labels": {"batch.kubernetes.io/job-name": "b-1"},
                "annotations": {"etcd.etcd.io/task-of": "EtcdBackup/b"},
                "ownerReferences": [{"uid": "uid-b-1", "controller": True}],
            },
            "status": {"phase": phase},
        }


def completed(status: Json) -> Json:
    """The condition Completed."""
    (found,) = (c for c in status["conditions"] if c["type"] == "Completed")
    return dict(found)


@pytest.mark.parametrize(
    ("age", "phase", "asked"),
    [
        (10.0, "", ["involvedObject.uid=uid-b-1"]),
        (10.0, "Pending", ["involvedObject.uid=pod-b-1"]),
        (10.0, "Running", []),
        (1.0, "", []),
    ],
)
async def test_events_are_read_only_where_a_pod_is_missing_or_has_not_begun(
    monkeypatch: pytest.MonkeyPatch, age: float, phase: str, asked: list[str]
) -> None:
    site = Site(monkeypatch)
    site.tasks.backups.observe(site.object("backup-uid"))
    site.tasks.jobs.observe(site.job(age))
    if phase:
        site.tasks.pods.observe(site.pod(phase))
    await site.backups.reconcile("team", "b")
    assert site.asked == asked
    said = site.statuses[-1]
    if asked == ["involvedObject.uid=uid-b-1"]:
        assert completed(said)["reason"] == "JobBlocked"
        assert EVENT["message"] in completed(said)["message"]
    else:
        assert said["message"] == "Job b-1 is running."


async def test_a_refused_job_is_in_the_condition_in_the_words_of_who_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site(monkeypatch, REFUSAL)
    site.tasks.backups.observe(site.object("backup-uid"))
    wake = await site.backups.reconcile("team", "b")
    assert wake.failure
    status = site.statuses[-1]
    assert (status["phase"], completed(status)["reason"]) == ("Pending", "RefusedByKubernetes")
    assert REFUSAL in completed(status)["message"]
    assert status["message"] == completed(status)["message"]
    await site.backups.reconcile("team", "b")
    assert len(site.statuses) == 1, "the same refusal is written once"


async def test_a_refused_cluster_is_made_when_it_is_refused_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site(monkeypatch, REFUSAL)
    site.tasks.restores.observe(site.object("restore-uid"))
    await site.restores.reconcile("team", "r")  # which backup it is
    for _ in range(2):
        await site.restores.reconcile("team", "r")
        status = site.statuses[-1]
        assert status["restoredCluster"] == ""
        assert completed(status)["reason"] == "RefusedByKubernetes"
        assert REFUSAL in completed(status)["message"]


async def test_what_has_begun_stays_begun_while_its_next_step_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site(monkeypatch, REFUSAL)
    site.tasks.restores.observe(site.object("restore-uid", status={"phase": "Running"}))
    for _ in range(2):
        await site.restores.reconcile("team", "r")
    assert completed(site.statuses[-1])["reason"] == "RefusedByKubernetes"
    assert site.statuses[-1]["phase"] == "Running"

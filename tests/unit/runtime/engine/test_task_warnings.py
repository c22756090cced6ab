"""Why a Job does not go on, and what Kubernetes refuses: read where it is said, shown as it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.errors import Forbidden
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.engine.tasks import BackupReconciler, RestoreReconciler
from etcd_operator.runtime.kubernetes.api import BACKUPS, CLUSTERS, EVENTS, JOBS, PODS, RESTORES
from etcd_operator.runtime.kubernetes.events import EventRecorder
from etcd_operator.runtime.process.metrics import Metrics
from tests.builders.snapshots import NAMING, raw_cluster
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import ApiServer, InMemoryApi

EVENT: Json = {
    "type": "Warning",
    "reason": "FailedCreate",
    "message": 'Error creating: pods "b-1-x" is forbidden: exceeded quota: team',
    "lastTimestamp": "2026-03-04T12:00:00Z",
}
REFUSAL = 'jobs.batch "b-1" is forbidden: ValidatingAdmissionPolicy owner denied request: no label'


def refuse_creation(_: str, verb: str) -> tuple[float, float]:
    """Let a policy be against every new object."""
    if verb == "create":
        raise Forbidden(REFUSAL, 403)
    return (0.0, 0.0)


class Site:
    """Reconcilers over an API server in memory."""

    def __init__(self, server: ApiServer | None = None) -> None:
        self.server = server or ApiServer()
        self.server.warn("uid-b-1", EVENT)
        self.clock = LoopClock()
        api = InMemoryApi(self.server)
        self.tasks, caches = TaskCaches(api), Caches(api)
        recorder = EventRecorder(api, self.clock)
        parts = (api, caches, self.tasks, recorder, Metrics(), self.clock, "operator:1")
        self.backups = BackupReconciler(*parts)
        self.restores = RestoreReconciler(*parts, domain="cluster.local")
        raw = raw_cluster({"size": 1, "version": "v3.6.16"})
        raw["status"] = {
            "clusterID": "c1d",
            "members": [{"name": "db-0", "clientURL": "http://db-0.db-peer:2379"}],
            "conditions": [{"type": "QuorumHealthy", "status": "True"}],
        }
        caches.clusters.observe(self.server.put(CLUSTERS, NAMING.name, raw, "team"))

    @property
    def asked(self) -> list[str]:
        """Which Events were asked for."""
        reads = [r for r in self.server.requests if (r.verb, r.kind) == ("list", EVENTS.name)]
        return [r.name.removeprefix("team ") for r in reads]

    @property
    def statuses(self) -> list[Json]:
        """What was written into statuses, one after the other."""
        return [body["status"] for _, body in self.server.sent if "status" in body]

    def back_up(self) -> None:
        """The user creates an EtcdBackup."""
        spec = {"clusterName": "db", "storageType": "S3", "s3": {"bucket": "b"}}
        body = {"metadata": {"uid": "backup-uid", "generation": 1}, "spec": spec, "status": {}}
        self.tasks.backups.observe(self.server.put(BACKUPS, "b", body, "team"))

    def restore(self, **status: Any) -> None:
        """The user creates an EtcdRestore."""
        template = {"size": 1, "version": "v3.6.16"}
        source = {"url": "s3://b/x.json"}
        spec = {"source": source, "clusterName": "new", "clusterTemplate": template}
        body = {"metadata": {"uid": "restore-uid", "generation": 1}, "spec": spec, "status": status}
        self.tasks.restores.observe(self.server.put(RESTORES, "r", body, "team"))

    def start_job(self, age: float) -> None:
        """The Job of the EtcdBackup is so many seconds old, and has no Pod."""
        created = self.clock.now() - timedelta(seconds=age)
        metadata = {
            "uid": "uid-b-1",
            "creationTimestamp": created.isoformat(),
            "annotations": {"etcd.etcd.io/task-of": "EtcdBackup/b"},
            "ownerReferences": [{"uid": "backup-uid", "controller": True}],
        }
        self.tasks.jobs.observe(self.server.put(JOBS, "b-1", {"metadata": metadata}, "team"))

    def start_pod(self, phase: str) -> None:
        """The Job has a Pod."""
        metadata = {
            "uid": "pod-b-1",
            "labels": {"batch.kubernetes.io/job-name": "b-1"},
            "annotations": {"etcd.etcd.io/task-of": "EtcdBackup/b"},
            "ownerReferences": [{"uid": "uid-b-1", "controller": True}],
        }
        body = {"metadata": metadata, "status": {"phase": phase}}
        self.tasks.pods.observe(self.server.put(PODS, "b-1-x", body, "team"))


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
    age: float, phase: str, asked: list[str]
) -> None:
    site = Site()
    site.back_up()
    site.start_job(age)
    if phase:
        site.start_pod(phase)
    await site.backups.reconcile("team", "b")
    assert site.asked == asked
    said = site.statuses[-1]
    if asked == ["involvedObject.uid=uid-b-1"]:
        assert completed(said)["reason"] == "JobBlocked"
        assert EVENT["message"] in completed(said)["message"]
    else:
        assert said["message"] == "Job b-1 is running."


async def test_a_refused_job_is_in_the_condition_in_the_words_of_who_refused() -> None:
    site = Site(ApiServer(refuse_creation))
    site.back_up()
    wake = await site.backups.reconcile("team", "b")
    assert wake.failure
    status = site.statuses[-1]
    assert (status["phase"], completed(status)["reason"]) == ("Pending", "RefusedByKubernetes")
    assert REFUSAL in completed(status)["message"]
    assert status["message"] == completed(status)["message"]
    await site.backups.reconcile("team", "b")
    assert len(site.statuses) == 1, "the same refusal is written once"


async def test_a_refused_cluster_is_made_when_it_is_refused_no_more() -> None:
    site = Site(ApiServer(refuse_creation))
    site.restore()
    await site.restores.reconcile("team", "r")  # which backup it is
    for _ in range(2):
        await site.restores.reconcile("team", "r")
        status = site.statuses[-1]
        assert status["restoredCluster"] == ""
        assert completed(status)["reason"] == "RefusedByKubernetes"
        assert REFUSAL in completed(status)["message"]


async def test_what_has_begun_stays_begun_while_its_next_step_is_refused() -> None:
    site = Site(ApiServer(refuse_creation))
    site.restore(phase="Running")
    for _ in range(2):
        await site.restores.reconcile("team", "r")
    assert completed(site.statuses[-1])["reason"] == "RefusedByKubernetes"
    assert site.statuses[-1]["phase"] == "Running"

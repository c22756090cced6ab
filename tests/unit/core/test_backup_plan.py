"""What is decided about EtcdBackups, without any cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.parse_backup import parse_backup
from etcd_operator.core.backup import plan
from etcd_operator.core.backup.decision import Create, Delete
from etcd_operator.core.backup.outcome import BackupView
from etcd_operator.core.backup.plan import BackupDecision
from etcd_operator.core.backup.restore_steps import RestoreDecision
from etcd_operator.core.backup.task import Task, TaskPod, observe_task, observe_task_pod
from etcd_operator.core.reasons import backups
from tests.unit.core.scenes import raw_cluster

Json = dict[str, Any]

NOW = datetime(2026, 3, 4, 12, 0, 30, tzinfo=UTC)
S3: Json = {"clusterName": "db", "storageType": "S3", "s3": {"bucket": "b"}}
URL = "s3://b/team/db/x.json"
RESULT: Json = {
    "url": URL,
    "revision": 7,
    "etcdVersion": "3.6.16",
    "snapshotSize": 100,
    "storedSize": 50,
    "keyCount": 3,
    "verified": "Restored for trial.",
}


def cluster(*, quorum: str = "True", **metadata: Any) -> EtcdCluster:
    """The cluster to back up, of one member."""
    raw = raw_cluster({"size": 1, "version": "v3.6.16"}, **metadata)
    raw["status"] = {
        "clusterID": "c1d",
        "members": [{"name": "db-0", "clientURL": "http://db-0.db-peer:2379"}],
        "conditions": [
            {"type": "QuorumHealthy", "status": quorum, "message": "db-1 did not answer."},
            {"type": "Available", "status": quorum},
        ],
    }
    return parse_cluster(raw)


def backup_view(spec: Json | None = None, status: Json | None = None, **changes: Any) -> BackupView:
    """An EtcdBackup an hour old, and its cluster."""
    raw = {
        "metadata": {
            "namespace": "team",
            "name": "b",
            "uid": "backup-uid",
            "resourceVersion": "1",
            "generation": 1,
            "creationTimestamp": "2026-03-04T11:00:00Z",
        },
        "spec": spec or S3,
        "status": {"observedGeneration": 1, **(status or {})},
    }
    known: Json = {
        "backup": parse_backup(raw),
        "cluster": cluster(),
        "tasks": (),
        "pods": (),
        "now": NOW,
        "zone": UTC,
        "image": "operator:1",
    }
    return BackupView(**{**known, **changes})


def task(name: str = "b-1", state: str = "running", **changes: Any) -> Task:
    """A Job of the EtcdBackup."""
    usual: Json = {
        "uid": f"uid-{name}",
        "owner_uid": "backup-uid",
        "created": NOW - timedelta(seconds=20),
        "finished": None if state == "running" else NOW - timedelta(seconds=5),
    }
    return Task(name=name, state=state, **{**usual, **changes})  # type: ignore[arg-type]  # text


def task_pod(job: str, result: Json | None = None, failure: str = "", **changes: Any) -> TaskPod:
    """The Pod that a Job controls."""
    return TaskPod("p", job, result, failure, job_uid=f"uid-{job}", uid=f"pod-{job}", **changes)


def created(decision: BackupDecision | RestoreDecision) -> list[Json]:
    """The Jobs that are to be created."""
    found = [a for a in decision.actions if isinstance(a, Create) and a.kind == "Job"]
    return [action.manifest for action in found]


def test_one_without_a_schedule_begins_at_once_and_once() -> None:
    decision = plan.decide(backup_view())
    (job,) = created(decision)
    assert decision.status.phase is TaskPhase.RUNNING
    assert job["metadata"]["ownerReferences"][0]["uid"] == "backup-uid"
    assert created(plan.decide(backup_view()))[0]["metadata"]["name"] == job["metadata"]["name"]
    done = backup_view(status={"completionTime": "2026-03-04T11:00:30Z", "phase": "Completed"})
    assert plan.decide(done).actions == ()


def test_the_job_has_no_rights_and_no_secret_where_none_is_needed() -> None:
    spec = {**S3, "s3": {"bucket": "b", "credentialsSecret": "keys", "caSecret": "ca"}}
    (job,) = created(plan.decide(backup_view(spec)))
    pod = job["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert [c["name"] for c in pod["initContainers"]] == ["snapshot", "restore", "etcd"]
    for container in pod["initContainers"]:
        assert not [m for m in container["volumeMounts"] if m["name"].startswith("secret-")]
    (last,) = pod["containers"]
    mounted = [m["name"] for m in last["volumeMounts"]]
    assert mounted == ["spool", "secret-credentials", "secret-ca"]
    for container in (*pod["initContainers"], last):
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
    told = json.loads(last["env"][0]["value"])
    assert told["endpoints"] == ["http://db-0.db-peer:2379"]


def test_the_job_of_a_cluster_with_tls_shows_the_operators_certificate() -> None:
    raw = raw_cluster({"size": 1, "version": "v3.6.16", "security": {"tls": {}}})
    secure = parse_cluster(raw)
    secure = replace(secure, status=cluster().status)
    (job,) = created(plan.decide(backup_view(cluster=secure)))
    pod = job["spec"]["template"]["spec"]
    steps = {c["name"]: c for c in (*pod["initContainers"], *pod["containers"])}
    mounted = {name: {m["name"] for m in step["volumeMounts"]} for name, step in steps.items()}
    assert mounted == {
        "snapshot": {"spool", "identity"},
        "restore": {"spool"},
        "etcd": {"spool", "presented", "trust"},
        "store": {"spool", "identity"},
    }
    assert "--client-cert-auth" in steps["etcd"]["command"]
    elsewhere = replace(secure, annotations={"etcd.etcd.io/backup-from": "team"})
    view = backup_view({**S3, "clusterNamespace": "other"}, cluster=elsewhere)
    assert "create the EtcdBackup in that namespace" in plan.decide(view).status.message


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (backup_view(cluster=None), "EtcdCluster db does not exist in namespace team."),
        (backup_view(cluster=cluster(quorum="False")), "has no quorum, and its newest writes"),
        (
            backup_view({**S3, "clusterNamespace": "other"}),
            "does not allow it: annotate it with etcd.etcd.io/backup-from=team",
        ),
    ],
)
def test_what_it_waits_for(view: BackupView, words: str) -> None:
    decision = plan.decide(view)
    assert decision.actions == ()
    assert decision.status.phase is TaskPhase.PENDING
    assert words in decision.status.message
    assert decision.wake_after == plan.WAITING


def test_a_cluster_of_another_namespace_may_allow_it() -> None:
    allowing = cluster(annotations={"etcd.etcd.io/backup-from": "a, team"})
    view = backup_view({**S3, "clusterNamespace": "other"}, cluster=allowing)
    assert created(plan.decide(view))


@pytest.mark.parametrize(
    ("spec", "zone", "words"),
    [
        ({**S3, "storageType": "GCS"}, UTC, "spec.gcs is missing"),
        ({**S3, "schedule": "0 25 * * *"}, UTC, "spec.schedule 0 25 * * * is not a schedule"),
        ({**S3, "timeZone": "Mars"}, None, "spec.timeZone Mars is not known"),
        ({"clusterName": "db"}, UTC, "spec.storageType"),
        (
            {
                "clusterName": "db",
                "storageType": "Local",
                "local": {"claimName": "c", "path": "../x"},
            },
            UTC,
            "leads out of the disk",
        ),
    ],
)
def test_what_is_refused(spec: Json, zone: Any, words: str) -> None:
    decision = plan.decide(backup_view(spec, zone=zone))
    assert (decision.actions, decision.status.phase) == ((), TaskPhase.FAILED)
    assert words in decision.status.message


def test_a_spec_that_was_refused_and_is_corrected_is_not_failed_any_more() -> None:
    wrong = plan.decide(backup_view({**S3, "schedule": "0 25 * * *"})).status
    corrected = backup_view({**S3, "schedule": "0 2 * * *"})
    corrected = replace(corrected, backup=replace(corrected.backup, status=wrong))
    status = plan.decide(corrected).status
    assert (status.phase, status.message) == (
        TaskPhase.PENDING,
        "It waits for the time of the schedule.",
    )
    assert [c.reason for c in status.conditions] == ["Waiting"]


def test_success_is_recorded_before_anything_else() -> None:
    view = backup_view(
        {**S3, "schedule": "* * * * *"},
        {"consecutiveFailures": 2, "lastJob": "b-0"},
        tasks=(task(state="succeeded", run="2026-03-04T11:59:00Z"),),
        pods=(task_pod("b-1", RESULT),),
    )
    decision = plan.decide(view)
    status = decision.status
    assert (decision.actions, decision.wake_after) == ((), 0.0)
    assert (status.phase, status.last_job) == (TaskPhase.COMPLETED, "b-1")
    assert (status.storage_path, status.etcd_revision, status.key_count) == (URL, 7, 3)
    assert (status.consecutive_failures, status.duration_seconds) == (0, 15)
    assert status.last_schedule_time == "2026-03-04T11:59:00Z"
    assert {c.type: c.status for c in status.conditions} == {
        "Completed": "True",
        "Verified": "True",
    }


def test_failures_say_why_and_are_tried_again_later_and_later() -> None:
    pod = task_pod("b-1", None, "The bucket of s3://b does not exist.")
    view = backup_view(tasks=(task(state="failed"),), pods=(pod,))
    status = plan.decide(view).status
    assert (status.phase, status.message) == (TaskPhase.FAILED, pod.failure)
    assert (status.consecutive_failures, status.retry_time) == (1, "2026-03-04T12:00:35Z")
    waiting = replace(
        view,
        backup=replace(view.backup, status=status),
    )
    decision = plan.decide(waiting)
    assert (decision.actions, decision.wake_after) == ((), 5.0)
    (job,) = created(plan.decide(replace(waiting, now=NOW + timedelta(seconds=5))))
    assert job["metadata"]["name"] != "b-1"
    corrected = replace(waiting, backup=replace(waiting.backup, generation=2))
    assert created(plan.decide(corrected)), "a corrected spec is tried at once"


@pytest.mark.parametrize("reason", ["", backups.DIFFERS.name])
def test_a_backup_that_differs_is_known_by_its_reason(reason: str) -> None:
    pod = task_pod("b-1", None, "In any words.", failure_reason=reason)
    status = plan.decide(backup_view(tasks=(task(state="failed"),), pods=(pod,))).status
    said = {c.type: (c.status, c.reason) for c in status.conditions}
    assert said.pop("Completed") == ("False", backups.BACKUP_FAILED.name)
    assert said == ({"Verified": ("False", backups.DIFFERS.name)} if reason else {})


def test_a_result_that_nobody_can_read_is_a_failure() -> None:
    status = plan.decide(backup_view(tasks=(task(state="succeeded"),))).status
    assert "was gone before its result could be read" in status.message
    late = task(state="failed", why="DeadlineExceeded")
    assert "timeoutSeconds" in plan.decide(backup_view(tasks=(late,))).status.message


def test_a_schedule_begins_at_its_time_and_not_before() -> None:
    often = {**S3, "schedule": "0 * * * *"}
    (job,) = created(plan.decide(backup_view(often)))
    assert job["metadata"]["annotations"]["etcd.etcd.io/run"] == "2026-03-04T12:00:00Z"
    done = plan.decide(backup_view(often, {"lastScheduleTime": "2026-03-04T12:00:00Z"}))
    assert (done.actions, done.wake_after) == ((), 3570.0)
    assert done.status.next_schedule_time == "2026-03-04T13:00:00Z"
    suspended = plan.decide(backup_view({**often, "suspend": True}))
    assert (suspended.actions, suspended.status.next_schedule_time) == ((), None)


def test_one_that_is_too_late_is_left_out() -> None:
    spec = {**S3, "schedule": "0 * * * *", "startingDeadlineSeconds": 10}
    decision = plan.decide(backup_view(spec))
    assert decision.actions == ()
    assert decision.status.last_schedule_time == "2026-03-04T12:00:00Z"
    assert [told.reason for told in decision.told] == [backups.MISSED_SCHEDULE]


@pytest.mark.parametrize(("policy", "deleted"), [("Forbid", []), ("Replace", ["b-1"])])
def test_the_next_one_while_one_runs(policy: str, deleted: list[str]) -> None:
    spec = {**S3, "schedule": "0 * * * *", "concurrencyPolicy": policy}
    decision = plan.decide(backup_view(spec, tasks=(task(run="2026-03-04T11:00:00Z"),)))
    assert [a.name for a in decision.actions if isinstance(a, Delete)] == deleted
    assert not created(decision)


def test_only_the_last_job_of_each_end_is_kept() -> None:
    jobs = tuple(
        task(f"b-{n}", "failed" if n % 2 else "succeeded", created=NOW + timedelta(seconds=n))
        for n in range(5)
    )
    status = {"lastJob": "b-4", "completionTime": "2026-03-04T11:00:30Z"}
    decision = plan.decide(backup_view(status=status, tasks=jobs))
    assert [a.name for a in decision.actions if isinstance(a, Delete)] == ["b-0", "b-1", "b-2"]


def test_jobs_of_an_earlier_backup_of_the_name_are_not_its_own() -> None:
    foreign = task(state="succeeded", owner_uid="another")
    view = backup_view(tasks=(foreign,), pods=(task_pod("b-1", RESULT),))
    assert created(plan.decide(view))


# What Jobs and Pods say


def test_a_job_is_read() -> None:
    raw = {
        "metadata": {
            "name": "b-1",
            "uid": "u",
            "annotations": {
                "etcd.etcd.io/run": "2026-03-04T12:00:00Z",
                "etcd.etcd.io/ordinal": "2",
            },
            "ownerReferences": [{"uid": "o", "controller": True}],
        },
        "status": {
            "conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]
        },
    }
    found = observe_task(raw)
    assert (found.state, found.why, found.run, found.ordinal) == (
        "failed",
        "DeadlineExceeded",
        "2026-03-04T12:00:00Z",
        2,
    )


def ended(name: str, code: int, message: str, **more: Any) -> Json:
    return {"name": name, "state": {"terminated": {"exitCode": code, "message": message, **more}}}


@pytest.mark.parametrize(
    ("containers", "failure"),
    [
        ([ended("snapshot", 1, '{"error": "No quorum."}')], "No quorum."),
        (
            [ended("restore", 1, "Error: expected sha256 [1], got [2]\n")],
            "The step restore failed: expected sha256 [1], got [2]",
        ),
        (
            [ended("store", 137, "", reason="OOMKilled")],
            (
                "The container store needed more memory than it may have: raise "
                "spec.jobTemplate.resources.limits.memory."
            ),
        ),
        ([ended("etcd", 137, ""), ended("store", 0, json.dumps(RESULT))], ""),
    ],
)
def test_the_last_words_of_a_pod_are_read(containers: list[Json], failure: str) -> None:
    raw = {
        "metadata": {"name": "p", "labels": {"batch.kubernetes.io/job-name": "b-1"}},
        "status": {"initContainerStatuses": containers},
    }
    found = observe_task_pod(raw)
    assert (found.job, found.failure) == ("b-1", failure)
    assert (found.result is not None) == (failure == "")


def test_the_key_of_an_encrypted_one_is_mounted_where_it_is_stored() -> None:
    spec = {**S3, "encryption": {"keySecret": "backup-key"}}
    (job,) = created(plan.decide(backup_view(spec)))
    pod = job["spec"]["template"]["spec"]
    (last,) = pod["containers"]
    assert [m["mountPath"] for m in last["volumeMounts"]] == ["/spool", "/secrets/encryption"]
    assert not [c for c in pod["initContainers"] if "/secrets" in json.dumps(c["volumeMounts"])]
    (volume,) = [v for v in pod["volumes"] if "secret" in v]
    assert volume["secret"] == {"secretName": "backup-key", "optional": True}
    done = task(state="succeeded")
    result = {**RESULT, "keyFingerprint": "0a1b"}
    decision = plan.decide(backup_view(spec, tasks=(done,), pods=(task_pod(done.name, result),)))
    assert decision.status.key_fingerprint == "0a1b"

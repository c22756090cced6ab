"""What is decided about EtcdBackups, without any cluster."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import parse_cluster
from etcd_operator.core.auth.state import OPERATOR_USER
from etcd_operator.core.reasons import backups
from etcd_operator.core.tasks.actions import DeleteJob
from etcd_operator.core.tasks.backup import backup_planner as backup_planner
from etcd_operator.core.tasks.backup.outcome import BackupView
from etcd_operator.core.tasks.jobs.paths import LOGIN_VARIABLE
from etcd_operator.core.tasks.jobs.status import observe_task, observe_task_pod
from etcd_operator.json_types import Json
from tests.builders.backups import (
    NOW,
    RESULT,
    S3,
    URL,
    backup_view,
    cluster,
    created,
    ended,
    task,
    task_pod,
)
from tests.builders.snapshots import raw_cluster

HOURLY = {**S3, "schedule": "0 * * * *"}
YESTERDAY = {"lastScheduleTime": "2026-03-03T12:00:00Z"}


def test_one_without_a_schedule_begins_at_once_and_once() -> None:
    decision = backup_planner.decide(backup_view())
    (job,) = created(decision)
    assert decision.status.phase is TaskPhase.RUNNING
    assert job["metadata"]["ownerReferences"][0]["uid"] == "backup-uid"
    assert (
        created(backup_planner.decide(backup_view()))[0]["metadata"]["name"]
        == job["metadata"]["name"]
    )
    done = backup_view(status={"completionTime": "2026-03-04T11:00:30Z", "phase": "Completed"})
    assert backup_planner.decide(done).actions == ()


def test_the_job_has_no_rights_and_no_secret_where_none_is_needed() -> None:
    spec = {**S3, "s3": {"bucket": "b", "credentialsSecret": "keys", "caSecret": "ca"}}
    (job,) = created(backup_planner.decide(backup_view(spec)))
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


def serving(cluster_with_tls: EtcdCluster, scheme: str) -> EtcdCluster:
    """The cluster with one member, which serves clients so."""
    shown = cluster().status
    view = shown.members[0].model_copy(update={"client_url": f"{scheme}://db-0:2379"})
    return replace(cluster_with_tls, status=shown.model_copy(update={"members": (view,)}))


@pytest.mark.parametrize(
    ("scheme", "namespace", "shows", "endpoint"),
    [
        ("https", "team", True, "https://db-0:2379"),
        ("http", "team", False, "http://db-0:2379"),
        ("https", "other", False, "http://db-0:2379"),
    ],
    ids=["all serve both", "none serves TLS yet", "without the certificates"],
)
def test_members_that_serve_both_are_backed_up_as_they_serve(
    scheme: str, namespace: str, shows: bool, endpoint: str
) -> None:
    tls = {"clientTLSMode": "Permissive"}
    raw = raw_cluster({"size": 1, "version": "v3.6.16", "security": {"tls": tls}})
    both = serving(parse_cluster(raw), scheme)
    both = replace(both, annotations={"etcd.etcd.io/backup-from": "team"}, namespace=namespace)
    view = backup_view({**S3, "clusterNamespace": namespace}, cluster=both)
    (job,) = created(backup_planner.decide(view))
    pod = job["spec"]["template"]["spec"]
    assert ("identity" in {volume["name"] for volume in pod["volumes"]}) is shows
    assert endpoint in json.dumps(job)


def test_the_job_of_a_cluster_with_tls_shows_the_operators_certificate() -> None:
    raw = raw_cluster({"size": 1, "version": "v3.6.16", "security": {"tls": {}}})
    secure = serving(parse_cluster(raw), "https")
    (job,) = created(backup_planner.decide(backup_view(cluster=secure)))
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
    assert "create the EtcdBackup in that namespace" in backup_planner.decide(view).status.message


@pytest.mark.parametrize(
    ("login", "user", "secret"),
    [
        ({"mode": "Unmanaged", "rootPasswordSecret": "db-root"}, "root", "db-root"),
        ({}, OPERATOR_USER, "db-operator-password"),
    ],
)
def test_the_job_of_a_cluster_with_passwords_logs_in_as_the_operator(
    login: Json, user: str, secret: str
) -> None:
    raw = raw_cluster({"size": 1, "version": "v3.6.16", "security": {"auth": login}})
    secure = replace(parse_cluster(raw), status=cluster().status)
    (job,) = created(backup_planner.decide(backup_view(cluster=secure)))
    pod = job["spec"]["template"]["spec"]
    steps = (*pod["initContainers"], *pod["containers"])
    mounted = {c["name"] for c in steps for m in c["volumeMounts"] if m["name"] == "login"}
    assert mounted == {"snapshot", "store"}
    (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "login")
    assert volume["secret"]["secretName"] == secret
    told = {
        c["name"]: e["value"]
        for c in steps
        for e in c.get("env", ())
        if e["name"] == LOGIN_VARIABLE
    }
    assert told == {"snapshot": user, "store": user}
    elsewhere = replace(secure, annotations={"etcd.etcd.io/backup-from": "team"})
    view = backup_view({**S3, "clusterNamespace": "other"}, cluster=elsewhere)
    assert "and that of the operator is there" in backup_planner.decide(view).status.message


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
    decision = backup_planner.decide(view)
    assert decision.actions == ()
    assert decision.status.phase is TaskPhase.PENDING
    assert words in decision.status.message
    assert decision.requeue_after == backup_planner.WAITING


def test_a_cluster_of_another_namespace_may_allow_it() -> None:
    allowing = cluster(annotations={"etcd.etcd.io/backup-from": "a, team"})
    view = backup_view({**S3, "clusterNamespace": "other"}, cluster=allowing)
    assert created(backup_planner.decide(view))


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
    decision = backup_planner.decide(backup_view(spec, zone=zone))
    assert (decision.actions, decision.status.phase) == ((), TaskPhase.FAILED)
    assert words in decision.status.message


def test_a_spec_that_was_refused_and_is_corrected_is_not_failed_any_more() -> None:
    wrong = backup_planner.decide(backup_view({**S3, "schedule": "0 25 * * *"})).status
    corrected = backup_view({**S3, "schedule": "0 2 * * *"})
    corrected = replace(corrected, backup=replace(corrected.backup, status=wrong))
    status = backup_planner.decide(corrected).status
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
    decision = backup_planner.decide(view)
    status = decision.status
    assert (decision.actions, decision.requeue_after) == ((), 0.0)
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
    status = backup_planner.decide(view).status
    assert (status.phase, status.message) == (TaskPhase.FAILED, pod.failure)
    assert (status.consecutive_failures, status.retry_time) == (1, "2026-03-04T12:00:35Z")
    waiting = replace(
        view,
        backup=replace(view.backup, status=status),
    )
    decision = backup_planner.decide(waiting)
    assert (decision.actions, decision.requeue_after) == ((), 5.0)
    (job,) = created(backup_planner.decide(replace(waiting, now=NOW + timedelta(seconds=5))))
    assert job["metadata"]["name"] != "b-1"
    corrected = replace(waiting, backup=replace(waiting.backup, generation=2))
    assert created(backup_planner.decide(corrected)), "a corrected spec is tried at once"


@pytest.mark.parametrize("reason", ["", backups.DIFFERS.name])
def test_a_backup_that_differs_is_known_by_its_reason(reason: str) -> None:
    pod = task_pod("b-1", None, "In any words.", failure_reason=reason)
    status = backup_planner.decide(backup_view(tasks=(task(state="failed"),), pods=(pod,))).status
    said = {c.type: (c.status, c.reason) for c in status.conditions}
    assert said.pop("Completed") == ("False", backups.BACKUP_FAILED.name)
    assert said == ({"Verified": ("False", backups.DIFFERS.name)} if reason else {})


def test_a_result_that_nobody_can_read_is_a_failure() -> None:
    status = backup_planner.decide(backup_view(tasks=(task(state="succeeded"),))).status
    assert "was gone before its result could be read" in status.message
    late = task(state="failed", why="DeadlineExceeded")
    assert "timeoutSeconds" in backup_planner.decide(backup_view(tasks=(late,))).status.message


def test_a_schedule_begins_at_its_time_and_not_before() -> None:
    often = {**S3, "schedule": "0 * * * *"}
    (job,) = created(backup_planner.decide(backup_view(often)))
    assert job["metadata"]["annotations"]["etcd.etcd.io/run"] == "2026-03-04T12:00:00Z"
    done = backup_planner.decide(backup_view(often, {"lastScheduleTime": "2026-03-04T12:00:00Z"}))
    assert (done.actions, done.requeue_after) == ((), 3570.0)
    assert done.status.next_schedule_time == "2026-03-04T13:00:00Z"
    suspended = backup_planner.decide(backup_view({**often, "suspend": True}))
    assert (suspended.actions, suspended.status.next_schedule_time) == ((), None)


@pytest.mark.parametrize(
    ("view", "due"),
    [
        (backup_view(HOURLY, YESTERDAY, cluster=cluster(quorum="False")), "2026-03-03T13:00:00Z"),
        (backup_view(HOURLY, YESTERDAY), "2026-03-04T13:00:00Z"),
        (
            backup_view(HOURLY, YESTERDAY, tasks=(task(run="2026-03-04T10:00:00Z"),)),
            "2026-03-04T11:00:00Z",
        ),
    ],
    ids=["it waits", "it begins", "the one before still runs"],
)
def test_one_that_has_not_begun_is_due_since_its_time(view: BackupView, due: str) -> None:
    """The next time of the schedule would hide for ever that none begins."""
    assert backup_planner.decide(view).status.next_schedule_time == due


def test_one_that_is_too_late_is_left_out() -> None:
    spec = {**S3, "schedule": "0 * * * *", "startingDeadlineSeconds": 10}
    decision = backup_planner.decide(backup_view(spec))
    assert decision.actions == ()
    assert decision.status.last_schedule_time == "2026-03-04T12:00:00Z"
    assert [told.reason for told in decision.events] == [backups.MISSED_SCHEDULE]


@pytest.mark.parametrize(("policy", "deleted"), [("Forbid", []), ("Replace", ["b-1"])])
def test_the_next_one_while_one_runs(policy: str, deleted: list[str]) -> None:
    spec = {**S3, "schedule": "0 * * * *", "concurrencyPolicy": policy}
    decision = backup_planner.decide(backup_view(spec, tasks=(task(run="2026-03-04T11:00:00Z"),)))
    assert [a.name for a in decision.actions if isinstance(a, DeleteJob)] == deleted
    assert not created(decision)


def test_only_the_last_job_of_each_end_is_kept() -> None:
    jobs = tuple(
        task(f"b-{n}", "failed" if n % 2 else "succeeded", created=NOW + timedelta(seconds=n))
        for n in range(5)
    )
    status = {"lastJob": "b-4", "completionTime": "2026-03-04T11:00:30Z"}
    decision = backup_planner.decide(backup_view(status=status, tasks=jobs))
    assert [a.name for a in decision.actions if isinstance(a, DeleteJob)] == ["b-0", "b-1", "b-2"]


def test_jobs_of_an_earlier_backup_of_the_name_are_not_its_own() -> None:
    foreign = task(state="succeeded", owner_uid="another")
    view = backup_view(tasks=(foreign,), pods=(task_pod("b-1", RESULT),))
    assert created(backup_planner.decide(view))


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
    (job,) = created(backup_planner.decide(backup_view(spec)))
    pod = job["spec"]["template"]["spec"]
    (last,) = pod["containers"]
    assert [m["mountPath"] for m in last["volumeMounts"]] == ["/spool", "/secrets/encryption"]
    assert not [c for c in pod["initContainers"] if "/secrets" in json.dumps(c["volumeMounts"])]
    (volume,) = [v for v in pod["volumes"] if "secret" in v]
    assert volume["secret"] == {"secretName": "backup-key", "optional": True}
    done = task(state="succeeded")
    result = {**RESULT, "keyFingerprint": "0a1b"}
    decision = backup_planner.decide(
        backup_view(spec, tasks=(done,), pods=(task_pod(done.name, result),))
    )
    assert decision.status.key_fingerprint == "0a1b"

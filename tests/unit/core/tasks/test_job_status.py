"""Jobs, Pods and records as strangers may write them, and what keeps a Job from going on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.parse import parse_time
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.reasons import backups
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.status.verdict import Verdict
from etcd_operator.core.tasks.backup import backup_planner as backup_planner
from etcd_operator.core.tasks.decision import MOST_CONDITIONS, date_conditions
from etcd_operator.core.tasks.jobs.status import (
    TaskPod,
    find_pod_problem,
    observe_task,
    observe_task_pod,
)
from etcd_operator.core.tasks.restore import restore_planner as restore_planner
from etcd_operator.json_types import Json
from tests.builders.backups import NOW, RESULT, S3, backup_view, created, ended, task, task_pod
from tests.builders.restores import PINNED, filler, made, restore_view
from tests.builders.snapshots import claim

QUOTA = PodProblem(
    "FailedCreate", 'Error creating: pods "b-1-x" is forbidden: exceeded quota: team'
)
MOUNT = PodProblem("FailedMount", 'MountVolume.SetUp failed for volume "store"')


def raw_job(**annotations: str) -> Json:
    """A Job with annotations of ours."""
    marks = {f"etcd.etcd.io/{name}": text for name, text in annotations.items()}
    return {"metadata": {"name": "b-1", "uid": "u", "annotations": marks}}


@pytest.mark.parametrize("text", ["9" * 5000, "-1", "12", "²", "x", "1_0", " 1", ""])
def test_an_ordinal_that_is_none_is_not_read(text: str) -> None:
    assert observe_task(raw_job(ordinal=text)).ordinal is None


@pytest.mark.parametrize("text", ["zzzz", "9999-99-99", "2026-03-04T12:00:00+01:00", "x" * 9999])
def test_a_run_that_is_no_time_is_not_read(text: str) -> None:
    assert observe_task(raw_job(run=text)).run == ""


def test_a_run_of_the_future_does_not_end_a_schedule() -> None:
    often = {**S3, "schedule": "0 * * * *"}
    late = task(state="succeeded", run="2099-01-01T00:00:00Z")
    view = backup_view(often, {"lastJob": "b-1"}, tasks=(late,))
    assert created(backup_planner.decide(view))


@pytest.mark.parametrize(
    "message",
    [
        "[" * 4000,
        '{"a":' * 800,
        '{"url": 5}',
        '{"url": "ftp://x"}',
        json.dumps({**RESULT, "revision": "7"}),
        json.dumps({**RESULT, "revision": -1}),
        json.dumps({**RESULT, "revision": 2**70}),
        json.dumps({**RESULT, "storedSize": 1e300}),
        json.dumps({**RESULT, "url": "s3://" + "x" * 3000}),
        json.dumps({**RESULT, "etcdVersion": ["3.6"]}),
        json.dumps({**RESULT, "keyFingerprint": "x" * 65}),
        "null",
        "",
    ],
)
@pytest.mark.situation(
    "data",
    "a Pod ends with an invalid termination message, or another Pod claims to be the Job's",
    "it is not taken as a result, and stops nothing",
)
def test_a_result_that_cannot_be_is_none(message: str) -> None:
    raw: Json = {
        "metadata": {"name": "p", "labels": {"batch.kubernetes.io/job-name": "b-1"}},
        "status": {"containerStatuses": [ended("store", 0, message)]},
    }
    assert observe_task_pod(raw).result is None
    view = backup_view(tasks=(task(state="succeeded"),), pods=(task_pod("b-1"),))
    assert "before its result could be read" in backup_planner.decide(view).status.message


def test_an_error_is_repeated_as_far_as_a_status_can_hold_it() -> None:
    raw: Json = {
        "metadata": {"name": "p"},
        "status": {"containerStatuses": [ended("store", 1, json.dumps({"error": "x" * 4000}))]},
    }
    assert 0 < len(observe_task_pod(raw).failure) <= 1500


@pytest.mark.parametrize("job_uid", ["", "another"])
def test_a_pod_that_the_job_does_not_control_says_nothing(job_uid: str) -> None:
    forged = replace(task_pod("b-1", RESULT), job_uid=job_uid)
    view = backup_view(tasks=(task(state="succeeded"),), pods=(forged,))
    assert backup_planner.decide(view).status.phase is TaskPhase.FAILED
    genuine = (forged, task_pod("b-1", RESULT))
    assert backup_planner.decide(replace(view, pods=genuine)).status.phase is TaskPhase.COMPLETED

    tasks = tuple(filler(o) for o in range(3))
    claims = tuple(claim(o) for o in range(3))
    lie = TaskPod("p", "r-0", {"url": "s3://b", "snapshotSize": 1, "revision": 1}, job_uid=job_uid)
    view_of = restore_view(status=PINNED, target=made(), claims=claims, tasks=tasks, pods=(lie,))
    assert restore_planner.decide(view_of).status.restored_revision == 0


@pytest.mark.parametrize("text", ["", "0", "x", "2", "1000000", "9" * 5000])
def test_an_edited_size_makes_no_disks(text: str) -> None:
    edited = replace(
        made(),
        annotations={"etcd.etcd.io/restore": "restore-uid", "etcd.etcd.io/restore-size": text},
    )
    decision = restore_planner.decide(restore_view(status=PINNED, target=edited))
    assert decision.actions == ()
    assert "etcd.etcd.io/restore-size of EtcdCluster db was edited" in decision.status.message


@pytest.mark.parametrize("text", ["x", "0000-00-00", "2026-03-04T12:00:60Z", "never"])
def test_an_edited_time_is_none(text: str) -> None:
    assert parse_time(text) is None
    status = {"lastScheduleTime": text, "retryTime": text, "completionTime": text}
    assert backup_planner.decide(backup_view({**S3, "schedule": "0 * * * *"}, status)).status
    naive = parse_time("2026-03-04T12:00:00")
    assert naive is not None
    assert naive.tzinfo is not None


def test_an_edited_version_of_a_backup_stops_nothing() -> None:
    view = restore_view(status=PINNED)
    assert view.backup is not None
    odd = replace(view.backup, status=view.backup.status.model_copy(update={"etcd_version": "x"}))
    assert restore_planner.decide(replace(view, backup=odd)).actions


def test_conditions_of_others_leave_room_for_ours() -> None:
    foreign = tuple(
        Verdict(f"Of{n}", "True", Reason("X", "x"), "x") for n in range(MOST_CONDITIONS)
    )
    full = date_conditions(foreign, (), NOW, 1)
    ours = date_conditions((Verdict("Completed", "False", backups.WAITING, "w"),), full, NOW, 1)
    assert len(ours) == MOST_CONDITIONS
    assert ours[-1].type == "Completed"


# What keeps a Job from going on


def condition(status: Any) -> tuple[str, str, str]:
    """What the condition Completed says."""
    (found,) = (c for c in status.conditions if c.type == "Completed")
    return found.status, found.reason, found.message


@pytest.mark.parametrize(
    ("pods", "warnings", "words"),
    [
        ((), {"uid-b-1": QUOTA}, "FailedCreate: Error creating: pods"),
        ((task_pod("b-1", idle=True),), {"pod-b-1": MOUNT}, "FailedMount: MountVolume.SetUp"),
        (
            (task_pod("b-1", idle=True, problem=PodProblem("ErrImagePull", "no such image")),),
            {"pod-b-1": PodProblem("Failed", "Error: ErrImagePull")},
            "ErrImagePull: no such image",
        ),
        (
            (task_pod("b-1", idle=True, problem=PodProblem("SchedulerError", "waits for a disk")),),
            {"pod-b-1": PodProblem("FailedBinding", "exceeded quota: disks")},
            "FailedBinding: exceeded quota: disks",
        ),
    ],
)
@pytest.mark.situation(
    "told",
    "quota, admission, a disk or an image keeps a Job from going on",
    "the condition has the message of Kubernetes",
)
def test_what_keeps_a_job_from_going_on_is_said_by_the_condition(
    pods: tuple[TaskPod, ...], warnings: dict[str, PodProblem], words: str
) -> None:
    view = backup_view(tasks=(task(),), pods=pods, warnings=warnings)
    decision = backup_planner.decide(view)
    assert condition(decision.status)[:2] == ("False", "JobBlocked")
    assert words in condition(decision.status)[2]
    assert decision.status.message == condition(decision.status)[2]
    assert decision.requeue_after == backup_planner.WAITING

    going = backup_view(tasks=(task(),), pods=(task_pod("b-1"),))
    going = replace(going, backup=replace(going.backup, status=decision.status))
    assert condition(backup_planner.decide(going).status) == (
        "False",
        "Running",
        "Job b-1 is running.",
    )

    late = task(state="failed", why="DeadlineExceeded")
    ended_late = replace(going, tasks=(late,), pods=())
    message = backup_planner.decide(ended_late).status.message
    assert "spec.timeoutSeconds" in message
    assert words in message


def test_a_restore_says_it_as_well() -> None:
    claims = tuple(claim(o) for o in range(3))
    tasks = (filler(0), filler(1, "running"), filler(2))
    warnings = {"uid-r-1": QUOTA}
    view = restore_view(status=PINNED, target=made(), claims=claims, tasks=tasks, warnings=warnings)
    decision = restore_planner.decide(view)
    assert "Job r-1 cannot go on: FailedCreate: Error creating" in condition(decision.status)[2]


def test_of_a_job_that_goes_on_nothing_is_said() -> None:
    assert find_pod_problem(task(), (), {}) is None
    assert backup_planner.decide(backup_view(tasks=(task(),))).status.conditions == ()
    young = task(created=NOW - timedelta(seconds=1))
    assert (
        backup_planner.decide(backup_view(tasks=(young,))).requeue_after == backup_planner.WAITING
    )
    view = backup_view(tasks=(task(),), pods=(task_pod("b-1"),))
    assert backup_planner.decide(view).requeue_after == backup_planner.RUNNING


@pytest.mark.parametrize(
    ("states", "phase", "idle"),
    [
        ([], "Pending", True),
        ([{"waiting": {"reason": "PodInitializing"}}], "Pending", True),
        ([{"running": {}}, {"waiting": {}}], "Pending", False),
        ([{"terminated": {"exitCode": 0}}], "Pending", False),
        ([], "Running", False),
    ],
)
def test_whether_a_pod_has_begun(states: list[Json], phase: str, idle: bool) -> None:
    containers = [{"name": f"c{n}", "state": state} for n, state in enumerate(states)]
    raw: Json = {
        "metadata": {
            "name": "p",
            "uid": "pod",
            "ownerReferences": [{"uid": "x"}, {"uid": "job", "controller": True}],
        },
        "status": {"phase": phase, "initContainerStatuses": containers},
    }
    found = observe_task_pod(raw)
    assert (found.idle, found.job_uid, found.uid) == (idle, "job", "pod")

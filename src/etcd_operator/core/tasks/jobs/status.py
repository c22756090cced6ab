"""Read Jobs of backups and restores, and their Pods: how they stand, and what they said last."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from etcd_operator.api.parse import parse_time
from etcd_operator.core.model.live_objects import OOM_KILLED, PodProblem
from etcd_operator.core.model.naming import MOST_MEMBERS
from etcd_operator.core.model.numbers import read_number
from etcd_operator.core.model.parse import read_termination_message
from etcd_operator.core.tasks.jobs.result import (
    MOST_SENTENCE,
    read_message,
    read_reason,
    read_result,
)
from etcd_operator.json_types import Json

ANNOTATION_OWNER: Final = "etcd.etcd.io/task-of"  # Kind/name of the EtcdBackup or EtcdRestore
ANNOTATION_RUN: Final = "etcd.etcd.io/run"  # the time of the schedule; empty without one
ANNOTATION_ORDINAL: Final = "etcd.etcd.io/ordinal"  # whose disk a restore fills
# The Job controller's reason for a Job whose time was up.
DEADLINE_EXCEEDED: Final = "DeadlineExceeded"
LABEL_JOB: Final = "batch.kubernetes.io/job-name"

State = Literal["running", "succeeded", "failed"]
# What is read from annotations has the form in which we write it, or it is not ours.
_RUN: Final = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z")
# Events that say what the status of the Pod says as well.
_SAID_BY_THE_POD: Final = ("FailedScheduling", "Failed", "BackOff", "InspectFailed")
MOST_REASON: Final = 100
MOST_TROUBLE: Final = 1000
_PATIENT: Final = ("", "ContainerCreating", "PodInitializing")


@dataclass(frozen=True, slots=True)
class Task:
    """A Job. `why` is the Job controller's own word about a failure."""

    name: str
    uid: str
    owner_uid: str
    state: State
    deleting: bool = False
    created: datetime | None = None
    finished: datetime | None = None
    run: str = ""
    ordinal: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class TaskPod:
    """The Pod of a Job: its result, or the sentence of whichever step failed, or its trouble.

    `failure_reason` is a word that goes with the sentence, if the step gave one.

    `job_uid` is that of the Job that controls it. While it is `idle` none of its containers has
    begun, so what keeps it from that is in its Events alone.
    """

    name: str
    job: str
    result: Json | None = field(default=None, hash=False)
    failure: str = ""
    failure_reason: str = ""
    problem: PodProblem | None = None
    job_uid: str = ""
    uid: str = ""
    idle: bool = False


def observe_task(raw: Json) -> Task:
    """Read a Job."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    annotations = metadata.get("annotations") or {}
    state: State = "running"
    finished, why = None, ""
    for condition in status.get("conditions") or ():
        if condition.get("status") == "True" and condition.get("type") in ("Complete", "Failed"):
            state = "succeeded" if condition["type"] == "Complete" else "failed"
            finished = parse_time(condition.get("lastTransitionTime"))
            why = condition.get("reason") or ""
    ordinal, run = (annotations.get(name, "") for name in (ANNOTATION_ORDINAL, ANNOTATION_RUN))
    return Task(
        name=metadata["name"],
        uid=metadata["uid"],
        owner_uid=_controller_of(metadata),
        state=state,
        deleting="deletionTimestamp" in metadata,
        created=parse_time(metadata.get("creationTimestamp")),
        finished=finished,
        run=run if _RUN.fullmatch(run) else "",
        ordinal=read_number(ordinal, MOST_MEMBERS - 1),
        why=why,
    )


def observe_task_pod(raw: Json) -> TaskPod:
    """Read the Pod of a Job: the last container says the result, the first that failed says why."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    result: Json | None = None
    failure, failure_reason = "", ""
    for container in _containers(status):
        ended = (container.get("state") or {}).get("terminated")
        if not ended or (container.get("name") == "etcd" and ended.get("exitCode") != 1):
            continue  # the etcd beside the work is ended by a signal when the work is done
        said = read_message(ended.get("message") or "")
        if ended.get("exitCode") == 0:
            result = (read_result(said) if isinstance(said, dict) else None) or result
        elif not failure:
            failure = _explain_end(container, ended, said)
            failure_reason = read_reason(said)
    return TaskPod(
        name=metadata["name"],
        job=(metadata.get("labels") or {}).get(LABEL_JOB, ""),
        result=result,
        failure=failure or _explain_eviction(status),
        failure_reason=failure_reason,
        problem=_find_problem_of(status),
        job_uid=_controller_of(metadata),
        uid=metadata.get("uid", ""),
        idle=_is_idle(status),
    )


def _controller_of(metadata: Json) -> str:
    """The uid of the object that controls this one: a label alone proves nothing."""
    owners = (o for o in metadata.get("ownerReferences") or () if o.get("controller"))
    return next((str(owner.get("uid", "")) for owner in owners), "")


def _is_idle(status: Json) -> bool:
    states = [container.get("state") or {} for container in _containers(status)]
    return status.get("phase") == "Pending" and all(set(state) <= {"waiting"} for state in states)


def owner_of(raw: Json) -> str:
    """The Kind/name that a Job or its Pod works for."""
    return str((raw["metadata"].get("annotations") or {}).get(ANNOTATION_OWNER, ""))


def _containers(status: Json) -> Iterator[Json]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _explain_end(container: Json, ended: Json, said: Json | str) -> str:
    name = container.get("name", "")
    if isinstance(said, dict) and "error" in said:
        return str(said["error"])[:MOST_SENTENCE]
    if ended.get("reason") == OOM_KILLED:
        return (
            f"The container {name} needed more memory than it may have: raise "
            "spec.jobTemplate.resources.limits.memory."
        )
    text = said if isinstance(said, str) else json.dumps(said)
    words = read_termination_message(text) or f"exit code {ended.get('exitCode')}"
    return f"The step {name} failed: {words.removeprefix('Error: ')}"[:500]


def _explain_eviction(status: Json) -> str:
    if status.get("phase") == "Failed" and status.get("reason"):
        return f"The Pod was ended: {status['reason']}: {status.get('message', '')}"[:500]
    return ""


def _find_problem_of(status: Json) -> PodProblem | None:
    """Why a Pod does not get on: the scheduler's or the kubelet's word."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _trouble(condition)
    for container in _containers(status):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in _PATIENT:
            return _trouble(waiting)
    return None


def _trouble(said: Json) -> PodProblem:
    reason, message = str(said.get("reason") or ""), str(said.get("message") or "")
    return PodProblem(reason[:MOST_REASON], message[:MOST_TROUBLE])


def find_pod(task: Task, pods: Iterable[TaskPod]) -> TaskPod | None:
    """Return the Pod of a Job, which controls it: the one that says the most, of several."""
    own = [pod for pod in pods if pod.job == task.name and pod.job_uid == task.uid]
    return max(own, key=lambda pod: (bool(pod.result), bool(pod.failure), pod.name), default=None)


def find_pod_problem(
    task: Task, pods: Iterable[TaskPod], warnings: Mapping[str, PodProblem]
) -> PodProblem | None:
    """Return what keeps a running Job from going on, in the words of who said it.

    `warnings` are those of Events, by the uid of the Job or the Pod that they are about.
    """
    pod = find_pod(task, pods)
    if pod is None:
        return warnings.get(task.uid)
    warning = warnings.get(pod.uid)
    if pod.problem and (warning is None or warning.reason in _SAID_BY_THE_POD):
        return pod.problem
    return warning


def newest(tasks: tuple[Task, ...]) -> Task | None:
    """The Job that was created last."""
    return max(
        tasks, key=lambda task: (task.created is not None, task.created, task.name), default=None
    )

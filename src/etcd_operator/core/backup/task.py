"""Read Jobs of backups and restores, and their Pods: how they stand, and what they said last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from etcd_operator.api.parse import parse_time
from etcd_operator.core.observe import read_last_words
from etcd_operator.core.snapshot import Trouble

Json = dict[str, Any]

ANNOTATION_OWNER: Final = "etcd.etcd.io/task-of"  # Kind/name of the EtcdBackup or EtcdRestore
ANNOTATION_RUN: Final = "etcd.etcd.io/run"  # the time of the schedule; empty without one
ANNOTATION_ORDINAL: Final = "etcd.etcd.io/ordinal"  # whose disk a restore fills
LABEL_JOB: Final = "batch.kubernetes.io/job-name"

State = Literal["running", "succeeded", "failed"]
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
    """The Pod of a Job: its result, or the sentence of whichever step failed, or its trouble."""

    name: str
    job: str
    result: Json | None = field(default=None, hash=False)
    failure: str = ""
    trouble: Trouble | None = None


def observe_task(raw: Json) -> Task:
    """Read a Job."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    annotations = metadata.get("annotations") or {}
    owners = [owner for owner in metadata.get("ownerReferences") or () if owner.get("controller")]
    state: State = "running"
    finished, why = None, ""
    for condition in status.get("conditions") or ():
        if condition.get("status") == "True" and condition.get("type") in ("Complete", "Failed"):
            state = "succeeded" if condition["type"] == "Complete" else "failed"
            finished = parse_time(condition.get("lastTransitionTime"))
            why = condition.get("reason") or ""
    ordinal = annotations.get(ANNOTATION_ORDINAL, "")
    return Task(
        name=metadata["name"],
        uid=metadata["uid"],
        owner_uid=owners[0]["uid"] if owners else "",
        state=state,
        deleting="deletionTimestamp" in metadata,
        created=parse_time(metadata.get("creationTimestamp")),
        finished=finished,
        run=annotations.get(ANNOTATION_RUN, ""),
        ordinal=int(ordinal) if ordinal.isdecimal() else None,
        why=why,
    )


def observe_task_pod(raw: Json) -> TaskPod:
    """Read the Pod of a Job: the last container says the result, the first that failed says why."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    result: Json | None = None
    failure = ""
    for container in _containers(status):
        ended = (container.get("state") or {}).get("terminated")
        if not ended or (container.get("name") == "etcd" and ended.get("exitCode") != 1):
            continue  # the etcd beside the work is ended by a signal when the work is done
        said = _read_message(ended.get("message") or "")
        if ended.get("exitCode") == 0:
            result = said if isinstance(said, dict) and "url" in said else result
        elif not failure:
            failure = _explain_end(container, ended, said)
    return TaskPod(
        name=metadata["name"],
        job=(metadata.get("labels") or {}).get(LABEL_JOB, ""),
        result=result,
        failure=failure or _explain_eviction(status),
        trouble=_find_trouble(status),
    )


def owner_of(raw: Json) -> str:
    """The Kind/name that a Job or its Pod works for."""
    return str((raw["metadata"].get("annotations") or {}).get(ANNOTATION_OWNER, ""))


def _containers(status: Json) -> Iterator[Json]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _read_message(text: str) -> Json | str:
    try:
        said = json.loads(text)
    except ValueError:
        return text
    return said if isinstance(said, dict) else text


def _explain_end(container: Json, ended: Json, said: Json | str) -> str:
    name = container.get("name", "")
    if isinstance(said, dict) and "error" in said:
        return str(said["error"])
    if ended.get("reason") == "OOMKilled":
        return f"The container {name} needed more memory than it may have."
    text = said if isinstance(said, str) else json.dumps(said)
    words = read_last_words(text) or f"exit code {ended.get('exitCode')}"
    return f"The step {name} failed: {words.removeprefix('Error: ')}"[:500]


def _explain_eviction(status: Json) -> str:
    if status.get("phase") == "Failed" and status.get("reason"):
        return f"The Pod was ended: {status['reason']}: {status.get('message', '')}"[:500]
    return ""


def _find_trouble(status: Json) -> Trouble | None:
    """Why a Pod does not get on: the scheduler's or the kubelet's word."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return Trouble(condition.get("reason", ""), condition.get("message", ""))
    for container in _containers(status):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in _PATIENT:
            return Trouble(waiting["reason"], waiting.get("message", ""))
    return None


def newest(tasks: tuple[Task, ...]) -> Task | None:
    """The Job that was created last."""
    return max(
        tasks, key=lambda task: (task.created is not None, task.created, task.name), default=None
    )

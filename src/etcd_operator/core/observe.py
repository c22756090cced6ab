"""Read API objects into snapshot values. Parsing only: no judgement, no I/O."""

from __future__ import annotations

from typing import Any

from etcd_operator.api.parse import parse_time
from etcd_operator.core.naming import LABEL_CLUSTER_UID, LABEL_ROLE
from etcd_operator.core.snapshot import Child, Claim, Pod, Trouble

Json = dict[str, Any]


def observe_pod(raw: Json) -> Pod:
    """Read a member's Pod; its ordinal is the number at the end of its name."""
    metadata, status = raw["metadata"], raw.get("status") or {}
    labels = metadata.get("labels") or {}
    container = _etcd_container(status)
    state = container.get("state") or {}
    running = "running" in state and status.get("phase") == "Running"
    restarts = int(container.get("restartCount") or 0)
    last_state = container.get("lastState") or {}
    return Pod(
        name=metadata["name"],
        ordinal=_trailing_number(metadata["name"]),
        uid=metadata["uid"],
        resource_version=metadata.get("resourceVersion", ""),
        address=status.get("podIP") or "",
        node=(raw.get("spec") or {}).get("nodeName") or "",
        running=running,
        ever_ran=running or restarts > 0 or bool(last_state) or "terminated" in state,
        ready=_condition(status, "Ready").get("status") == "True",
        deleting="deletionTimestamp" in metadata,
        restarts=restarts,
        revision=labels.get("controller-revision-hash", ""),
        role=labels.get(LABEL_ROLE, ""),
        created=parse_time(metadata.get("creationTimestamp")),
        trouble=_find_trouble(status, state, last_state),
    )


def _etcd_container(status: Json) -> Json:
    for container in status.get("containerStatuses") or ():
        if container.get("name") == "etcd":
            return dict(container)
    return {}


def _condition(status: Json, kind: str) -> Json:
    for condition in status.get("conditions") or ():
        if condition.get("type") == kind:
            return dict(condition)
    return {}


def _find_trouble(status: Json, state: Json, last_state: Json) -> Trouble | None:
    """Return why the Pod does not come up, in the words of the scheduler or the kubelet."""
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return Trouble(scheduled.get("reason", "Unschedulable"), scheduled.get("message", ""))
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason", "")
    if not reason or reason in ("ContainerCreating", "PodInitializing"):
        return None
    message = waiting.get("message", "")
    ended = last_state.get("terminated") or {}
    if reason == "CrashLoopBackOff" and ended:
        message = f"etcd ended with exit code {ended.get('exitCode')}; {message}"
    return Trouble(reason, message)


def observe_claim(raw: Json) -> Claim:
    """Read a member's PersistentVolumeClaim."""
    metadata = raw["metadata"]
    return Claim(
        name=metadata["name"],
        ordinal=_trailing_number(metadata["name"]),
        uid=metadata["uid"],
        owner_uid=(metadata.get("labels") or {}).get(LABEL_CLUSTER_UID, ""),
        bound=(raw.get("status") or {}).get("phase") == "Bound",
        deleting="deletionTimestamp" in metadata,
    )


def observe_child(kind: str, raw: Json) -> Child:
    """Read an object that the operator renders, with its controller's uid."""
    metadata = raw["metadata"]
    owners = [o for o in metadata.get("ownerReferences") or () if o.get("controller")]
    return Child(
        kind=kind,
        name=metadata["name"],
        uid=metadata["uid"],
        owner_uid=owners[0]["uid"] if owners else "",
        resource_version=metadata.get("resourceVersion", ""),
        deleting="deletionTimestamp" in metadata,
        body=raw,
    )


def _trailing_number(name: str) -> int:
    number = name.rpartition("-")[2]
    return int(number) if number.isdecimal() else -1

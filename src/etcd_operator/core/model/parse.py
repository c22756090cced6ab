"""Read API objects into snapshot values. Parsing only: no judgement, no I/O."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from etcd_operator.api.client_tls import ClientTls
from etcd_operator.api.parse import parse_time
from etcd_operator.api.quantity import read_quantity
from etcd_operator.api.validation import ANNOTATION_REPLACE
from etcd_operator.core.model.live_objects import (
    CRASH_LOOP,
    OOM_KILLED,
    UNSCHEDULABLE,
    Child,
    Claim,
    Pod,
    PodProblem,
)
from etcd_operator.core.model.naming import (
    ANNOTATION_CLIENT_TLS,
    ANNOTATION_TRUST,
    FORCED,
    LABEL_CLUSTER,
    LABEL_CLUSTER_UID,
    LABEL_ROLE,
    ORPHAN,
    SERVER_VOLUME,
    cluster_of_pod,
    is_wal_claim,
    ordinal_of_claim,
    ordinal_of_pod,
    select_members,
)
from etcd_operator.core.model.peer_stage import has_peer_volume
from etcd_operator.core.model.pod_resize import observe_resize
from etcd_operator.core.model.template import has_wal_disk, is_ephemeral, read_server_certificate
from etcd_operator.json_types import Json
from etcd_operator.printable import make_printable

# Reasons of a container that waits for nothing in particular.
_STARTING: Final = ("ContainerCreating", "PodInitializing")
# Kubernetes takes these off by itself: when no Pod uses the claim, and of its garbage collector.
OWN_FINALIZERS: Final = ("kubernetes.io/pvc-protection", "foregroundDeletion", ORPHAN)
# Of what carries a cluster's labels and is not a member's: a copy, a clone, a Pod for debugging.
NO_ORDINAL: Final = -1
_NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)


def observe_pod(raw: Json) -> Pod:
    """Read a Pod with the label of an EtcdCluster's uid; NO_ORDINAL unless its name is a member's.

    All other labels may have been taken off by hand: its name says the same.
    """
    metadata, status = raw["metadata"], raw.get("status") or {}
    annotations = metadata.get("annotations") or {}
    container = _etcd_container(status)
    ready = _condition(status, "Ready")
    state = container.get("state") or {}
    running = "running" in state and status.get("phase") == "Running"
    restarts = int(container.get("restartCount") or 0)
    last_state = container.get("lastState") or {}
    ended = state.get("terminated") or last_state.get("terminated") or {}
    last_words = make_printable(read_termination_message(ended.get("message") or ""))
    return Pod(
        **_observe_identity(metadata),
        **_observe_spec(raw),
        address=status.get("podIP") or "",
        running=running,
        ever_ran=running or restarts > 0 or bool(last_state) or "terminated" in state,
        ready=ready.get("status") == "True",
        was_ready=_was_ready(ready, state, last_state),
        deleting="deletionTimestamp" in metadata,
        restarts=restarts,
        created=parse_time(metadata.get("creationTimestamp")),
        problem=_find_problem_of(status, state, last_words, ended),
        termination_message=last_words,
        exit_code=ended.get("exitCode"),
        unready_since=_find_unready(status, ready),
        ends_by=parse_time(metadata.get("deletionTimestamp")),
        finalizers=read_finalizers(raw),
        replace_asked=annotations.get(ANNOTATION_REPLACE, "false") != "false",
        trust=_read_trust(annotations.get(ANNOTATION_TRUST, "")),
        client_tls=read_client_tls(raw),
        peer_tls=has_peer_volume(raw),
        started=parse_time((state.get("running") or {}).get("startedAt")),
        **observe_resize(raw, container),
    )


def _observe_identity(metadata: Json) -> Json:
    labels = metadata.get("labels") or {}
    cluster, owner_uid = cluster_of_pod(metadata["name"]), _find_owner(labels)
    return {
        "name": metadata["name"],
        "ordinal": _or_none(ordinal_of_pod(metadata["name"], cluster)),
        "uid": metadata["uid"],
        "owner_uid": owner_uid,
        "selected": select_members(cluster, owner_uid).items() <= labels.items(),
        "revision": sys.intern(labels.get("controller-revision-hash", "")),
        "role": sys.intern(labels.get(LABEL_ROLE, "")),
        "resource_version": metadata.get("resourceVersion", ""),
    }


def _observe_spec(raw: Json) -> Json:
    spec = raw.get("spec") or {}
    return {
        "node": sys.intern(spec.get("nodeName") or ""),
        "forced": _is_forced(spec),
        "ephemeral": is_ephemeral(raw),
        "wal": has_wal_disk(raw),
        "server_certificate": read_server_certificate(raw),
    }


def _is_forced(spec: Json) -> bool:
    for container in spec.get("containers") or ():
        if container.get("name") != "etcd":
            continue
        if any(str(word).endswith(f"{FORCED}.yaml") for word in container.get("args") or ()):
            return True
    return False


def _find_unready(status: Json, ready: Json) -> datetime | None:
    """Since when it is not Ready; a Pod that no node takes has only what the scheduler says."""
    if ready.get("status") == "True":
        return None
    said = ready if ready else _condition(status, "PodScheduled")
    return parse_time(said.get("lastTransitionTime"))


def _was_ready(ready: Json, state: Json, last_state: Json) -> bool:
    """Whether it is Ready, or stopped being so after a process that Kubernetes still speaks of.

    A Pod that was never Ready is not since before its first process began. Of one that could not
    even begin, for its image has no etcd or is of another architecture, the kubelet says 1970.
    """
    if ready.get("status") == "True":
        return True
    since = parse_time(ready.get("lastTransitionTime"))
    runs = (state.get("running"), state.get("terminated"), last_state.get("terminated"))
    begun = [parse_time((run or {}).get("startedAt")) for run in runs]
    return since is not None and any(m and _NO_TIME < m < since for m in begun)


def _read_trust(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def read_client_tls(raw: Json) -> ClientTls:
    """Read how a Pod, or one of a template, serves clients: with TLS it has a certificate for them.

    `raw` is the Pod or the template as Kubernetes has it.
    """
    annotations = (raw.get("metadata") or {}).get("annotations") or {}
    volumes = (raw.get("spec") or {}).get("volumes") or ()
    if not any(volume.get("name") == SERVER_VOLUME for volume in volumes):
        return ClientTls.OFF
    both = annotations.get(ANNOTATION_CLIENT_TLS) == ClientTls.PERMISSIVE
    return ClientTls.PERMISSIVE if both else ClientTls.STRICT


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


def _find_problem_of(status: Json, state: Json, last_words: str, ended: Json) -> PodProblem | None:
    """Return why the Pod does not come up, in the words of the scheduler or the kubelet."""
    scheduled = _condition(status, "PodScheduled")
    if scheduled.get("status") == "False":
        return PodProblem(scheduled.get("reason", UNSCHEDULABLE), scheduled.get("message", ""))
    if status.get("phase") == "Failed" and status.get("reason"):
        return PodProblem(status["reason"], status.get("message", ""))  # evicted, or not admitted
    waiting = state.get("waiting") or {}
    if waiting.get("reason", "") in ("", *_STARTING) and "running" not in state:
        waiting = _find_waiting_before(status)
    reason = waiting.get("reason", "")
    if not reason or reason in _STARTING:
        return None
    message = waiting.get("message", "")
    if reason == CRASH_LOOP and ended:
        if ended.get("reason") == OOM_KILLED:
            return PodProblem(OOM_KILLED, "etcd needed more memory than spec.resources.limits has")
        why = f": {last_words}" if last_words else ""
        message = f"etcd ended with exit code {ended.get('exitCode')}{why}"
    return PodProblem(reason, message)


def _find_waiting_before(status: Json) -> Json:
    """Why an init container, which etcd waits for, does not get on; others have put it there."""
    for container in status.get("initContainerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in ("", *_STARTING):
            said = f"init container {container.get('name')}: {waiting.get('message', '')}"
            return {**waiting, "message": said}
    return {}


def read_termination_message(text: str) -> str:
    """Return why etcd ended from the last lines of its log, which are JSON objects.

    Of a panic the trace may fill all that Kubernetes keeps: then the runtime's own line says why.
    """
    lines = text.splitlines()
    for line in reversed(lines):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):  # any container may write anything
            continue
        if isinstance(entry, dict) and _ends_process(entry):
            return ": ".join(str(entry[key]) for key in ("msg", "error") if entry.get(key))
    panicked = (line for line in reversed(lines) if line.startswith("panic: "))
    return next(panicked, text.strip().rpartition("\n")[2])[:300]


def _ends_process(entry: Json) -> bool:
    """Whether etcd ends with these words: that it cannot use its settings is only a warning."""
    worst = entry.get("level") in ("fatal", "panic", "error")
    return worst or entry.get("msg") == "failed to verify flags"


def read_finalizers(raw: Json) -> tuple[str, ...]:
    """Return the finalizers by which others than Kubernetes itself keep an object."""
    finalizers = raw.get("metadata", {}).get("finalizers") or ()
    return tuple(str(name) for name in finalizers if name not in OWN_FINALIZERS)


def observe_claim(raw: Json) -> Claim:
    """Read a claim with a cluster's labels; NO_ORDINAL unless its whole name is a member's."""
    metadata = raw["metadata"]
    labels = metadata.get("labels") or {}
    spec, status = raw.get("spec") or {}, raw.get("status") or {}
    phase = status.get("phase")
    requests = (spec.get("resources") or {}).get("requests") or {}
    return Claim(
        name=metadata["name"],
        ordinal=_or_none(ordinal_of_claim(metadata["name"], labels.get(LABEL_CLUSTER, ""))),
        uid=metadata["uid"],
        owner_uid=_find_owner(labels),
        resource_version=metadata.get("resourceVersion", ""),
        bound=phase == "Bound",
        deleting="deletionTimestamp" in metadata,
        lost=phase == "Lost",
        requested=read_quantity(requests.get("storage")),
        storage_class=sys.intern(spec.get("storageClassName") or ""),
        volume=spec.get("volumeName") or "",
        capacity=read_quantity((status.get("capacity") or {}).get("storage")),
        created=parse_time(metadata.get("creationTimestamp")),
        finalizers=read_finalizers(raw),
        attributes_class=spec.get("volumeAttributesClassName") or "",
        attributes_change=(status.get("modifyVolumeStatus") or {}).get("status") or "",
        wal=is_wal_claim(metadata["name"], labels.get(LABEL_CLUSTER, "")),
    )


def observe_child(kind: str, raw: Json, managers: Iterable[Json] = ()) -> Child:
    """Read an object that the operator renders, with its controller's uid.

    `managers` are its managed fields, where they were taken out of it.
    """
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
        written=_find_written(managers or metadata.get("managedFields") or ())
        if kind == "ConfigMap"
        else None,
    )


def _find_written(managers: Iterable[Json]) -> datetime | None:
    """When the object was last changed: each field manager has the time of its last change."""
    times = (parse_time(entry.get("time")) for entry in managers)
    return max((time for time in times if time), default=None)


def _find_owner(labels: Json) -> str:
    """Return the uid of the EtcdCluster; all objects of one have the same text in common."""
    return sys.intern(labels.get(LABEL_CLUSTER_UID, ""))


def _or_none(ordinal: int | None) -> int:
    return NO_ORDINAL if ordinal is None else ordinal

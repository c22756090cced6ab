"""Pods, disks and children as the API server sends them, read without judgement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.naming import select_members
from etcd_operator.core.model.parse import (
    NO_ORDINAL,
    observe_child,
    observe_claim,
    observe_pod,
    read_termination_message,
)
from etcd_operator.json_types import Json


def raw_pod(
    state: Json | None = None, *, last: Json | None = None, phase: str = "Running", **more: Any
) -> Json:
    """A Pod with one etcd container in this state."""
    container: Json = {"name": "etcd", "restartCount": more.pop("restarts", 0)}
    container |= {"state": state} if state is not None else {}
    container |= {"lastState": last} if last is not None else {}
    return {
        "metadata": {
            "name": "db-2",
            "namespace": "team",
            "uid": "u2",
            "resourceVersion": "9",
            "creationTimestamp": "2026-03-04T05:06:07Z",
            "labels": {
                "controller-revision-hash": "db-abc",
                "etcd.etcd.io/role": "voter",
                "etcd.etcd.io/cluster": "db",
                "etcd.etcd.io/cluster-uid": "c1",
            },
            **more.pop("metadata", {}),
        },
        "spec": {"nodeName": "node-1"},
        "status": {
            "phase": phase,
            "podIP": "10.0.0.3",
            "containerStatuses": [{"name": "sidecar", "state": {"running": {}}}, container],
            **more,
        },
    }


def waiting(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason, "message": message}}


READY = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]
STARTED = {"running": {"startedAt": "2026-03-04T05:06:08Z"}}
ENDED = {"terminated": {"exitCode": 1}}


@pytest.mark.parametrize("gone", ["etcd.etcd.io/cluster", "app.kubernetes.io/name"])
def test_a_pod_whose_labels_somebody_took_off_is_a_members_by_its_name(gone: str) -> None:
    whole = raw_pod(STARTED)
    whole["metadata"]["labels"] |= select_members("db", "c1")
    assert observe_pod(whole).selected
    del whole["metadata"]["labels"][gone]
    pod = observe_pod(whole)
    assert (pod.ordinal, pod.owner_uid, pod.selected) == (2, "c1", False)
    whole["metadata"]["labels"][gone] = "another"
    assert not observe_pod(whole).selected
    whole["metadata"]["name"] = "db-debug"
    assert observe_pod(whole).ordinal == NO_ORDINAL


def test_a_running_pod() -> None:
    pod = observe_pod(raw_pod(STARTED, conditions=READY))
    assert (pod.name, pod.ordinal, pod.uid, pod.owner_uid) == ("db-2", 2, "u2", "c1")
    assert (pod.address, pod.node, pod.revision, pod.role) == (
        "10.0.0.3",
        "node-1",
        "db-abc",
        "voter",
    )
    assert (pod.running, pod.ever_ran, pod.ready, pod.deleting) == (True, True, True, False)
    assert pod.created == datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    assert pod.started == datetime(2026, 3, 4, 5, 6, 8, tzinfo=UTC)
    assert pod.problem is None


def test_a_pod_that_no_node_can_take() -> None:
    scheduled = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient memory.",
    }
    raw = raw_pod(phase="Pending", conditions=[scheduled], podIP=None, containerStatuses=None)
    pod = observe_pod(raw)
    assert pod.problem == PodProblem(
        "Unschedulable", "0/3 nodes are available: 3 Insufficient memory."
    )
    assert (pod.running, pod.ever_ran, pod.ready, pod.address) == (False, False, False, "")


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff", "CreateContainerError"])
def test_a_pod_that_the_kubelet_cannot_start(reason: str) -> None:
    pod = observe_pod(raw_pod(waiting(reason, "no such tag"), phase="Pending"))
    assert pod.problem == PodProblem(reason, "no such tag")
    assert not pod.ever_ran


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_pod_that_is_just_starting_is_no_trouble(reason: str) -> None:
    pod = observe_pod(raw_pod(waiting(reason), phase="Pending"))
    assert pod.problem is None
    assert not pod.ever_ran


def test_a_pod_that_crashes_again_and_again() -> None:
    pod = observe_pod(raw_pod(waiting("CrashLoopBackOff", "back-off 40s"), last=ENDED, restarts=3))
    assert pod.problem == PodProblem("CrashLoopBackOff", "etcd ended with exit code 1")
    assert (pod.running, pod.ever_ran, pod.restarts) == (False, True, 3)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        ("exec format error", "exec format error"),
        ("[" * 4096, "[" * 300),
        (
            '{"level":"info","msg":"starting"}\n'  # noqa: ISC004 (one log of two lines)
            '{"level":"fatal","msg":"discovery failed","error":"cannot fetch cluster info"}',
            "discovery failed: cannot fetch cluster info",
        ),
        ('{"level":"fatal","msg":"first"}\n{"level":"info","msg":"later"}', "first"),
        (
            "[" * 4000 + '\n{"level":"fatal","msg":"nested"}',
            "nested",
        ),
        (
            'cut off","msg":"x"}\n{"level":"panic","msg":"tocommit(9) is out of range"}',
            "tocommit(9) is out of range",
        ),
        (
            'cut off"}\npanic: tocommit(7) is out of range\n\ngoroutine 63 [running]:\nlog.go:324',
            "panic: tocommit(7) is out of range",
        ),
        (
            '{"level":"info","msg":"Running: "}\n'  # noqa: ISC004 (one log of two lines)
            '{"level":"warn","msg":"failed to verify flags","error":"open sink"}',
            "failed to verify flags: open sink",
        ),
        ('{"level":"warn","msg":"slow","error":"x"}', '{"level":"warn","msg":"slow","error":"x"}'),
    ],
)
def test_the_last_words_of_a_member(log: str, words: str) -> None:
    assert read_termination_message(log) == words


def test_a_pod_whose_init_container_does_not_get_on() -> None:
    """Somebody's webhook has put it there; etcd itself only waits."""
    init = [{"name": "proxy", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}]
    raw = raw_pod(waiting("PodInitializing"), phase="Pending", initContainerStatuses=init)
    assert observe_pod(raw).problem == PodProblem("ErrImagePull", "init container proxy: no")
    assert observe_pod(raw_pod(STARTED, initContainerStatuses=init)).problem is None


def test_a_pod_that_its_node_has_put_out() -> None:
    raw = raw_pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    wanted = PodProblem("Evicted", "The node was low on resource: memory.")
    assert observe_pod(raw).problem == wanted


@pytest.mark.parametrize(
    ("since", "last", "was_ready"),
    [
        ("2026-03-04T05:06:00Z", "", False),  # before its process began: it was never Ready
        ("2026-03-04T05:06:10Z", "", False),
        ("2026-03-04T05:06:11Z", "", True),
        ("2026-03-04T05:06:05Z", "2026-03-04T05:06:04Z", True),
        ("2026-03-04T05:06:05Z", "2026-03-04T05:06:05Z", False),
    ],
)
def test_a_pod_that_was_ready(since: str, last: str, was_ready: bool) -> None:
    """What is not Ready any more since after a process began was so while that ran."""
    unready = [{"type": "Ready", "status": "False", "lastTransitionTime": since}]
    state = {"running": {"startedAt": "2026-03-04T05:06:10Z"}}
    ended = {"terminated": {"startedAt": last, "exitCode": 1}} if last else None
    assert observe_pod(raw_pod(state, conditions=unready, last=ended)).was_ready == was_ready


def test_a_process_that_could_not_begin_was_never_ready() -> None:
    """As the kubelet tells of an image without etcd, or of another architecture."""
    cannot = {"exitCode": 128, "reason": "StartError", "startedAt": "1970-01-01T00:00:00Z"}
    since = "2026-03-04T05:06:07Z"
    unready = [{"type": "Ready", "status": "False", "lastTransitionTime": since}]
    for last in ({"terminated": cannot}, None):
        state = waiting("CrashLoopBackOff") if last else {"terminated": cannot}
        assert not observe_pod(raw_pod(state, conditions=unready, last=last)).was_ready


def test_a_pod_that_is_ready_was_ready() -> None:
    assert observe_pod(raw_pod(STARTED, conditions=READY)).was_ready
    assert not observe_pod(raw_pod(STARTED)).was_ready


def test_a_process_that_ended_did_run() -> None:
    assert observe_pod(raw_pod(ENDED)).ever_ran
    assert not observe_pod(raw_pod(ENDED)).running


def test_a_terminating_pod() -> None:
    pod = observe_pod(raw_pod(STARTED, metadata={"deletionTimestamp": "2026-03-04T05:06:09Z"}))
    assert pod.deleting
    assert pod.running


def test_a_container_of_a_pod_that_failed_does_not_run() -> None:
    """After the loss of a node the container's state is the last one that was heard of."""
    assert not observe_pod(raw_pod(STARTED, phase="Failed")).running


def test_a_pod_without_any_status() -> None:
    pod = observe_pod({"metadata": {"name": "db-0", "uid": "u0"}})
    assert (pod.running, pod.ever_ran, pod.ready, pod.restarts) == (False, False, False, 0)


def test_another_containers_state_is_not_etcds() -> None:
    assert not observe_pod(raw_pod()).running


def test_a_claim() -> None:
    raw: Json = {
        "metadata": {
            "name": "data-db-8",
            "uid": "u",
            "labels": {"etcd.etcd.io/cluster": "db", "etcd.etcd.io/cluster-uid": "c1"},
            "deletionTimestamp": "2026-03-04T05:06:09Z",
        },
        "status": {"phase": "Bound"},
    }
    disk = observe_claim(raw)
    assert (disk.ordinal, disk.owner_uid, disk.bound, disk.deleting) == (8, "c1", True, True)
    raw["status"]["phase"] = "Pending"
    assert not observe_claim(raw).bound


def test_a_claim_without_labels_belongs_to_nobody() -> None:
    assert observe_claim({"metadata": {"name": "data-db-x", "uid": "u"}}).owner_uid == ""
    assert observe_claim({"metadata": {"name": "data-db-x", "uid": "u"}}).ordinal == -1


def test_a_child_is_owned_by_its_controller_only() -> None:
    owners = [{"uid": "reader"}, {"uid": "c1", "controller": True}]
    raw: Json = {"metadata": {"name": "db", "uid": "u", "ownerReferences": owners}}
    assert observe_child("StatefulSet", raw).owner_uid == "c1"
    raw["metadata"]["ownerReferences"] = owners[:1]
    child = observe_child("StatefulSet", raw)
    assert (child.owner_uid, child.deleting, child.annotations) == ("", False, {})


def test_the_gate_knows_when_it_was_written_last() -> None:
    managers = [{"time": "2026-03-04T05:06:07Z"}, {"time": "2026-03-04T05:06:09Z"}, {}]
    raw: Json = {"metadata": {"name": "db-config", "uid": "u", "managedFields": managers}}
    assert observe_child("ConfigMap", raw).written == datetime(2026, 3, 4, 5, 6, 9, tzinfo=UTC)
    assert observe_child("StatefulSet", raw).written is None, "its status is written all the time"
    raw["metadata"].pop("managedFields")
    assert observe_child("ConfigMap", raw).written is None


@pytest.mark.parametrize(("container", "forced"), [("etcd", True), ("sidecar", False)])
def test_only_the_file_that_etcd_reads_forces_its_member(container: str, forced: bool) -> None:
    pod = raw_pod(STARTED)
    pod["spec"]["containers"] = [{"name": container, "args": ["--config=/x/db-2-forced.yaml"]}]
    assert observe_pod(pod).forced is forced

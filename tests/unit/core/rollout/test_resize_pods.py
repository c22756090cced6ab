"""Other CPU and memory for Pods that run: one at a time, and by a roll where it cannot be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import Action, ResizePod, SetPodRevision
from etcd_operator.core.model.compute import may_become, read_compute
from etcd_operator.core.model.live_objects import PodResize
from etcd_operator.core.model.naming import ANNOTATION_RESIZABLE
from etcd_operator.core.model.parse import observe_pod
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.metadata import fingerprint
from etcd_operator.core.objects.resizable import is_resizable, record_resizable
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.plan.planner import choose_layout, plan
from etcd_operator.core.reasons import routine
from etcd_operator.core.rollout import resize_pods, roll
from etcd_operator.core.rollout.outdated import is_outdated
from etcd_operator.core.rollout.resizing import PATIENCE, hash_compute, wanted_compute
from etcd_operator.json_types import Json
from tests.builders.actions import SAID, Fires, Passes
from tests.builders.snapshots import (
    NAMING,
    NOW,
    change_child,
    change_pod,
    formed,
    new,
    settled,
    silent,
    with_learner,
    without_member,
)

BEFORE: Json = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
AFTER: Json = {"requests": {"cpu": "200m", "memory": "128Mi"}, "limits": {"memory": "2Gi"}}
GUARANTEED: Json = {"limits": {"cpu": 1, "memory": "1Gi"}}
OLD = "db-old"


def outgrown(*ordinals: int, size: int = 3, old: Json = BEFORE, new: Json = AFTER) -> Snapshot:
    """A cluster whose spec asks for more than these Pods have; they run and are Ready."""
    made = formed(size, inPlaceResize=True, resources=new)
    for ordinal in range(size):
        given = read_compute(old if ordinal in ordinals else new)
        made = change_pod(made, ordinal, compute=given, compute_in_effect=given)
    for ordinal in ordinals:
        made = change_pod(made, ordinal, revision=OLD)
    return recording(made, OLD)


def recording(snapshot: Snapshot, *revisions: str) -> Snapshot:
    """The StatefulSet says that its template differs from these in CPU and memory alone."""
    live = snapshot.statefulset
    assert live is not None
    rest = live.annotations[ANNOTATION_RESIZABLE].split(" ")[0]
    text = f"{rest} {','.join(fingerprint([each]) for each in revisions)}"
    annotations = {**live.annotations, ANNOTATION_RESIZABLE: text}
    body = {**live.body, "metadata": {**live.body["metadata"], "annotations": annotations}}
    return settled(change_child(snapshot, "StatefulSet", live.name, body=body))


def asked(snapshot: Snapshot, ordinal: int, **changes: Any) -> Snapshot:
    """Kubernetes was asked to give a Pod what the template says."""
    wanted = wanted_compute(snapshot)
    usual = {"compute": wanted, "resize": PodResize(hash_compute(wanted), NOW)}
    return change_pod(snapshot, ordinal, **{**usual, **changes})


def done(snapshot: Snapshot, ordinal: int) -> Snapshot:
    """The kubelet says that a Pod has what the template says."""
    return asked(snapshot, ordinal, compute_in_effect=wanted_compute(snapshot))


FIRES = (
    Fires(
        "the highest is resized first, the leader like all others",
        resize_pods.resize_pods,
        outgrown(0, 1, 2),
        routine.RESIZING_PODS,
        "Resizing Pod db-2 without a restart; 3 of 3 Pods are left.",
        Phase.UPGRADING,
        ("resize db-2",),
    ),
    Fires(
        "a single member is resized",
        resize_pods.resize_pods,
        outgrown(0, size=1),
        routine.RESIZING_PODS,
        SAID,
        Phase.UPGRADING,
        ("resize db-0",),
    ),
    Fires(
        "the next waits for the one before",
        resize_pods.resize_pods,
        asked(outgrown(0, 1, 2), 2, resize_waits="Deferred: node didn't have enough memory"),
        routine.RESIZING_PODS,
        "Resizing without a restart; waiting for db-2 (Deferred: node didn't have enough memory).",
        Phase.UPGRADING,
    ),
    Fires(
        "what is done is noted",
        resize_pods.resize_pods,
        done(outgrown(0, 1, 2), 2),
        routine.RESIZING_PODS,
        "Resized db-2.",
        Phase.UPGRADING,
        ("db-2 is resized",),
    ),
    Fires(
        "other amounts than were asked for are asked for anew",
        resize_pods.resize_pods,
        change_pod(outgrown(2), 2, resize=PodResize("other", NOW - timedelta(hours=1))),
        routine.RESIZING_PODS,
        SAID,
        Phase.UPGRADING,
        ("resize db-2",),
    ),
    *(
        Fires(
            f"the roll does it {why}",
            roll.roll,
            scene,
            routine.ROLLING_UPDATE,
            SAID,
            Phase.UPGRADING,
            ("evict db-2",),
        )
        for why, scene in (
            (
                "where it stays undone",
                asked(
                    outgrown(2),
                    2,
                    resize=PodResize(hash_compute(wanted_compute(outgrown(2))), NOW - PATIENCE),
                ),
            ),
            (
                "where Kubernetes refuses",
                change_pod(
                    outgrown(2), 2, resize=PodResize(hash_compute(wanted_compute(outgrown(2))))
                ),
            ),
            ("where the kubelet cannot", change_pod(outgrown(2), 2, compute_in_effect=None)),
            ("where a limit goes", outgrown(2, new={"requests": BEFORE["requests"]})),
            (
                "where the quality of service changes",
                outgrown(
                    2,
                    old=GUARANTEED,
                    new={
                        "requests": {"cpu": "1", "memory": "1Gi"},
                        "limits": {"cpu": "2", "memory": "1Gi"},
                    },
                ),
            ),
            ("where more than that has changed", recording(outgrown(2), "db-another")),
        )
    ),
)
PASSES = (
    Passes("all have it", resize_pods.resize_pods, outgrown()),
    Passes("a voter is away", resize_pods.resize_pods, silent(outgrown(2), 1)),
    Passes(
        "one of five that are Ready does not answer",
        resize_pods.resize_pods,
        change_pod(silent(outgrown(4, size=5), 1), 1, ready=True, running=True),
    ),
    Passes("both of two count", resize_pods.resize_pods, without_member(outgrown(1), 2)),
    Passes("it is not Ready", resize_pods.resize_pods, change_pod(outgrown(2), 2, ready=False)),
    Passes(
        "a voter is not Ready", resize_pods.resize_pods, change_pod(outgrown(2), 1, ready=False)
    ),
    Passes("it is a learner's", resize_pods.resize_pods, with_learner(outgrown(), 3)),
    Passes("the roll has none to make anew", roll.roll, outgrown(0, 1, 2)),
)


@pytest.mark.parametrize("row", [*FIRES, *PASSES], ids=lambda row: row.title)
def test_rule(row: Fires | Passes) -> None:
    row.check()


def test_a_pod_that_is_not_ready_is_made_anew() -> None:
    assert not is_outdated(outgrown(2), outgrown(2).pods[2])
    unready = change_pod(outgrown(2), 2, ready=False)
    assert is_outdated(unready, unready.pods[2])


def test_without_the_field_a_change_of_resources_is_rolled_and_nothing_is_recorded() -> None:
    plain = formed(3, resources=AFTER)
    live = plain.statefulset
    assert live is not None
    assert ANNOTATION_RESIZABLE not in live.annotations


# The record


def rendered(live: Json | None, **spec: Any) -> Json:
    """The StatefulSet over the live one, as its controller answers."""
    snapshot = new(3, inPlaceResize=True, **spec)
    made: Json = render_statefulset(snapshot.spec, NAMING, choose_layout(snapshot), live)
    revision = fingerprint(made["spec"]["template"])
    made["status"] = {"updateRevision": revision, "observedGeneration": 1}
    made["metadata"]["generation"] = 1
    return made


def revision_of(body: Json) -> str:
    """The revision of its template."""
    return str(body["status"]["updateRevision"])


def test_pods_of_every_template_with_other_resources_alone_can_be_resized() -> None:
    first = rendered(None, resources=BEFORE)
    second = rendered(first, resources=AFTER)
    third = rendered(second, resources=GUARANTEED)
    assert not is_resizable(first, revision_of(first))
    assert is_resizable(second, revision_of(first))
    assert is_resizable(third, revision_of(first))
    assert is_resizable(third, revision_of(second))
    again = rendered(third, resources=GUARANTEED)
    assert again["metadata"]["annotations"] == third["metadata"]["annotations"]


@pytest.mark.parametrize(
    "other",
    [
        {"version": "3.5.22"},
        {"podTemplate": {"labels": {"a": "b"}}},
        {"etcdConfig": {"snapshotCount": 7}},
        {"podTemplate": {"containers": [{"name": "a", "image": "a:1"}]}},
        {"resources": {"limits": {"ephemeral-storage": "1Gi"}}},
    ],
    ids=str,
)
def test_whatever_else_changes_needs_new_pods(other: Json) -> None:
    first = rendered(None, resources=BEFORE)
    second = rendered(first, **{"resources": AFTER, **other})
    assert not is_resizable(second, revision_of(first))
    third = rendered(second, **{"resources": GUARANTEED, **other})
    assert not is_resizable(third, revision_of(first))


def test_a_revision_that_its_controller_has_not_told_yet_is_not_recorded() -> None:
    first = rendered(None, resources=BEFORE)
    first["metadata"]["generation"] = 2
    assert not is_resizable(rendered(first, resources=AFTER), revision_of(first))


def test_a_record_does_not_grow_without_end() -> None:
    live = rendered(None, resources=BEFORE)
    for number in range(99):
        live = rendered(live, resources={"limits": {"memory": f"{number + 1}Gi"}})
    spec, template = new(3, inPlaceResize=True).spec, live["spec"]["template"]
    assert len(record_resizable(spec, template, live)[ANNOTATION_RESIZABLE]) < 700


# What may become what


@pytest.mark.parametrize(
    ("before", "after", "possible"),
    [
        (BEFORE, AFTER, True),
        (AFTER, BEFORE, True),
        (BEFORE, {**BEFORE, "limits": {"memory": "1Gi", "cpu": "1"}}, True),
        (BEFORE, {"requests": BEFORE["requests"]}, False),
        (GUARANTEED, {"limits": {"cpu": 2, "memory": "1Gi"}}, True),
        (GUARANTEED, {**GUARANTEED, "requests": {"cpu": "500m"}}, False),
    ],
)
def test_kubernetes_keeps_the_quality_of_service(before: Json, after: Json, possible: bool) -> None:
    assert may_become(read_compute(before), read_compute(after)) is possible


def test_amounts_are_compared_by_value_and_what_is_limited_is_requested() -> None:
    assert read_compute({"limits": {"cpu": "1000m"}}) == read_compute(
        {"limits": {"cpu": 1}, "requests": {"cpu": "1"}}
    )
    assert read_compute({"limits": {"hugepages-2Mi": "4Mi"}}) == frozenset()


# The guard


def refusal(action: Action, snapshot: Snapshot) -> str | None:
    """What the guard says of an action."""
    return guards.refuse(action, snapshot)


def resize(ordinal: int, **changes: Any) -> ResizePod:
    """The request for a Pod."""
    usual = {"resource_version": "1", "wanted": "hash", "at": NOW, "resources": AFTER}
    return ResizePod(NAMING.member(ordinal), f"pod-{ordinal}", **{**usual, **changes})


def test_guard_lets_a_pod_be_resized_only_while_nobody_would_miss_it() -> None:
    scene = outgrown(0, 1, 2)
    assert refusal(resize(2), scene) is None
    assert refusal(resize(0), outgrown(0, size=1)) is None
    assert refusal(resize(2), silent(scene, 1)) == "only 1 of 3 voters would be left answering"
    assert refusal(resize(2, resources=BEFORE), scene) == (
        "these are not the CPU and memory of the template"
    )
    gone = "the Pod does not exist any more, or is being deleted"
    assert refusal(resize(2, resource_version=""), scene) == gone
    assert refusal(resize(2), change_pod(scene, 2, deleting=True)) == gone
    assert refusal(resize(2), formed(3, resources=AFTER)) == "the spec asks for no resize"


def test_guard_calls_a_pod_resized_only_with_what_the_template_gives() -> None:
    scene = done(outgrown(1, 2), 2)
    revision = scene.statefulset and scene.statefulset.body["status"]["updateRevision"]
    said = SetPodRevision("db-2", "pod-2", "1", str(revision))
    assert refusal(said, scene) is None
    assert refusal(replace(said, revision=OLD), scene) == (
        "this is not the revision of the StatefulSet's template"
    )
    one = SetPodRevision("db-1", "pod-1", "1", str(revision))
    assert refusal(one, scene) == "the Pod does not have the CPU and memory of the template"


# What Kubernetes says


def raw_pod(annotation: str, *conditions: Json) -> Json:
    """A Pod that is being resized."""
    etcd = {"name": "etcd", "state": {"running": {}}, "resources": BEFORE}
    return {
        "metadata": {
            "name": "db-0",
            "uid": "u",
            "annotations": {"etcd.etcd.io/resize": annotation},
        },
        "spec": {"containers": [{"name": "proxy"}, {"name": "etcd", "resources": AFTER}]},
        "status": {"containerStatuses": [etcd], "conditions": [*conditions]},
    }


def test_a_pod_tells_what_it_has_and_what_it_waits_for() -> None:
    deferred = {
        "type": "PodResizePending",
        "status": "True",
        "reason": "Deferred",
        "message": "later",
    }
    found = observe_pod(raw_pod("hash 2026-01-01T00:00:00Z", deferred))
    assert found.compute == read_compute(AFTER)
    assert found.compute_in_effect == read_compute(BEFORE)
    assert found.resize == PodResize("hash", found.resize.since if found.resize else None)
    assert found.resize is not None
    assert found.resize.since is not None
    assert found.resize_waits == "Deferred: later"


@pytest.mark.parametrize("text", ["hash refused", "hash", "hash yesterday"])
def test_a_note_that_nobody_can_read_is_of_a_request_that_is_over(text: str) -> None:
    assert observe_pod(raw_pod(text)).resize == PodResize("hash", None)


def test_plan_is_at_rest_when_all_have_it() -> None:
    assert plan(outgrown()).actions == ()

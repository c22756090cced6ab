"""A new version of the operator with another Pod template: what is rolled in turn."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import pytest

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.naming import (
    ANNOTATION_ASKED,
    ANNOTATION_CHANGED_BY,
    ANNOTATION_TEMPLATE,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.operator_upgrade import is_rolling, is_upgrade
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.plan.planner import choose_layout, plan
from etcd_operator.core.reasons import routine
from etcd_operator.json_types import Json
from tests.builders.operator_upgrades import older, other_probe
from tests.builders.rich import SCENES
from tests.builders.snapshots import NAMING, change_child, formed, with_spec

# Another hash here rolls every cluster of everybody who upgrades the operator: do it for a reason,
# and say so in the CHANGELOG.
TEMPLATES = {
    "one-member-3.5": "098fc0ec33d077b1",
    "three-members-3.6-tuned": "684958b11167885c",
    "three-members-tls": "55667085c75ea289",
    "one-member-metrics-tls": "2a3fd71158d23a98",
    "shrink-5-to-3-halfway": "098fc0ec33d077b1",
}


@pytest.mark.parametrize("name", SCENES)
def test_no_template_changes_unnoticed(name: str) -> None:
    assert template_hash(SCENES[name]) == TEMPLATES[name]


def template_hash(snapshot: Snapshot) -> str:
    """What the StatefulSet records of its template."""
    layout = choose_layout(snapshot)
    made = render_statefulset(snapshot.cluster.spec, NAMING, layout, None)
    return str(made["metadata"]["annotations"][ANNOTATION_TEMPLATE])


def before_records(body: Json) -> None:
    """A version that recorded nothing of templates."""
    for name in (ANNOTATION_ASKED, ANNOTATION_TEMPLATE, ANNOTATION_CHANGED_BY):
        body["metadata"]["annotations"].pop(name)


def both(*changes: Callable[[Json], object]) -> Callable[[Json], object]:
    return lambda body: [change(body) for change in changes]


def only_less(_: Json) -> None:
    """A field that the new version does not set any more: only the hash tells."""


def edit(body: Json) -> None:
    env = body["spec"]["template"]["spec"]["containers"][0]["env"]
    env.append({"name": "ETCD_NAME", "value": "x"})


CASES: dict[str, tuple[Snapshot, bool]] = {
    "another probe": (older(formed(3), other_probe), True),
    "a field less": (older(formed(3), only_less), True),
    "from a version without records": (older(formed(3), both(other_probe, before_records)), True),
    "the same template, without records": (older(formed(3), before_records), False),
    "the spec has changed as well": (
        with_spec(older(formed(3), other_probe), resources={"limits": {"memory": "600Mi"}}),
        False,
    ),
    "fewer Pods than members": (
        older(formed(3), both(other_probe, lambda o: o["spec"].update(replicas=2))),
        False,
    ),
    "a stopped cluster": (
        older(formed(3), both(other_probe, lambda o: o["spec"].update(replicas=0))),
        False,
    ),
    "an edit that endangers": (older(formed(3), both(other_probe, edit)), False),
    "nothing": (formed(3), False),
}


@pytest.mark.parametrize("name", CASES)
def test_only_what_nobody_asked_for_waits(name: str) -> None:
    snapshot, wanted = CASES[name]
    live = snapshot.children["StatefulSet", "db"].body
    made = render_statefulset(snapshot.cluster.spec, NAMING, choose_layout(snapshot), live)
    assert is_upgrade(made, live) is wanted


def test_what_waits_is_not_written_and_all_else_goes_on() -> None:
    waiting = replace(older(formed(3), other_probe), upgrade_waits="others first")
    assert plan(waiting).actions == ()
    assert plan(waiting).decision.reason == routine.HEALTHY
    budget = copy.deepcopy(waiting.children["PodDisruptionBudget", "db"].body)
    budget["spec"]["maxUnavailable"] = 3
    (action,) = plan(change_child(waiting, "PodDisruptionBudget", "db", body=budget)).actions
    assert isinstance(action, ApplyObject)
    assert action.kind == "PodDisruptionBudget"


@pytest.mark.parametrize(
    ("status", "rolling"),
    [
        ({"observedGeneration": 2, "updatedReplicas": 3, "readyReplicas": 3}, False),
        ({"observedGeneration": 2, "updatedReplicas": 2, "readyReplicas": 3}, True),
        ({"observedGeneration": 2, "updatedReplicas": 3, "readyReplicas": 2}, True),
        ({"observedGeneration": 1, "updatedReplicas": 3, "readyReplicas": 3}, True),
        ({}, True),
    ],
)
def test_the_statefulset_records_who_rolls(status: Json, rolling: bool) -> None:
    snapshot = older(formed(3), other_probe)
    live = snapshot.children["StatefulSet", "db"].body
    made = render_statefulset(snapshot.cluster.spec, NAMING, choose_layout(snapshot), live)
    assert made["metadata"]["annotations"][ANNOTATION_CHANGED_BY] == "operator"
    made["metadata"]["generation"] = 2
    assert is_rolling({**made, "status": status}) is rolling
    asked = with_spec(snapshot, resources={"limits": {"memory": "600Mi"}})
    made = render_statefulset(asked.cluster.spec, NAMING, choose_layout(asked), live)
    assert not is_rolling({**made, "status": status}), "somebody has asked for it"


def test_a_record_stays_as_long_as_its_template() -> None:
    """Else the next pass would find something to write."""
    for snapshot in (older(formed(3), other_probe), formed(3)):
        live = snapshot.children["StatefulSet", "db"].body
        made = render_statefulset(snapshot.cluster.spec, NAMING, choose_layout(snapshot), live)
        again = render_statefulset(snapshot.cluster.spec, NAMING, choose_layout(snapshot), made)
        assert again["metadata"] == made["metadata"]

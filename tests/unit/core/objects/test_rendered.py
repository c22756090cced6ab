"""Objects are rendered once for the same input, and anew for any other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.naming import ANNOTATION_ASKED
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects import rendered
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.objects.rendered import Same
from etcd_operator.core.objects.statefulset import render_statefulset
from etcd_operator.core.plan.planner import choose_layout
from etcd_operator.json_types import Json
from tests.builders.rich import SCENES
from tests.builders.snapshots import NAMING, change_child, formed, new, with_spec


def applied(snapshot: Snapshot) -> dict[str, Json]:
    """The manifests of all objects that a pass would write, by kind and name."""
    actions = correct_objects(snapshot, choose_layout(snapshot))
    return {f"{a.kind} {a.name}": a.manifest for a in actions if isinstance(a, ApplyObject)}


@pytest.mark.parametrize("size", [1, 3])
def test_a_second_pass_has_the_very_same_manifests(size: int) -> None:
    snapshot = new(size)
    first, second = applied(snapshot), applied(replace(snapshot))
    assert first
    assert all(second[name] is manifest for name, manifest in first.items())


@pytest.mark.parametrize("name", SCENES)
def test_what_is_remembered_is_what_would_be_rendered(name: str) -> None:
    snapshot, layout = SCENES[name], choose_layout(SCENES[name])
    spec, live = snapshot.rendered_spec, snapshot.statefulset
    body = live.body if live else None
    for _ in range(2):
        made = rendered.statefulset(Same(spec), NAMING, layout, Same(body), "")
        assert made == render_statefulset(spec, NAMING, layout, body)


def test_a_changed_spec_is_rendered_anew() -> None:
    before = formed(3)
    assert applied(before) == {}
    changed = applied(with_spec(before, resources={"limits": {"memory": "600Mi"}}))
    assert list(changed) == ["StatefulSet db"]


def test_an_edited_object_is_compared_anew() -> None:
    before = formed(3)
    assert applied(before) == {}
    live = before.statefulset
    assert live is not None
    edited = {**live.body, "spec": {**live.body["spec"], "replicas": 2}}
    assert list(applied(change_child(before, "StatefulSet", "db", body=edited))) == [
        "StatefulSet db"
    ]


def test_specs_that_say_the_same_in_other_words_are_told_apart() -> None:
    """What was asked for is on record as it was written, with defaults or without."""
    short, layout = new(3).cluster.spec, choose_layout(new(3))
    long = short.model_copy(update={"version": short.version})
    assert short == long
    one, other = (
        rendered.statefulset(Same(spec), NAMING, layout, Same(None), "") for spec in (short, long)
    )
    records = [made["metadata"]["annotations"][ANNOTATION_ASKED] for made in (one, other)]
    assert records[0] != records[1]

"""Changes that a preview begins with: what `kubectl apply` makes of a spec, and patches."""

from __future__ import annotations

import json

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.json_types import Json
from etcd_operator.simulation.change import apply_manifest
from etcd_operator.simulation.merge_patch import LAST_APPLIED, find_patch, merge
from tests.builders.snapshots import raw_cluster

APPLIED: Json = {"size": 3, "storage": {"size": "1Gi"}, "paused": True}


def apply(live: Json, wanted: Json, applied: object = None) -> Json:
    marks = {} if applied is None else {LAST_APPLIED: json.dumps(applied)}
    return apply_manifest(parse_cluster(raw_cluster(live, annotations=marks)), wanted)


def test_what_others_have_set_stays() -> None:
    live = {**APPLIED, "security": {"tls": {"caGeneration": 1}}, "podTemplate": {"labels": {}}}
    after = apply(live, {**APPLIED, "size": 5}, {"spec": APPLIED})
    assert after["size"] == 5
    assert after["security"]["tls"]["caGeneration"] == 1
    assert "podTemplate" in after


def test_what_was_applied_and_is_gone_from_the_manifest_goes() -> None:
    after = apply(APPLIED, {"size": 3, "storage": {}}, {"spec": APPLIED})
    assert "paused" not in after
    assert after["storage"] == {}


@pytest.mark.parametrize("applied", [None, {"spec": [1]}, {}, 3])
def test_without_a_record_of_it_nothing_goes(applied: object) -> None:
    after = apply(APPLIED, {"size": 5}, applied)
    assert (after["paused"], after["size"]) == (True, 5)


@pytest.mark.parametrize(
    ("before", "after", "patch"),
    [
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1, "b": 2}, {"a": 2}, {"b": None, "a": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}),
        ({}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": [1, 2]}, {"a": [2]}, {"a": [2]}),
    ],
)
def test_a_patch_makes_one_spec_of_another(before: Json, after: Json, patch: Json) -> None:
    assert find_patch(before, after) == patch
    assert merge(before, patch) == after

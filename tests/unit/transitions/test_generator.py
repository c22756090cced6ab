"""Changes are generated for every property, and the operator itself agrees on which are valid."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.validation import find_problems
from tests.transitions.chain import BASE, differ
from tests.transitions.generator import Transition, find_properties, invalid, valid
from tests.transitions.samples import (
    BY_WAY_OF_BASE,
    LEFT_OUT,
    NO_BOUNDS,
    NOT_HERE,
    SAMPLES,
    TOGETHER,
)

TESTS: Final = Path(__file__).parents[2]
NAME: Final = "c"


def problems(spec: dict[str, Any]) -> list[str]:
    metadata = {"name": NAME, "namespace": "n", "uid": "u", "resourceVersion": "1", "generation": 1}
    item = {"metadata": metadata, "spec": spec}
    return [problem.sentence for problem in find_problems(parse_cluster(item))]


@pytest.mark.parametrize("change", list(valid()), ids=str)
def test_the_operator_can_carry_out_each_valid_change(change: Transition) -> None:
    assert problems(change.apply(BASE, NAME)) == []
    assert change.apply(BASE, NAME) != BASE


def test_every_property_is_changed_or_left_out_with_a_reason() -> None:
    changed = {change.path for change in valid()}
    assert changed.isdisjoint(LEFT_OUT)
    assert changed | LEFT_OUT.keys() == set(find_properties())


@pytest.mark.parametrize(("path", "reason"), LEFT_OUT.items())
def test_what_is_left_out_is_shown_where_the_reason_says(path: str, reason: str) -> None:
    words, _, where = reason.rpartition("; shown in ")
    field = path.rpartition(".")[2]
    assert words
    assert re.search(rf"\b{field}\b", (TESTS / where).read_text())


def test_every_property_is_made_invalid() -> None:
    assert {change.path for change in invalid()} == set(find_properties())


def test_samples_are_of_properties_that_exist() -> None:
    paths = set(find_properties())
    for table in (SAMPLES, TOGETHER, NOT_HERE):
        assert table.keys() <= paths
    assert set(NO_BOUNDS) <= paths
    assert set(BY_WAY_OF_BASE) <= paths
    assert {path for others in TOGETHER.values() for path in others} <= paths


def test_a_change_comes_with_what_it_needs_and_with_the_name_of_its_cluster() -> None:
    change = Transition("spec.service.loadBalancerClass", "example.com/$NAME", "changed to")
    service = {"type": "LoadBalancer", "loadBalancerClass": "example.com/db"}
    assert change.apply(BASE, "db") == {**BASE, "service": service}


def test_a_difference_is_named() -> None:
    assert differ({"a": {"b": 1}}, {"a": {"b": 1}}) == ""
    assert differ({"a": {"b": 1}}, {"a": {"b": 2}}).startswith(".a.b: 1")
    assert differ({"a": 1}, {"a": 1, "c": 2}).startswith(".c: None")

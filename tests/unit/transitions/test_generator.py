"""Changes are generated for every property, and the operator itself agrees on which are valid."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_operator.api.parse import parse_cluster
from etcd_operator.api.validation import find_problems
from tests.transitions.chain import BASE, differ
from tests.transitions.generator import Transition, find_properties, invalid, is_left_out, valid
from tests.transitions.samples import LEFT_OUT, NO_BOUNDS, SAMPLES


def problems(spec: dict[str, Any]) -> list[str]:
    metadata = {"name": "c", "namespace": "n", "uid": "u", "resourceVersion": "1", "generation": 1}
    item = {"metadata": metadata, "spec": spec}
    return [problem.sentence for problem in find_problems(parse_cluster(item))]


@pytest.mark.parametrize("change", list(valid()), ids=str)
def test_the_operator_can_carry_out_each_valid_change(change: Transition) -> None:
    assert problems(change.apply(BASE)) == []
    assert change.apply(BASE) != BASE


def test_every_property_is_made_invalid() -> None:
    assert {change.path for change in invalid()} == set(find_properties())


def test_samples_are_of_properties_that_exist() -> None:
    paths = set(find_properties())
    assert set(SAMPLES) <= paths
    assert set(NO_BOUNDS) <= paths
    for known in LEFT_OUT:
        assert any(path == known or path.startswith(f"{known}.") for path in paths)
    assert not any(is_left_out(path) for path in SAMPLES)


def test_a_difference_is_named() -> None:
    assert differ({"a": {"b": 1}}, {"a": {"b": 1}}) == ""
    assert differ({"a": {"b": 1}}, {"a": {"b": 2}}).startswith(".a.b: 1")
    assert differ({"a": 1}, {"a": 1, "c": 2}).startswith(".c: None")

"""Equal parts of live objects: shared, and never mixed up."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from etcd_operator.runtime.engine.shared_parts import SharedParts

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from((0.0, 1.0, "", "a", "1"))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=8,
)


def read(name: str) -> dict[str, Any]:
    """An object as it is read: nothing in it is shared with another."""
    probe = {"httpGet": {"path": "/readyz", "port": 2381}, "periodSeconds": 300}
    body = {"metadata": {"name": name}, "spec": {"containers": [{"name": "e", "probe": probe}]}}
    found: dict[str, Any] = json.loads(json.dumps(body))
    return found


def test_equal_parts_of_two_objects_are_one() -> None:
    shared, first, second = SharedParts(), read("a"), read("b")
    shared.share_within(first)
    shared.share_within(second)
    assert (first, second) == (read("a"), read("b"))
    assert first["spec"] is second["spec"]
    assert first["metadata"] is not second["metadata"]


def test_an_object_that_is_shared_again_stays_as_it_was() -> None:
    shared, body = SharedParts(), read("a")
    shared.share_within(body)
    before = body["spec"]
    shared.share_within(body)
    assert body["spec"] is before


def test_what_is_known_is_bounded_whatever_users_write() -> None:
    shared = SharedParts(most=10_000)
    for number in range(100):
        body = read(str(number))
        body["metadata"]["annotations"] = {f"{number}": f"{number}" * 1000}
        written = copy.deepcopy(body)
        shared.share_within(body)
        shared.share_texts(body)
        assert body == written
        known = [*shared._newer.values(), *shared._older.values()]
        assert len(json.dumps([part for part in known if part])) < 40_000


def test_what_is_met_again_and_again_is_never_forgotten() -> None:
    shared, first = SharedParts(most=2_000), read("a")
    shared.share_within(first)
    for number in range(200):
        other = read(f"name-of-another-object-{number}")
        shared.share_within(other)
        assert other["spec"] is first["spec"]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), max_size=6))
def test_what_objects_say_is_never_changed(bodies: list[dict[str, Any]]) -> None:
    """Also where values of different types are equal in Python, as 1 and True are."""
    shared = SharedParts(most=20)
    before = copy.deepcopy(bodies)
    for body in bodies:
        shared.share_texts(body)
        shared.share_within(body)
    assert json.dumps(bodies) == json.dumps(before)

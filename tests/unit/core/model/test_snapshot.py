"""What a snapshot works out once, and keeps where nothing that it depends on has changed."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cached_property
from typing import Any

import pytest

from etcd_operator.core.model.snapshot import WORKED_OUT, Snapshot
from tests.builders.snapshots import formed, led_by, silent, with_learner, without_pods

FIELDS = frozenset(field.name for field in fields(Snapshot))


class Watched(Snapshot):
    """A snapshot that notes which of its fields are read."""

    def __getattribute__(self, name: str) -> Any:
        """Note the name."""
        if name in FIELDS:
            object.__getattribute__(self, "__dict__").setdefault("_read", set()).add(name)
        return super().__getattribute__(name)


def test_all_that_is_worked_out_once_is_listed() -> None:
    cached = {name for name, value in vars(Snapshot).items() if isinstance(value, cached_property)}
    assert cached == WORKED_OUT.keys()


@pytest.mark.parametrize("name", WORKED_OUT)
@pytest.mark.parametrize(
    "snapshot",
    [formed(3), with_learner(formed(3), 3), silent(formed(3), 1, 2), without_pods(formed(3), 1)],
    ids=["at rest", "learner", "no quorum", "no Pod"],
)
def test_it_depends_on_nothing_but_the_listed_fields(name: str, snapshot: Snapshot) -> None:
    watched = Watched(**{field: getattr(snapshot, field) for field in FIELDS})
    assert getattr(watched, name) == getattr(snapshot, name)
    assert watched.__dict__["_read"] <= WORKED_OUT[name]


@pytest.mark.parametrize("name", WORKED_OUT)
def test_it_is_kept_until_one_of_them_changes(name: str) -> None:
    snapshot = replace(formed(3))
    found = getattr(snapshot, name)
    assert snapshot.evolve(kept={}).__dict__[name] is found
    for field in WORKED_OUT[name]:
        assert name not in snapshot.evolve(**{field: getattr(snapshot, field)}).__dict__


def test_a_copy_with_other_answers_has_another_leader() -> None:
    snapshot = formed(3)
    assert snapshot.leader_id == 0xA0
    assert snapshot.evolve(probes=led_by(snapshot, 1).probes).leader_id == 0xA1


def test_a_copy_equals_what_is_made_anew() -> None:
    snapshot = formed(3)
    probes = silent(snapshot, 2).probes
    assert snapshot.evolve(probes=probes) == replace(snapshot, probes=probes)

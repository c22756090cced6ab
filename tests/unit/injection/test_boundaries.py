"""Every boundary is met once, by whichever life comes there first."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcd_operator.runtime.kubernetes.api import CLUSTERS, CONFIG_MAPS, EVENTS, LEASES, PODS, Kind
from tests.injection.boundaries import TURNS, Boundary, Journal, Mode
from tests.injection.respawn import name_effect
from tests.injection.session import Outcome, compare, missed

EFFECT = "apply ConfigMap c-config"


def boundary(turn: int = 0, side: str = "before", effect: str = EFFECT) -> Boundary:
    return Boundary("grow", effect, turn, side)


def test_a_boundary_is_met_once_even_by_another_life(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    assert first.claim(boundary())
    assert not first.claim(boundary())
    second = Journal(tmp_path)
    assert not second.claim(boundary())
    assert second.claim(boundary(side="after"))
    assert set(Journal(tmp_path).hits()) == {boundary(), boundary(side="after")}


def test_turns_are_counted_over_lives(tmp_path: Path) -> None:
    first = Journal(tmp_path)
    first.note("grow", EFFECT)
    second = Journal(tmp_path)
    assert second.turn("grow", EFFECT) == 1
    assert second.turn("shrink", EFFECT) == 0
    assert second.effects() == {("grow", EFFECT): 1}


def test_what_comes_again_and_again_is_met_a_few_times(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert not journal.claim(boundary(turn=TURNS))
    assert not journal.claim(boundary(turn=1, effect="create Event Ready"))
    assert journal.claim(boundary(turn=0, effect="create Event Ready"))


def test_a_sample_is_a_part_and_the_same_for_a_seed() -> None:
    places = [boundary(turn) for turn in range(1000)]
    chosen = [place for place in places if place.is_chosen(0.3, seed=1)]
    assert 200 < len(chosen) < 400
    assert chosen == [place for place in places if place.is_chosen(0.3, seed=1)]
    assert chosen != [place for place in places if place.is_chosen(0.3, seed=2)]
    assert all(place.is_chosen(1.0, seed=1) for place in places)


@pytest.mark.parametrize(
    ("verb", "kind", "path", "body", "name"),
    [
        ("apply", CONFIG_MAPS, CONFIG_MAPS.path("n", "c-config"), {}, EFFECT),
        ("patch", CLUSTERS, CLUSTERS.path("n", "c", "status"), {}, "patch EtcdCluster/status c"),
        ("delete", PODS, PODS.path("n", "c-0"), {}, "delete Pod c-0"),
        ("create", LEASES, LEASES.path("n"), {}, "create Lease "),
        ("create", EVENTS, EVENTS.path("n"), {"reason": "Ready"}, "create Event Ready"),
    ],
)
def test_effects_are_named_alike_in_every_run(
    verb: str, kind: Kind, path: str, body: dict[str, str], name: str
) -> None:
    assert name_effect(verb, kind, path, body) == name


def test_another_end_is_seen() -> None:
    reference = Outcome("s", Mode.NOTHING, portraits={"grow": {"configmap/c": {"data": "a"}}})
    same = Outcome("s", Mode.KILL, portraits={"grow": {"configmap/c": {"data": "a"}}})
    other = Outcome("s", Mode.KILL, portraits={"grow": {"configmap/c": {"data": "b"}}})
    more = Outcome("s", Mode.KILL, portraits={"grow": {**same.portraits["grow"], "pod/c-1": {}}})
    assert compare(reference, same) == ""
    assert "configmap/c" in compare(reference, other)
    assert "pod/c-1" in compare(reference, more)


def test_an_effect_that_was_never_disturbed_is_seen() -> None:
    effects = {("grow", EFFECT): 1}
    assert missed(Outcome("s", Mode.KILL, hits=[boundary()], effects=effects)) == []
    assert missed(Outcome("s", Mode.KILL, effects=effects)) == [f"grow: {EFFECT}"]

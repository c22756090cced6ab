"""The stages of TLS between members: each row has a scene, and says what follows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.peer_tls import PeerTls
from etcd_operator.core.in_place_restore.record import ANNOTATION_RECORD
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.members import Member
from etcd_operator.core.model.peer_stage import PeerStage
from etcd_operator.core.model.peer_tls import find_recorded_stage
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.peer_tls.machine import (
    MACHINE,
    PeerPhase,
    Peers,
    Step,
    find_next_stage,
    find_obstacle,
    find_peer_tls,
    find_phase,
    find_step,
)
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.status.report import report
from tests.builders.certificates import issue_all, secured, without_secret
from tests.builders.in_place_restore import RECORD
from tests.builders.peer_tls import BOTH, OFF, ON, PLAIN, PREPARED, SECURE, asked, at, listed_at
from tests.builders.snapshots import (
    announcing,
    begun,
    change_pod,
    formed,
    member,
    new,
    outdated,
    silent,
    with_cluster,
    with_members,
    without_child,
)


def joining(snapshot: Snapshot, line: Member) -> Snapshot:
    """The same cluster, with another member in etcd's list."""
    return with_members(announcing(snapshot, 4), *snapshot.members, line)


def unheard(snapshot: Snapshot, ordinal: int) -> Snapshot:
    """The same cluster; nobody has an answer of this member, whose Pod is Ready."""
    probes = {o: probe for o, probe in snapshot.probes.items() if o != ordinal}
    return replace(snapshot, probes=probes)


ROLLED_OFF = at(OFF, PLAIN, wanted=True, change=2)
STEPS: list[tuple[str, Snapshot, PeerPhase, Step]] = [
    ("begins", ROLLED_OFF, PeerPhase.OFF, Step(mode=PREPARED)),
    ("is asked not to", at(PREPARED, PLAIN, wanted=False), PeerPhase.PREPARED, Step(mode=OFF)),
    ("has certificates", at(PREPARED, PLAIN, wanted=True), PeerPhase.PREPARED, Step(schemes=BOTH)),
    (
        "was cut off between two members",
        listed_at(at(PREPARED, PLAIN, wanted=True), BOTH, PLAIN, PLAIN),
        PeerPhase.PREPARED,
        Step(schemes=BOTH),
    ),
    ("is listed at both", at(PREPARED, BOTH, wanted=True), PeerPhase.REACHABLE, Step(mode=ON)),
    (
        "changes its mind there",
        at(PREPARED, BOTH, wanted=False),
        PeerPhase.REACHABLE,
        Step(schemes=PLAIN),
    ),
    (
        "was cut off on the way back",
        listed_at(at(PREPARED, BOTH, wanted=False), PLAIN, BOTH, PLAIN),
        PeerPhase.REACHABLE,
        Step(schemes=PLAIN),
    ),
    ("listens with TLS", at(ON, BOTH, wanted=True), PeerPhase.SWITCHING, Step(schemes=SECURE)),
    ("turns back", at(ON, BOTH, wanted=False), PeerPhase.SWITCHING, Step(mode=PREPARED)),
    ("ends", at(ON, SECURE, wanted=False, change=0), PeerPhase.ON, Step(schemes=BOTH)),
    (
        "was changed by a client of etcd",
        at(OFF, BOTH, wanted=False),
        PeerPhase.OFF,
        Step(schemes=PLAIN),
    ),
]
REST: dict[str, Snapshot] = {
    "off": at(OFF, PLAIN, wanted=False, change=4),
    "on": at(ON, SECURE, wanted=True, change=2),
    "on from the beginning": secured(3),
    "off from the beginning": formed(3),
}
WAITS: dict[str, tuple[Snapshot, str]] = {
    "for a quorum": (silent(ROLLED_OFF, 1, 2), "no quorum confirms the member list"),
    "for who joins": (joining(ROLLED_OFF, replace(member(3), client_urls=())), "db-3 is joining"),
    "for a person": (
        joining(ROLLED_OFF, replace(member(3), peer_urls=("http://elsewhere:2380",))),
        "etcd has members of somebody else",
    ),
    "for a restore": (
        with_cluster(ROLLED_OFF, annotations={ANNOTATION_RECORD: RECORD.write()}),
        "a restore in place may still be undone",
    ),
}


@pytest.mark.parametrize(("_", "scene", "phase", "step"), STEPS, ids=[row[0] for row in STEPS])
def test_each_phase_has_its_step(_: str, scene: Snapshot, phase: PeerPhase, step: Step) -> None:
    stage = find_recorded_stage(scene.children, scene.naming)
    assert stage is not None
    assert find_phase(Peers(scene, stage)) is phase
    assert find_step(scene) == step
    following = stage.to(step.mode) if step.mode else stage
    assert find_next_stage(scene) == following


def test_every_row_of_the_table_has_a_scene() -> None:
    taken = []
    for _, scene, phase, _ in STEPS:
        stage = find_recorded_stage(scene.children, scene.naming)
        assert stage is not None
        taken.append(MACHINE.find_row(phase, Peers(scene, stage)))
    assert [row for row in MACHINE.rows if row not in taken] == []


@pytest.mark.parametrize("title", REST)
def test_at_rest_nothing_is_done(title: str) -> None:
    scene = REST[title]
    assert find_step(scene) is None
    assert find_peer_tls(scene) is (PeerTls.ON if scene.cluster.spec.peer_tls else PeerTls.OFF)
    assert find_peer_tls(asked(scene, tls=not scene.cluster.spec.peer_tls)) is find_peer_tls(scene)
    made = plan(scene)
    assert (made.rule, made.actions) == ("report_settled", ())
    assert report(scene, made.decision).peer_tls is find_peer_tls(scene)


@pytest.mark.parametrize("title", WAITS)
def test_no_step_is_taken_while_something_is_unclear(title: str) -> None:
    scene, why = WAITS[title]
    assert find_obstacle(scene) == why
    assert find_step(scene) is None
    assert find_next_stage(scene) == PeerStage(OFF, 2)


@pytest.mark.parametrize(
    "scene",
    [
        at(PREPARED, PLAIN, wanted=True),
        at(ON, BOTH, wanted=True),
        outdated(at(ON, SECURE, wanted=True), 1),
        listed_at(at(ON, SECURE, wanted=True), SECURE, BOTH, SECURE),
    ],
    ids=["has certificates", "is listed at both", "a Pod of before", "one is left"],
)
def test_on_the_way_the_status_says_so(scene: Snapshot) -> None:
    assert find_peer_tls(scene) is PeerTls.CHANGING


def test_nothing_begins_without_certificates() -> None:
    assert find_step(without_secret(ROLLED_OFF, "db-peer-tls")) is None


@pytest.mark.parametrize(
    "scene",
    [
        outdated(at(PREPARED, BOTH, wanted=True), 1),
        change_pod(at(PREPARED, BOTH, wanted=True), 1, ready=False),
        silent(at(PREPARED, BOTH, wanted=True), 1),
        unheard(at(PREPARED, BOTH, wanted=True), 1),
        without_child(at(PREPARED, BOTH, wanted=True), "StatefulSet", "db"),
        outdated(at(PREPARED, BOTH, wanted=False), 1),
        unheard(at(PREPARED, BOTH, wanted=False), 1),
    ],
    ids=[
        "a Pod of before",
        "not ready",
        "silent",
        "no answer from a Ready Pod",
        "no StatefulSet",
        "on the way back: a Pod of before",
        "on the way back: no answer",
    ],
)
def test_no_step_follows_before_all_have_been_rolled(scene: Snapshot) -> None:
    assert find_step(scene) is None


def test_a_pod_of_an_earlier_change_is_made_anew() -> None:
    """Its container may have started again with the file of between."""
    first, second = (at(PREPARED, PLAIN, wanted=True, change=n) for n in (1, 3))
    between = replace(second, children={**second.children, **_statefulset(first)})
    assert find_step(between) is None
    assert find_peer_tls(between) is PeerTls.CHANGING


def _statefulset(snapshot: Snapshot) -> dict[tuple[str, str], Child]:
    return {key: one for key, one in snapshot.children.items() if key[0] == "StatefulSet"}


def test_without_the_gate_the_template_is_the_record() -> None:
    scene = without_child(at(PREPARED, BOTH, wanted=True), "ConfigMap", "db-config")
    assert find_recorded_stage(scene.children, scene.naming) == PeerStage(PREPARED, 1)


@pytest.mark.parametrize("tls", [True, False])
def test_without_any_record_it_is_what_etcd_lists(tls: bool) -> None:
    scene = at(ON if tls else OFF, SECURE if tls else PLAIN, wanted=not tls, change=0)
    bare = without_child(without_child(scene, "ConfigMap", "db-config"), "StatefulSet", "db")
    assert find_next_stage(bare) == PeerStage.of(tls=tls)


def test_a_new_cluster_begins_as_its_spec_has_it() -> None:
    assert find_next_stage(asked(new(3), tls=True)) == PeerStage.of(tls=True)
    assert find_peer_tls(new(3)) is None


def test_a_spec_that_changes_before_the_cluster_is_formed_waits() -> None:
    scene = issue_all(asked(begun(3), tls=True))
    assert find_obstacle(scene) == "no quorum confirms the member list"
    assert plan(scene).snapshot.naming.peer_stage == PeerStage()

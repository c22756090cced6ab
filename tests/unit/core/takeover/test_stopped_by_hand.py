"""Take-overs whose old members a person stops: at endpoints, and in a StatefulSet."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import (
    Action,
    DeleteObject,
    RemoveSourceMember,
    ScaleSource,
)
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention
from etcd_operator.core.recording.snapshot_document import read_snapshot, write_snapshot
from etcd_operator.core.takeover.inspection import find_refusal
from etcd_operator.core.takeover.record import (
    ANNOTATION_GONE,
    Stage,
    read_take_over,
)
from tests.builders.snapshots import CLUSTER_ID, member_id
from tests.builders.take_over import (
    MOST_PASSES,
    TakeOverWorld,
    endpoint,
    removing,
    source_id,
    world_at,
)

OURS = {member_id(ordinal) for ordinal in range(3)}
REMOVE = RemoveSourceMember(endpoint(2), 2, source_id(2), CLUSTER_ID)


def say(world: TakeOverWorld) -> str:
    """What the status says when nothing changes any more."""
    message = ""
    for _ in range(MOST_PASSES):
        planned = world.step()
        if planned.decision.message == message and not planned.actions:
            return message
        message = planned.decision.message
    raise AssertionError("it never rests")


@pytest.mark.parametrize("size", [1, 3])
def test_each_member_leaves_when_a_person_has_stopped_it(size: int) -> None:
    world = TakeOverWorld(size, listed=True)
    for ordinal in reversed(range(size)):
        told = say(world)
        assert f"stop etcd at {endpoint(ordinal)} for good (member {source_id(ordinal):x})" in told
        assert source_id(ordinal) in world.lines, "not before"
        assert world.leader in OURS
        world.stop(ordinal)
    say(world)
    assert set(world.lines) == OURS
    assert world.look().take_over is None
    assert not [action for action in world.done if isinstance(action, ScaleSource)]


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(6))
def test_it_ends_whatever_is_cut_off_and_whoever_is_stopped(seed: int) -> None:
    """The operator crashes after any action, and does not reach members that run."""
    rng = random.Random(seed)
    world = removing(size=rng.choice([1, 3, 5]))
    for _ in range(40):
        world.unheard = {o for o in world.running if rng.random() < 0.1}
        world.silent = {rng.choice(sorted(world.lines))} if rng.random() < 0.1 else set()
        reason = world.step(rng.choice([0, 1, 2, 99])).decision.reason
        if reason is attention.TAKE_OVER_AWAITS_STOP and rng.random() < 0.5:
            world.stop(rng.choice(sorted(world.running)))
    world.unheard, world.silent = set(), set()
    for _ in range(5):
        say(world)
        if world.running:
            world.stop(max(world.running))
    say(world)
    assert set(world.lines) == OURS
    assert world.look().take_over is None


def test_a_statefulset_is_scaled_in_by_a_person_where_the_spec_says_so() -> None:
    world = TakeOverWorld(scale_in="Manual")
    for replicas in (2, 1, 0):
        assert f"`kubectl scale statefulset old --replicas={replicas}`" in say(world)
        world.scale_source(replicas)
    say(world)
    assert set(world.lines) == OURS
    assert not [action for action in world.done if isinstance(action, ScaleSource)]


def test_they_may_be_stopped_in_any_order() -> None:
    world = removing()
    world.stop(0)
    assert endpoint(2) in say(world)
    assert source_id(0) not in world.lines


def test_a_member_that_only_the_operator_does_not_reach_stays() -> None:
    world = removing()
    world.unheard = {2}
    assert "does not answer, but new members are connected to it (member b2)" in say(world)
    assert source_id(2) in world.lines
    world.stop(2)
    say(world)
    assert source_id(2) not in world.lines


def test_a_member_stays_while_a_new_one_does_not_say_whether_it_runs() -> None:
    world = removing()
    world.silent = {member_id(2)}
    world.stop(2)
    say(world)
    assert source_id(2) in world.lines
    world.silent = set()
    say(world)
    assert source_id(2) not in world.lines


def test_what_stops_before_the_approval_is_waited_for() -> None:
    world = TakeOverWorld(listed=True, take_over="Manual")
    assert "To remove those of the listed endpoints: `kubectl annotate" in say(world)
    world.stop(2)
    say(world)
    assert source_id(2) in world.lines


def test_a_process_that_comes_back_is_told_and_nothing_goes_on() -> None:
    world = removing()
    world.stop(2)
    say(world)
    world.returned = {2}
    decision = world.step().decision
    assert decision.reason is attention.TAKE_OVER_STOPPED
    assert f"etcd answers again at {endpoint(2)}, whose member b2 was removed" in decision.message
    world.stop(1)
    say(world)
    assert source_id(1) in world.lines
    world.returned = set()
    say(world)
    assert source_id(1) not in world.lines


def test_a_consent_that_is_gone_stops_it() -> None:
    world = removing()
    world.consent = "another"
    decision = world.step().decision
    assert decision.reason is attention.TAKE_OVER_STOPPED
    assert "put etcd.etcd.io/allow-take-over-by team/db`" in decision.message


def test_metrics_that_the_operator_does_not_reach_are_told() -> None:
    world = removing()
    world.stop(2)
    scene = world.look()
    assert scene.source
    scene = replace(scene, source=replace(scene.source, connected=None))
    assert "let the operator reach their metrics at port 2381" in plan(scene).decision.message


@pytest.mark.parametrize(
    "source", [{"statefulSet": "old"}, {"endpoints": ["http://10.1.0.1:2379"]}, None]
)
def test_endpoints_that_were_taken_out_are_told(source: Any) -> None:
    world = removing()
    joined = {"joinExisting": {"source": source}} if source else {}
    world.spec = {"bootstrap": joined}
    decision = world.step().decision
    assert decision.reason is attention.TAKE_OVER_STOPPED
    assert "source.endpoints were others when the take-over began" in decision.message


def of_etcdcluster(**urls: Any) -> Callable[[TakeOverWorld], object]:
    """The last old member is listed with such URLs."""

    def change(world: TakeOverWorld) -> None:
        world.lines[source_id(2)] = replace(world.lines[source_id(2)], **urls)

    return change


OTHER: Final = "http://other-2.other-peer.prod.svc.cluster.local"
REFUSALS: tuple[tuple[str, Callable[[TakeOverWorld], object], str], ...] = (
    ("peers of an EtcdCluster", of_etcdcluster(peer_urls=(f"{OTHER}:2380",)), "Cluster prod/other"),
    (
        "another peer URL",
        of_etcdcluster(client_urls=("http://x:2379", f"{OTHER.upper()}:2379")),
        f"endpoint {endpoint(2)} is of EtcdCluster prod/other, which would",
    ),
    ("no key", lambda world: setattr(world, "consent", "x"), "allow-take-over-by team/db`"),
    ("one is missing", lambda world: setattr(world, "size", 2), "b2 at http://old-2.old.team"),
    ("one is silent", lambda world: world.stop(1), f"endpoint {endpoint(1)} does not answer in"),
)


@pytest.mark.parametrize(
    ("change", "words"), [r[1:] for r in REFUSALS], ids=[r[0] for r in REFUSALS]
)
def test_what_cannot_be_joined(change: Callable[[TakeOverWorld], object], words: str) -> None:
    world = TakeOverWorld(listed=True)
    change(world)
    assert words in find_refusal(world.look())
    world.step()
    assert not world.done


def test_endpoints_of_an_etcdcluster_are_not_even_asked_to_allow_it() -> None:
    scene = TakeOverWorld(listed=True, consent="").look()
    assert scene.source
    first, *others = scene.source.pods
    first = replace(first, address="db-0.db-peer.prod:2379")
    scene = replace(scene, membership=None, source=replace(scene.source, pods=(first, *others)))
    assert "is of EtcdCluster prod/db" in find_refusal(scene)


# Deletion, and recovery


@pytest.mark.parametrize("seen_before", [True, False])
def test_a_deletion_gives_the_cluster_back(seen_before: bool) -> None:
    world = removing()
    world.stop(2)
    if seen_before:
        world.step()
    world.deleting = True
    for _ in range(MOST_PASSES):
        if world.gone or world.step().rule == "delete_cluster":
            break
    assert world.running == {0, 1}
    assert set(world.lines) == {source_id(0), source_id(1)}


def test_who_is_silent_may_have_the_quorum_until_a_person_says_otherwise() -> None:
    world = removing()
    world.deleting, world.running = True, set()
    told = say(world)
    said = f"`kubectl annotate etcd db --overwrite {ANNOTATION_GONE}={CLUSTER_ID:x}`"
    assert said in told
    pod = DeleteObject("Pod", "db-0", "pod-0", "x")
    assert guards.refuse(pod, world.look())
    world.annotations[ANNOTATION_GONE] = f"{CLUSTER_ID:x}"
    assert guards.refuse(pod, world.look()) is None
    assert world.step().rule == "delete_cluster"
    world.returned = {0}
    assert guards.refuse(pod, world.look()), "one that answers runs, whatever was said"


REFUSED_LOGIN: Final = Probe(None, "user name is empty", asks_for_user=True)
LOGIN: Final = {"security": {"auth": {"mode": "Unmanaged", "rootPasswordSecret": "root"}}}


def test_a_deletion_that_no_member_lets_in_names_the_secret() -> None:
    """Nothing is known of the quorum, and nobody is told to stop the members."""
    world = removing(spec=LOGIN)
    world.deleting = True
    scene = world.look()
    asked = dict.fromkeys(scene.probes, REFUSED_LOGIN)
    decision = plan(scene.evolve(membership=None, probes=asked)).decision
    assert decision.reason is attention.TAKE_OVER_STOPPED
    assert "Secret root of spec.security.auth.rootPasswordSecret cannot be" in decision.message
    assert ANNOTATION_GONE not in decision.message


def test_a_process_that_asks_for_a_user_runs_whatever_was_said() -> None:
    world = removing(spec=LOGIN)
    world.deleting, world.running = True, set()
    world.annotations[ANNOTATION_GONE] = f"{CLUSTER_ID:x}"
    scene = world.look()
    assert scene.source
    asks, *silent = scene.source.pods
    pods = (replace(asks, probe=REFUSED_LOGIN), *silent)
    scene = scene.evolve(source=replace(scene.source, pods=pods))
    assert guards.refuse(DeleteObject("Pod", "db-0", "pod-0", "x"), scene)
    assert plan(scene).rule == "give_back"


# The guard


def seen(change: Callable[[TakeOverWorld], object], **source: Any) -> Snapshot:
    """Old members may go, after a change; and something is seen of them otherwise."""
    world = removing()
    world.stop(2)
    world.step()
    change(world)
    scene = world.look()
    return replace(scene, source=replace(scene.source, **source) if scene.source else None)


def nothing(_: TakeOverWorld) -> None:
    """Nothing has changed."""


def restart(world: TakeOverWorld) -> None:
    """The process runs after all."""
    world.running.add(2)


def begin_again(world: TakeOverWorld) -> None:
    """It was away only a moment ago, as far as anybody has seen."""
    world.now -= timedelta(seconds=1)


REFUSED: tuple[tuple[str, Action, Snapshot, str], ...] = (
    ("too soon", REMOVE, seen(begin_again), "only have been restarted"),
    ("it answers", REMOVE, seen(restart, connected=()), "still answers"),
    ("others are connected", REMOVE, seen(nothing, connected=(source_id(2),)), "may be connected"),
    ("nobody has said it", REMOVE, seen(nothing, connected=None), "may be connected"),
    ("no endpoint", REMOVE, seen(nothing, pods=()), "not those on record"),
    ("another", replace(REMOVE, member_id=source_id(1)), seen(nothing), "not on record"),
    (
        "by hand",
        ScaleSource("old", "old-uid", "1", 2, CLUSTER_ID),
        world_at(Stage.REMOVE, scale_in="Manual").look(),
        "for a person to scale",
    ),
)


def test_who_has_stopped_may_be_removed() -> None:
    assert guards.refuse(REMOVE, seen(nothing)) is None


@pytest.mark.parametrize(
    ("action", "scene", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_all_else_is_refused(action: Action, scene: Snapshot, words: str) -> None:
    assert words in (guards.refuse(action, scene) or "")


def test_no_vote_goes_that_would_be_missed() -> None:
    world = removing()
    world.stop(2)
    world.step()
    world.running, world.silent = {0}, {member_id(1), member_id(2)}
    scene = world.look()
    assert scene.membership
    assert scene.source
    confirmed = replace(scene.membership, linearizable=True)
    scene = replace(scene, membership=confirmed, source=replace(scene.source, connected=()))
    assert "voters would be left answering" in str(guards.refuse(REMOVE, scene))


# What is recorded


def test_the_record_of_endpoints_is_read_as_it_was_written() -> None:
    text = "remove - 3 v3.5.35 0=b0,1=b1 100"
    found = read_take_over(text)
    assert found
    assert (found.source, found.write()) == ("", text)


def test_a_recorded_pass_has_what_was_seen_of_the_endpoints() -> None:
    scene = removing().look()
    assert scene.source
    assert scene.source.connected
    assert read_snapshot(json.loads(json.dumps(write_snapshot(scene)))).source == scene.source

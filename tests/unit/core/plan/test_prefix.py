"""A plan can be cut off after any action: every way through a resize is safe and arrives.

The search takes each plan apart at every place a crash could, lets time pass, and plans again from
there, until every reachable world has been seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.core.guards import refuse
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.naming import ordinal_of_claim
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from tests.builders.actions import brief
from tests.builders.snapshots import NAMING, formed, led_by, without_status
from tests.builders.snapshots import with_spec as change_spec
from tests.fakes.small_world import after, pass_time, running, voters

LIMIT = 400
PASSES = 40


def key_of(world: Snapshot) -> str:
    """What makes two worlds the same to the planner; times and versions do not."""
    children = sorted(
        (kind, name, *(str(child.body.get(key, "")) for key in ("data", "spec")), _marks(child))
        for (kind, name), child in world.children.items()
    )
    claims = sorted(c.ordinal for c in world.claims)
    pods = sorted((p.ordinal, p.role, p.running) for p in world.pods)
    status = world.cluster.status
    told = (status.phase, [(c.type, c.status, c.reason) for c in status.conditions])
    return repr((children, claims, pods, world.membership, world.leader_id, told))


def _marks(child: Child) -> str:
    return str(sorted(child.annotations.items()))


def worlds_after_crashes(world: Snapshot) -> Iterator[tuple[str, Snapshot]]:
    """Every world that a pass can leave behind, and what it had done until it was cut off."""
    done: list[str] = []
    yield "nothing", world
    now = world
    for action in plan(world).actions:
        objection = refuse(action, now)
        assert objection is None, f"{brief(action)} after {done}: {objection}"
        now = after(now, action)
        done.append(brief(action))
        check(now, done)
        yield ", ".join(done), now


def check(world: Snapshot, done: list[str]) -> None:
    """The promises that hold after every single action."""
    alive = voters(world) & running(world)
    assert 2 * len(alive) > len(voters(world)), f"no majority after {done}"
    kept = {ordinal_of_claim(c.name, NAMING.name) for c in world.claims}
    assert voters(world) <= kept, f"a voter lost its disk after {done}"


def explore(start: Snapshot) -> list[Snapshot]:
    """Every world that can be reached from here; fails if one is harmful or never settles."""
    seen: dict[str, Snapshot] = {}
    waiting = [pass_time(start)]
    while waiting:
        world = waiting.pop()
        if (key := key_of(world)) in seen:
            continue
        seen[key] = world
        assert len(seen) < LIMIT, "the search does not end"
        for done, crashed in worlds_after_crashes(world):
            later = replace(crashed, now=world.now + timedelta(seconds=1))
            progressed = pass_time(later)
            check(progressed, [done, "time passes"])
            waiting.append(progressed)
    return list(seen.values())


def run_through(world: Snapshot, arrived: dict[str, Snapshot] | None = None) -> Snapshot:
    """Pass after pass without any crash, until nothing is left to do.

    `arrived` remembers where earlier runs came to rest, so that a shared way is walked once.
    """
    arrived = {} if arrived is None else arrived
    world, way = pass_time(world), []
    for _ in range(PASSES):
        way.append(key_of(world))
        made = plan(world)
        at_rest = made.decision.settled and not made.actions
        if at_rest or way[-1] in arrived:
            rest = world if at_rest else arrived[way[-1]]
            arrived.update(dict.fromkeys(way, rest))
            return rest
        for action in made.actions:
            world = after(world, action)
        world = pass_time(replace(world, now=world.now + timedelta(seconds=1)))
    raise AssertionError(f"never settles: {plan(world).decision}")


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("members", "size", "version"),
    [
        (1, 3, "3.5.21"),
        (1, 3, "3.6.4"),
        (3, 5, "3.6.4"),
        (5, 3, "3.5.21"),
        (3, 1, "3.6.4"),
    ],
)
def test_a_resize_may_crash_anywhere(members: int, size: int, version: str) -> None:
    start = change_spec(formed(members, version=version), size=size)
    start = led_by(start, members - 1)
    reached = explore(start)
    assert len(reached) > 2
    arrived: dict[str, Snapshot] = {}
    for world in reached:
        settled = run_through(world, arrived)
        assert voters(settled) == set(range(size))
        assert {c.ordinal for c in settled.claims} == set(range(size))
        assert settled.cluster.status.ready_replicas == size


@pytest.mark.exhaustive
@pytest.mark.parametrize("version", ["3.5.21", "3.6.4"])
def test_a_change_of_mind_converges_from_wherever_it_is(version: str) -> None:
    """3 to 5 is turned round into 1 in every world that the growth goes through."""
    arrived: dict[str, Snapshot] = {}
    for world in explore(change_spec(formed(3, version=version), size=5)):
        assert voters(run_through(change_spec(world, size=1), arrived)) == {0}


def test_three_one_three() -> None:
    """The old disks never meet the new members."""
    once = run_through(change_spec(formed(3), size=1))
    again = run_through(change_spec(once, size=3))
    assert voters(again) == {0, 1, 2}


def test_the_loss_of_the_status_at_any_moment_is_survived() -> None:
    arrived: dict[str, Snapshot] = {}
    for world in explore(change_spec(formed(1), size=3)):
        assert voters(run_through(without_status(world), arrived)) == {0, 1, 2}

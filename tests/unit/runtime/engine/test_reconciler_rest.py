"""Passes over a cluster at rest: nothing is planned again until something has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from etcd_operator.core.model.snapshot import WORKED_OUT, Snapshot
from etcd_operator.core.plan.planner import Plan, plan
from etcd_operator.core.plan.unchanged import UNCHANGED_FOR
from etcd_operator.errors import Conflict
from etcd_operator.runtime.engine import reconciler as reconciler_module
from etcd_operator.runtime.engine.controller import Requeue
from tests.builders.snapshots import NAMING, NOW, UID, answer, formed, led_by, raw_cluster
from tests.harnesses.reconciler import ReconcilerHarness, at_rest, unlabelled

LAST_PASS = "etcd_operator_cluster_last_pass_timestamp_seconds"


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[Snapshot]:
    """What plans were made for."""
    seen: list[Snapshot] = []

    def count(snapshot: Snapshot) -> Plan:
        seen.append(snapshot)
        return plan(snapshot)

    monkeypatch.setattr(reconciler_module, "plan", count)
    return seen


def later(snapshot: Snapshot, sixtieths: float) -> Snapshot:
    """The same, so many sixtieths of the time that a plan counts later: members have written."""
    told = {o: p.status for o, p in snapshot.probes.items() if p.status}
    probes = {
        o: replace(answer(o), status=replace(status, revision=status.revision + 20))
        for o, status in told.items()
    }
    return replace(snapshot, now=NOW + UNCHANGED_FOR * sixtieths / 60, probes=probes)


def find_last_pass(harness: ReconcilerHarness) -> float:
    """When the last pass over the cluster was, as the metrics tell."""
    text = harness.metrics.clusters.expose()
    line = next(line for line in text.splitlines() if line.startswith(f"{LAST_PASS}{{"))
    return float(line.rpartition(" ")[2])


async def test_nothing_is_planned_again_while_members_only_write(planned: list[Snapshot]) -> None:
    harness = ReconcilerHarness(at_rest(formed(3)))
    for seconds in (0, 10, 59):
        harness.snapshot = later(harness.snapshot, seconds)
        assert await harness.make_pass() == Requeue()
    assert len(planned) == 1
    assert (harness.performed, harness.written, harness.told) == ([], [], [])


async def test_a_pass_that_plans_nothing_counts_as_one() -> None:
    """Whoever watches for clusters that nobody looks at must not be misled."""
    harness = ReconcilerHarness(at_rest(formed(3)))
    for seconds in (0, 10):
        harness.snapshot = later(harness.snapshot, seconds)
        await harness.make_pass()
    assert find_last_pass(harness) == harness.snapshot.now.timestamp()


async def test_what_is_kept_of_a_cluster_at_rest_is_what_was_seen_alone() -> None:
    """Nothing that rules work out from it, and once, also for those who ask for the last pass."""
    harness = ReconcilerHarness(at_rest(formed(3)))
    await harness.make_pass()
    (kept,) = (rest.snapshot for rest in harness.reconciler._at_rest.values())
    assert kept.pods == formed(3).pods
    assert not kept.__dict__.keys() & WORKED_OUT.keys()
    (track,) = harness.reconciler._recorder._tracks.values()
    assert track.last is not None
    assert track.last.snapshot is kept


async def test_of_five_looks_at_a_cluster_at_rest_one_is_whole(planned: list[Snapshot]) -> None:
    harness = ReconcilerHarness(at_rest(formed(3)))
    harness.brief_look = NOW
    for _ in range(11):
        assert await harness.make_pass() == Requeue()
    assert harness.looks == ["whole", *["brief"] * 4, "whole", *["brief"] * 4, "whole"]
    assert len(planned) == 1


async def test_what_a_brief_look_finds_changed_is_gathered_anew(planned: list[Snapshot]) -> None:
    """Nothing is planned for what was seen earlier: a guard counts who answers now."""
    harness = ReconcilerHarness(at_rest(formed(3)))
    await harness.make_pass()
    harness.snapshot = led_by(harness.snapshot, 1)
    await harness.make_pass()
    assert harness.looks == ["whole", "brief", "whole"]
    assert planned[-1].probes == harness.snapshot.probes


async def test_a_brief_look_counts_as_a_pass() -> None:
    harness = ReconcilerHarness(at_rest(formed(3)))
    harness.brief_look = NOW + UNCHANGED_FOR
    for _ in range(2):
        await harness.make_pass()
    assert find_last_pass(harness) == harness.brief_look.timestamp()


async def test_from_time_to_time_a_plan_is_made_all_the_same(planned: list[Snapshot]) -> None:
    harness = ReconcilerHarness(at_rest(formed(3)))
    for seconds in (0, 30, 60, 90, 119, 120):
        harness.snapshot = later(harness.snapshot, seconds)
        await harness.make_pass()
    assert [(one.now - NOW) / UNCHANGED_FOR for one in planned] == [0, 1, 2]


@pytest.mark.parametrize(
    "change",
    [lambda rested: led_by(rested, 1), lambda _: at_rest(formed(3, version="3.5.22"))],
    ids=["another leads", "another version"],
)
async def test_a_change_is_planned_for_and_told(
    change: Callable[[Snapshot], Snapshot], planned: list[Snapshot]
) -> None:
    rested = at_rest(formed(3))
    harness = ReconcilerHarness(rested)
    await harness.make_pass()
    harness.snapshot = change(rested)
    await harness.make_pass()
    assert len(planned) == 2
    assert planned[-1].probes == harness.snapshot.probes


async def test_what_was_acted_on_is_looked_at_again(planned: list[Snapshot]) -> None:
    harness = ReconcilerHarness(unlabelled())
    for _ in range(2):
        await harness.make_pass()
    assert len(planned) == 2


async def test_a_status_that_was_not_written_is_no_rest(planned: list[Snapshot]) -> None:
    harness = ReconcilerHarness(led_by(at_rest(formed(3)), 1))
    harness.server.refusals += [Conflict("changed", 409)] * 2
    for _ in range(5):
        await harness.make_pass()
    assert len(harness.written) == 3, "two attempts were refused"
    assert len(planned) == 4, "and one plan sees that the status is there"


async def test_a_cluster_that_is_gone_is_forgotten(planned: list[Snapshot]) -> None:
    """What is kept of it would fill the memory; one of its name begins anew."""
    harness = ReconcilerHarness(at_rest(formed(3)))
    await harness.make_pass()
    harness.caches.clusters.observe_deleted(NAMING.namespace, NAMING.name, UID)
    await harness.make_pass()
    harness.caches.observe("EtcdCluster", raw_cluster({"size": 3}, resourceVersion="900"))
    await harness.make_pass()
    assert len(planned) == 2


async def test_whoever_forgets_what_was_at_rest_plans_once_more(planned: list[Snapshot]) -> None:
    harness = ReconcilerHarness(at_rest(formed(3)))
    await harness.make_pass()
    harness.reconciler.forget_rest()
    for _ in range(2):
        await harness.make_pass()
    assert len(planned) == 2
    assert (harness.performed, harness.written) == ([], [])

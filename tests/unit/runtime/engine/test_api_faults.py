"""A slow or failing API server, for minutes: no wrong act, no hot loop, and recovery by itself.

The whole operator but its process: caches, queue, passes, actions, events. Time is virtual.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import pytest

from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.errors import Conflict, KubeUnavailable
from etcd_operator.json_types import Json
from tests.builders.snapshots import NAMING
from tests.fakes.kubernetes import NO_FAULTS, ApiFaults, Request
from tests.harnesses.operator_in_memory import OBJECTS, OperatorInMemory, pod_of

# Minutes of the loop's time are seconds of ours, but more on a busy machine.
pytestmark = [pytest.mark.looptime, pytest.mark.timeout(180)]


STORM_SECONDS = 120.0
# The longest back-off, half of it once more, and a watch that is made anew.
RECOVERY_SECONDS = 100.0
ASKED_SECONDS = 7.0
STATEFUL_SET = ("StatefulSet", NAMING.statefulset)
# In a minute, but for the first: a cluster that backs off, and seven kinds that are watched.
MOST_WRITES = 12
MOST_READS = 60

SLOW = ApiFaults(seconds=5.0)
CONFLICTS = ApiFaults(error=lambda: Conflict("it has changed", 409), only_writes=True)
THROTTLED = ApiFaults(error=lambda: KubeUnavailable("slow down", 429, retry_after=ASKED_SECONDS))
BROKEN = ApiFaults(error=lambda: KubeUnavailable("internal error", 500))
LOST = ApiFaults(error=lambda: KubeUnavailable("no answer", 500), lost=True, only_writes=True)
STORMS = {
    "slow": SLOW,
    "409": CONFLICTS,
    "429": THROTTLED,
    "500": BROKEN,
    "answers lost": LOST,
}


def now() -> float:
    """The virtual time."""
    return asyncio.get_running_loop().time()


def busiest_minute(requests: list[Request], begun: float) -> int:
    """The most requests in any minute but the first, in which back-offs are short."""
    minutes = Counter(int((r.at - begun) / 60) for r in requests)
    minutes.pop(0, None)
    return max(minutes.values(), default=0)


@pytest.mark.exhaustive
@pytest.mark.parametrize("storm", STORMS.values(), ids=STORMS)
async def test_a_cluster_is_created_in_a_storm_or_after_it(storm: ApiFaults) -> None:
    harness = OperatorInMemory()
    async with harness.run():
        harness.server.change(storm)
        harness.ask_for(3)
        begun = now()
        await asyncio.sleep(STORM_SECONDS)
        assert busiest_minute(harness.since(begun, writes=True), begun) <= MOST_WRITES
        assert busiest_minute(harness.since(begun, writes=False), begun) <= MOST_READS
        harness.server.change(NO_FAULTS)
        await asyncio.sleep(RECOVERY_SECONDS)
        assert harness.names() == OBJECTS
    (cluster,) = harness.server.find("EtcdCluster")
    assert cluster["metadata"]["finalizers"] == [FINALIZER]
    assert cluster["status"]["phase"] == "Creating"
    applied = harness.effects("apply")
    # Nobody makes Pods here: the StatefulSet is told once which it has not created.
    assert applied.pop(STATEFUL_SET) in (1, 2)
    others = [each for each in OBJECTS if each != STATEFUL_SET]
    assert applied == Counter(dict.fromkeys(others, 1)), "each is created, and once"
    assert not harness.effects("delete")
    first = next(r for r in harness.server.effects if r.kind != "Event")
    assert (first.kind, first.verb) == ("EtcdCluster", "patch"), "who serves, before all"


async def test_who_is_told_to_wait_waits() -> None:
    harness = OperatorInMemory()
    async with harness.run():
        harness.server.change(THROTTLED)
        harness.ask_for(3)
        begun = now()
        await asyncio.sleep(STORM_SECONDS)
        asked = [request for request in harness.server.requests if request.at > begun]
        assert {r.kind for r in asked} >= {"EtcdCluster", "Pod", "StatefulSet"}
        for kind, verb in {(r.kind, r.verb) for r in asked}:
            times = [r.at for r in asked if (r.kind, r.verb) == (kind, verb)]
            gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
            assert min(gaps) > ASKED_SECONDS - 0.01


@pytest.mark.exhaustive
@pytest.mark.parametrize("storm", STORMS.values(), ids=STORMS)
async def test_a_cluster_shrinks_in_a_storm_without_losing_anybody_else(storm: ApiFaults) -> None:
    """etcd answers all the while: members leave it, and their Pods stop when that can be said."""
    harness = OperatorInMemory(members=5)
    async with harness.run():
        harness.ask_for(5)
        harness.start_pods(*range(5))
        await asyncio.sleep(20)
        assert harness.replicas() == 5
        harness.server.effects.clear()
        begun = now()
        harness.server.change(storm)
        harness.ask_for(3)
        await asyncio.sleep(STORM_SECONDS)
        assert busiest_minute(harness.since(begun, writes=True), begun) <= MOST_WRITES
        harness.server.change(NO_FAULTS)
        await asyncio.sleep(RECOVERY_SECONDS)
        assert [m.id & 0xF for m in harness.members.lines] == [0, 1, 2]
        assert len(harness.members.removed) == 2
        assert harness.replicas() == 3
        deleted = {name for _, name in harness.effects("delete")}
        ended = {ordinal for ordinal in range(5) if NAMING.member(ordinal) in deleted}
        assert ended <= {3, 4}
        disks = {NAMING.claim(ordinal) for ordinal in ended}
        pods = {NAMING.member(ordinal) for ordinal in ended}
        assert deleted <= pods | disks, "a disk is in use as long as its Pod is there"
        harness.stop_pods(*{3, 4} - ended)
        await asyncio.sleep(30)
        left = [body["metadata"]["name"] for body in harness.server.find("PersistentVolumeClaim")]
        assert left == [NAMING.claim(ordinal) for ordinal in range(3)]
        assert harness.server.find("EtcdCluster")[0]["status"]["phase"] == "Running"


@pytest.mark.exhaustive
@pytest.mark.parametrize("storm", [SLOW, THROTTLED, BROKEN], ids=["slow", "429", "500"])
async def test_at_rest_a_storm_changes_nothing(storm: ApiFaults) -> None:
    harness = OperatorInMemory(members=3)
    async with harness.run():
        harness.ask_for(3)
        harness.start_pods(0, 1, 2)
        await asyncio.sleep(20)
        before = {key: body["metadata"]["resourceVersion"] for key, body in _mine(harness)}
        begun = now()
        harness.server.change(storm)
        await asyncio.sleep(STORM_SECONDS)
        harness.server.change(NO_FAULTS)
        await asyncio.sleep(RECOVERY_SECONDS)
        assert harness.since(begun, writes=True) == []
        assert {key: body["metadata"]["resourceVersion"] for key, body in _mine(harness)} == before


@pytest.mark.exhaustive
async def test_a_status_that_is_refused_again_and_again_is_not_written_every_second() -> None:
    harness = OperatorInMemory(members=3)
    async with harness.run():
        harness.ask_for(3)
        harness.start_pods(0, 1, 2)
        await asyncio.sleep(20)
        begun = now()
        harness.server.change(CONFLICTS)
        ill = pod_of(1)
        ill["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
        harness.write("Pod", ill)
        await asyncio.sleep(STORM_SECONDS)
        assert 1 <= busiest_minute(harness.since(begun, writes=True), begun) <= MOST_WRITES
        harness.server.change(NO_FAULTS)
        await asyncio.sleep(RECOVERY_SECONDS)
        (cluster,) = harness.server.find("EtcdCluster")
        assert cluster["status"]["readyReplicas"] == 2


def _mine(harness: OperatorInMemory) -> list[tuple[tuple[str, str, str], Json]]:
    return [(key, body) for key, body in harness.server.objects.items() if key[0] != "Event"]

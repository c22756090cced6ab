"""Times a step: from just before the request until the cluster is what was asked for.

That is: exactly N Pods are Ready, a quorum says that there are exactly N members, all of them
started voters, and a write commits.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from etcd_operator.core.model.members import MemberList
from etcd_operator.core.model.naming import CLIENT_PORT
from etcd_operator.errors import EtcdError, KubeError
from etcd_operator.json_types import Json
from etcd_operator.runtime.etcd.client import EtcdMemberClient
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from tests.perf.observation import Sight
from tests.perf.subjects import Subject
from tests.perf.timeline import Timeline, is_ready

POLL_SECONDS: Final = 0.01
STEP_SECONDS: Final = 90.0
ANSWER_SECONDS: Final = 0.5
# An API server that restarts is back within seconds.
WARM_UPS: Final = 20


class KubernetesAway(Exception):
    """The API server does not answer for so long that nothing more can be measured."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One step, timed; `seconds` is None if it did not get there."""

    seconds: float | None
    began: str
    moments: dict[str, float]
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """What to wait for; a Pod with the uid `without` does not count, because it was killed."""

    cluster: str
    size: int
    without: str = ""


class Stopwatch:
    """Times steps one after the other and remembers how closely it looked."""

    def __init__(self, api: KubeApi, sight: Sight) -> None:
        self._api = api
        self._sight = sight
        self._pool = EtcdPool()
        self._gaps: list[float] = []

    async def close(self) -> None:
        """Close the connections to the members."""
        await self._pool.close()

    def granularity(self) -> dict[str, float]:
        """The seconds between two looks at the cluster: median, 99th percentile, most."""
        gaps = sorted(self._gaps) or [0.0]
        return {
            "median": statistics.median(gaps),
            "p99": gaps[int(len(gaps) * 0.99)],
            "max": gaps[-1],
        }

    async def lap(self, subject: Subject, goal: Goal, request: Callable[[], Awaitable[str]]) -> Lap:
        """Send the request and wait for the goal; a refusal or the time limit is a failure."""
        await self._warm_up()
        known = await self._list(subject.name, linearizable=False)
        began = datetime.now(UTC).isoformat(timespec="milliseconds")
        timeline = Timeline(
            time.perf_counter(), self._sight.uids(subject.name), known.members if known else ()
        )
        self._sight.timeline = timeline
        own_version, failure = "", ""
        try:
            own_version = await request()
            await self._wait(goal, timeline)
        except (KubeError, TimeoutError) as error:
            failure = str(error)
        seconds = time.perf_counter() - timeline.begun
        self._sight.timeline = None
        return Lap(None if failure else seconds, began, timeline.finish(own_version), failure)

    async def _warm_up(self) -> None:
        """Use a connection, so that the request to be timed does not pay for opening one."""
        for patience in reversed(range(WARM_UPS)):
            try:
                await self._api.get(kube.SERVICES, "default", "kubernetes")
                return
            except KubeError as error:
                if not patience:
                    raise KubernetesAway(str(error)) from error
                await asyncio.sleep(1.0)

    async def _wait(self, goal: Goal, timeline: Timeline) -> None:
        last = time.perf_counter()
        while True:
            self._sight.changed.clear()
            if await self._reached(goal, timeline):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._sight.changed.wait(), POLL_SECONDS)
            now = time.perf_counter()
            self._gaps.append(now - last)
            last = now
            if now - timeline.begun > STEP_SECONDS:
                raise TimeoutError(f"not within {STEP_SECONDS:.0f} s: {self._describe(goal)}")

    async def _reached(self, goal: Goal, timeline: Timeline) -> bool:
        ready = self._sight.ready_pods(goal.cluster)
        uids = {pod["metadata"]["uid"] for pod in ready}
        there = len(ready) == goal.size and goal.without not in uids
        known = await self._list(goal.cluster, linearizable=there)
        if known is None:
            return False
        timeline.see_members(known.members, time.perf_counter())
        voters = [m for m in known.members if m.started and not m.is_learner]
        if not there or not len(voters) == len(known.members) == goal.size:
            return False
        return await self._writes(goal.cluster)

    async def _member(self, cluster: str) -> EtcdMemberClient | None:
        """The member to ask: the lowest Ready one, which no step here ever takes away."""
        for pod in self._sight.ready_pods(cluster):
            if "deletionTimestamp" not in pod["metadata"]:
                return await self._pool.client(address(pod))
        return None

    async def _list(self, cluster: str, *, linearizable: bool) -> MemberList | None:
        client = await self._member(cluster)
        if client is None:
            return None
        try:
            return await client.member_list(linearizable=linearizable, timeout=ANSWER_SECONDS)
        except EtcdError:
            await self._pool.discard(client.address)
            return None

    async def _writes(self, cluster: str) -> bool:
        client = await self._member(cluster)
        if client is None:
            return False
        try:
            return await client.put(b"measured", b"yes", timeout=ANSWER_SECONDS) > 0
        except EtcdError:
            return False

    def _describe(self, goal: Goal) -> str:
        pods = self._sight.pods(goal.cluster)
        ready = sum(map(is_ready, pods))
        return f"{ready} of {len(pods)} Pods are Ready, wanted {goal.size}"

    async def find_follower(self, cluster: str) -> Json:
        """The follower with the highest ordinal, never the member that is asked."""
        for pod in reversed(self._sight.ready_pods(cluster)[1:]):
            status = await (await self._pool.client(address(pod))).status()
            if status.leader != status.member_id:
                return pod
        raise EtcdError(f"{cluster} has no follower to kill")


def address(pod: Json) -> str:
    """Where the member in a Pod serves clients."""
    return f"{pod['status']['podIP']}:{CLIENT_PORT}"

"""In which order everything is measured: floor and ours by turns, one cluster at a time.

A machine that becomes slower or faster meanwhile changes both sides alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from etcd_operator.errors import EtcdError, KubeError
from etcd_operator.runtime.kubernetes.api import KubeApi
from tests.perf.meter import Meter, difference
from tests.perf.samples import WRITE_GAP, Sample
from tests.perf.stopwatch import Goal, Stopwatch
from tests.perf.subjects import Floor, Ours, StillThere, Subject
from tests.perf.writing import LostWrite, longest_gap, writing

# Etcd takes no new member until its voters have been connected for 5 s.
SETTLE_SECONDS: Final = 6.5
# What a removed cluster leaves to be done (unmounting, deleting disks) must not meet the next step.
CALM_SECONDS: Final = 1.5
STATUS_SECONDS: Final = 10.0
STATUS_POLL_SECONDS: Final = 0.1
ROLL_SECONDS: Final = 120.0


S = TypeVar("S", bound=Subject)


class StepFailed(Exception):
    """A step did not get there, so what builds on it cannot be measured."""


class Schedule:
    """Measures repetition after repetition into `samples`."""

    def __init__(
        self, api: KubeApi, stopwatch: Stopwatch, meter: Meter, namespace: str, total: int
    ) -> None:
        self._api = api
        self._stopwatch = stopwatch
        self._meter = meter
        self._namespace = namespace
        self._total = total
        self._begun = time.monotonic()
        self._clusters = 0
        self.samples: list[Sample] = []

    async def measure(self, version: str, repetition: int) -> None:
        """Measure every step once on one version of etcd."""
        for size in (1, 5):
            for kind in (Floor, Ours):
                async with self._cluster(kind, version) as subject:
                    await self._create(subject, size, repetition)
        async with self._cluster(Floor, version) as floor:
            await self._create(floor, 3, repetition)
            await self._kill(floor, repetition)
        async with self._cluster(Ours, version) as ours:
            await self._create(ours, 3, repetition)
            await self._resize("3 → 5", ours, 5, repetition)
            await self._resize("5 → 3", ours, 3, repetition)
            await self._kill(ours, repetition)
            await self._resize("3 → 1", ours, 1, repetition)
            await self._resize("1 → 3", ours, 3, repetition)
            await self._roll(ours, repetition)
        async with self._cluster(Floor, version) as floor:
            await self._create(floor, 3, repetition)
        async with self._cluster(Ours, version) as ours:
            await self._create(ours, 3, repetition)
            await self._resize("3 → 5 at once", ours, 5, repetition, settle=0.0)

    @contextlib.asynccontextmanager
    async def _cluster(self, kind: type[S], version: str) -> AsyncIterator[S]:
        """A cluster that does not exist yet; it is removed afterwards."""
        self._clusters += 1
        name = f"{kind.side.value}-{self._clusters}"
        subject = kind(self._api, self._namespace, name, version)
        try:
            yield subject
        except StepFailed as error:
            self._say(f"{name}: {error}; going on with the next cluster")
        try:
            await subject.remove()
        except (KubeError, StillThere) as error:
            self._say(f"{name} could not be removed: {error}")
        await asyncio.sleep(CALM_SECONDS)

    async def _create(self, subject: Subject, size: int, repetition: int) -> None:
        goal = Goal(subject.name, size)
        await self._step(f"create {size}", subject, goal, repetition, lambda: subject.create(size))

    async def _resize(
        self, step: str, ours: Ours, size: int, repetition: int, settle: float = SETTLE_SECONDS
    ) -> None:
        await asyncio.sleep(settle)
        goal = Goal(ours.name, size)
        await self._step(step, ours, goal, repetition, lambda: ours.resize(size))

    async def _kill(self, subject: Subject, repetition: int) -> None:
        await asyncio.sleep(SETTLE_SECONDS)
        try:
            pod = await self._stopwatch.find_follower(subject.name)
        except EtcdError as error:
            raise StepFailed(str(error)) from error
        goal = Goal(subject.name, 3, without=pod["metadata"]["uid"])
        await self._step("pod kill", subject, goal, repetition, lambda: subject.kill(pod))

    async def _roll(self, ours: Ours, repetition: int) -> None:
        """Roll three members under a continuous writer, and look for how long it could not write.

        A roll that does not end, or a write that is lost, is a failed sample.
        """
        await asyncio.sleep(SETTLE_SECONDS)
        wall = datetime.now(UTC).isoformat(timespec="milliseconds")
        gap, failure = None, ""
        try:
            async with writing(self._api, self._namespace, ours.name) as writer:
                began = time.monotonic()
                await ours.roll(str(repetition))
                await self._wait_for_roll(ours)
                ended = time.monotonic()
                await asyncio.sleep(CALM_SECONDS)
                gap = longest_gap(writer.acknowledged, began, ended)
                await writer.check()
        except (TimeoutError, KubeError, LostWrite) as error:
            gap, failure = None, f"{type(error).__name__} {error}"
        sample = Sample(WRITE_GAP, ours.version, ours.side, repetition, gap, failure, wall)
        self.samples.append(sample)
        self._say_sample(sample)

    async def _wait_for_roll(self, ours: Ours) -> None:
        async with asyncio.timeout(ROLL_SECONDS):
            while True:
                if await ours.says_it_is_done(3):
                    return
                await asyncio.sleep(STATUS_POLL_SECONDS)

    async def _step(
        self,
        step: str,
        subject: Subject,
        goal: Goal,
        repetition: int,
        request: Callable[[], Awaitable[str]],
    ) -> None:
        """Time one step and what it costs; raises StepFailed if it did not get there."""
        before = await self._meter.read() if isinstance(subject, Ours) else None
        lap = await self._stopwatch.lap(subject, goal, request)
        usage = None
        if isinstance(subject, Ours):
            await self._wait_for_status(subject, goal.size)
            usage = difference(before, await self._meter.read())
        sample = Sample(
            step,
            subject.version,
            subject.side,
            repetition,
            lap.seconds,
            lap.failure,
            lap.began,
            lap.moments,
            usage,
        )
        self.samples.append(sample)
        self._say_sample(sample)
        if lap.seconds is None:
            raise StepFailed(f"{step}: {lap.failure}")

    async def _wait_for_status(self, ours: Ours, size: int) -> None:
        """Wait for the operator's last write of the step; a time-out only blurs what it cost."""
        with contextlib.suppress(TimeoutError, KubeError):
            async with asyncio.timeout(STATUS_SECONDS):
                while True:
                    if await ours.says_it_is_done(size):
                        return
                    await asyncio.sleep(STATUS_POLL_SECONDS)

    def _say_sample(self, sample: Sample) -> None:
        result = "failed" if sample.seconds is None else f"{sample.seconds:.2f} s"
        if sample.step == WRITE_GAP and sample.seconds is not None:
            result = f"{sample.seconds * 1e3:.0f} ms"
        self._say(
            f"{sample.repetition}/{self._total} {sample.version} {sample.step:13} "
            f"{sample.side.value:5} {result}"
        )

    def _say(self, text: str) -> None:
        elapsed = time.monotonic() - self._begun
        print(f"[{elapsed:5.0f} s] {text}", file=sys.stderr, flush=True)

"""A Controller over some clusters, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.controller import Controller, Requeue, Sharding
from etcd_operator.runtime.process.metrics import Metrics
from tests.builders.snapshots import raw_cluster
from tests.fakes.clock import LoopClock
from tests.fakes.kubernetes import InMemoryApi

NEVER = 10_000.0  # seconds; longer than any test looks


def now() -> float:
    """The virtual time."""
    return asyncio.get_running_loop().time()


async def rest(_: str) -> Requeue:
    """A pass that takes no time and wants no other."""
    return Requeue(NEVER)


class ControllerHarness:
    """A Controller over some clusters, and when it began a pass over which."""

    def __init__(
        self,
        *names: str,
        make_pass: Callable[[str], Awaitable[Requeue]] = rest,
        workers: int = 4,
        sharding: Sharding | None = None,
    ) -> None:
        self.held: tuple[int, ...] = (0,)
        self.passes: list[tuple[float, str]] = []
        self.make_pass = make_pass
        self.metrics = Metrics()
        self.caches = Caches(InMemoryApi())
        self._version = 0
        for name in names:
            self.change(name)
        self.controller = Controller(
            self._reconcile, self.caches, self.metrics, LoopClock(), workers, sharding
        )

    async def _reconcile(self, namespace: str, name: str) -> Requeue:
        assert namespace == "team"
        self.passes.append((now(), name))
        return await self.make_pass(name)

    def change(self, name: str, *, generation: int = 1, **annotations: str) -> None:
        """The watch tells of a new or changed EtcdCluster."""
        self._version += 1
        raw = raw_cluster(
            name=name,
            uid=f"uid-{name}",
            resourceVersion=str(self._version),
            generation=generation,
        )
        raw["metadata"]["annotations"] = annotations
        raw["status"] = {"observedGeneration": 1}
        self.caches.observe("EtcdCluster", raw)

    def remove(self, name: str) -> None:
        """The watch tells of its end."""
        self.caches.clusters.observe_deleted("team", name, f"uid-{name}")

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[None]:
        """Make passes while inside."""
        tasks = [
            asyncio.create_task(self.controller.run()),
            *(asyncio.create_task(self.controller.hold(shard)) for shard in self.held),
        ]
        await asyncio.sleep(0)
        try:
            yield
            assert not any(task.done() for task in tasks), "nothing may end it but cancellation"
        finally:
            for task in reversed(tasks):
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def run(self, seconds: float) -> None:
        """Lead for some time."""
        async with self.lead():
            await asyncio.sleep(seconds)

    def times(self, name: str) -> list[float]:
        """When passes over this cluster began."""
        return [at for at, who in self.passes if who == name]

    def counted(self, result: str) -> float | None:
        """How many passes ended like this."""
        return self.metrics.registry.get_sample_value(
            "etcd_operator_passes_total", {"result": result}
        )

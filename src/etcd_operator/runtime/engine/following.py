"""What a replica follows from its first moment on: the caches, and the clients that they read by.

Apart from all that acts on it. That is half of the operator's code, and it is loaded while the API
server writes the first lists.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Final, Protocol

from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.kubernetes.client import LightkubeApi, RequestCounter
from etcd_operator.settings import Settings

# When to look for garbage until everything is listed: not before there are the objects of some
# 1700 clusters. What is made by then is no garbage, and to look at it took a twentieth of a start.
COLLECT_WHILE_LISTING: Final = (500_000, 50, 50)


class Listed(Protocol):
    """Caches that are listed together."""

    async def wait_until_synced(self) -> None:
        """Return when every kind has been listed."""


class Requests:
    """Count of requests, kept until there is something that counts them."""

    def __init__(self) -> None:
        self._counted: list[tuple[str, str, int]] = []
        self._count: RequestCounter | None = None

    def __call__(self, verb: str, resource: str, code: int) -> None:
        """Count one request."""
        if self._count is None:
            self._counted.append((verb, resource, code))
        else:
            self._count(verb, resource, code)

    def count_by(self, count: RequestCounter) -> None:
        """Have every request counted, also those before."""
        self._count = count
        for request in self._counted:
            count(*request)
        self._counted.clear()


class Following:
    """Caches of all objects, which begin to list before anything else is done."""

    def __init__(self, settings: Settings, context: str = "") -> None:
        self.requests = Requests()
        self.api = LightkubeApi.from_environment(self.requests, context=context)
        # Renewals of the Lease have a connection of their own: no crowd of passes is before them.
        self.lease_api = LightkubeApi.from_environment(self.requests, context=context)
        self.caches = Caches(
            self.api, settings.namespaces, assign_user_ids=settings.assign_user_ids
        )
        self.tasks = TaskCaches(self.api, settings.namespaces)

    async def run(self) -> None:
        """Keep everything current until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.caches.run())
            group.create_task(self.tasks.run())

    async def close(self) -> None:
        """Close all connections."""
        await self.api.close()
        await self.lease_api.close()

    def find_unsynced(self) -> list[str]:
        """The kinds that have not been listed yet."""
        return [*self.caches.find_unsynced(), *self.tasks.find_unsynced()]

    async def wait_until_listed(self) -> None:
        """Return when every kind has been listed."""
        await wait_until_listed(self.caches, self.tasks)


async def wait_until_listed(*groups: Listed) -> None:
    """Return when every kind has been listed, and keep the collector off what lives for long."""
    usual = gc.get_threshold()
    gc.set_threshold(*COLLECT_WHILE_LISTING)
    gc.enable()
    try:
        for group in groups:
            await group.wait_until_synced()
    finally:
        gc.set_threshold(*usual)
    # Not collected before: of a hundred thousands of objects some twenty are garbage by then.
    gc.freeze()

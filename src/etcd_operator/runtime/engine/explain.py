"""Looks at one EtcdCluster once, as a pass does, and changes nothing.

What a running operator keeps in memory is not known here: whose turn it is to roll after an
upgrade of the operator, corrections that others undo, and the comparison of the members' data.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Never

from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import KubeUnavailable, NotFound, OperatorError
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.gather import Gatherer
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi, WatchEvent
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.settings import Settings

# A pass takes less; who may not list something is not told so, but asked again and again.
SECONDS_TO_LIST = 15.0


class WriteRefused(OperatorError):
    """Something asked for a write where only reads are allowed."""


class ReadOnlyApi:
    """A KubeApi that passes reads on and refuses every write."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def get(self, kind: Kind, namespace: str, name: str) -> Json:
        """Return one object."""
        return await self._api.get(kind, namespace, name)

    def list_pages(
        self,
        kind: Kind,
        namespace: str | None,
        label_selector: str = "",
        *,
        field_selector: str = "",
    ) -> AsyncIterator[Json]:
        """Yield the pages of a list."""
        return self._api.list_pages(kind, namespace, label_selector, field_selector=field_selector)

    def watch(
        self, kind: Kind, namespace: str | None, label_selector: str, resource_version: str
    ) -> AsyncIterator[WatchEvent]:
        """Yield what happens after a resourceVersion."""
        return self._api.watch(kind, namespace, label_selector, resource_version)

    async def create(self, *_: Any, **__: Any) -> Never:
        """Refuse."""
        raise WriteRefused("create is a write")

    async def apply(self, *_: Any, **__: Any) -> Never:
        """Refuse."""
        raise WriteRefused("apply is a write")

    async def merge_patch(self, *_: Any, **__: Any) -> Never:
        """Refuse."""
        raise WriteRefused("patch is a write")

    async def delete(self, *_: Any, **__: Any) -> Never:
        """Refuse."""
        raise WriteRefused("delete is a write")

    async def resize(self, *_: Any, **__: Any) -> Never:
        """Refuse."""
        raise WriteRefused("resize is a write")

    async def evict(self, *_: Any, **__: Any) -> Never:
        """Refuse."""
        raise WriteRefused("evict is a write")


async def look_once(
    api: KubeApi, etcd: EtcdPool, clock: Clock, settings: Settings, namespace: str, name: str
) -> Snapshot:
    """Return the snapshot that a pass over this EtcdCluster would decide about.

    Raises NotFound where there is none.
    """
    api = ReadOnlyApi(api)
    # An EtcdCluster that does not exist is told from one that cannot be listed.
    await api.get(kube.CLUSTERS, namespace, name)
    caches = Caches(api, (namespace,), assign_user_ids=settings.assign_user_ids)
    tasks = TaskCaches(api, (namespace,))
    following = [asyncio.create_task(group.run()) for group in (caches, tasks)]
    try:
        await _wait_until_listed(caches, tasks)
        cluster = caches.clusters.get(namespace, name)
        if cluster is None:
            raise NotFound(f"EtcdCluster {namespace}/{name} was deleted meanwhile", 404)
        gatherer = Gatherer(
            api,
            caches,
            etcd,
            clock,
            settings.domain,
            CertificateSecrets(api, clock),
            AuthCache(clock),
            PasswordSecrets(api, clock),
            ConnectionSecrets(api, clock),
            tasks.backups_of,
            settings.own_namespace,
            tasks.mirror_jobs_of,
        )
        return await gatherer.gather(cluster)
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)


async def _wait_until_listed(caches: Caches, tasks: TaskCaches) -> None:
    try:
        async with asyncio.timeout(SECONDS_TO_LIST):
            await caches.wait_until_synced()
            await tasks.wait_until_synced()
    except TimeoutError:
        missing = ", ".join([*caches.find_unsynced(), *tasks.find_unsynced()])
        raise KubeUnavailable(
            f"not listed within {SECONDS_TO_LIST:.0f} s: {missing}. Is this user allowed to list "
            "them (`kubectl auth can-i list …`)?"
        ) from None

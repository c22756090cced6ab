"""Requests to the API server for EtcdBackups and EtcdRestores."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from etcd_operator.core.tasks.actions import (
    AnnotateCluster,
    CreateObject,
    DeleteJob,
    SetRestoreFinalizer,
    TaskAction,
)
from etcd_operator.errors import Conflict, NotFound
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi

_CREATED: Final = {k.name: k for k in (kube.JOBS, kube.CLAIMS, kube.CLUSTERS)}


class TaskActionHandlers:
    """Carries out what was decided about backups and restores."""

    def __init__(self, api: KubeApi, caches: Caches, tasks: TaskCaches) -> None:
        self._api = api
        self._caches = caches
        self._tasks = tasks
        # Each handler takes only the actions of its key, which no type can say of a mapping.
        self.table: Mapping[type[TaskAction], Callable[[Any, str], Awaitable[None]]] = {
            CreateObject: self._create,
            DeleteJob: self._delete_job,
            AnnotateCluster: self._annotate_cluster,
            SetRestoreFinalizer: self._set_finalizers,
        }

    async def perform(self, action: TaskAction, namespace: str) -> None:
        """Carry out one action; raises KubeError, Conflict where the world has moved on."""
        await self.table[type(action)](action, namespace)

    async def _create(self, action: CreateObject, _: str) -> None:
        """Create it in its own namespace, which may be another one than that of the EtcdBackup."""
        kind, metadata = _CREATED[action.kind], action.manifest["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        try:
            answer = await self._api.create(kind, namespace, action.manifest)
        except Conflict:
            if kind is kube.JOBS:
                await self._tasks.jobs.refresh(namespace, name)
            raise
        if kind is kube.JOBS:
            self._tasks.jobs.observe(answer)
        else:
            self._caches.observe(kind.name, answer)

    async def _delete_job(self, action: DeleteJob, namespace: str) -> None:
        with contextlib.suppress(NotFound):
            await self._api.delete(kube.JOBS, namespace, action.name, uid=action.uid)
        await self._tasks.jobs.refresh(namespace, action.name, action.uid)

    async def _annotate_cluster(self, action: AnnotateCluster, namespace: str) -> None:
        patch = {"metadata": {**_fence(action), "annotations": action.annotations}}
        answer = await self._api.merge_patch(kube.CLUSTERS, namespace, action.name, patch)
        self._caches.observe(kube.CLUSTERS.name, answer)

    async def _set_finalizers(self, action: SetRestoreFinalizer, namespace: str) -> None:
        """Change the finalizers; what is seen of the EtcdRestore afterwards is up to its watch."""
        patch = {"metadata": {**_fence(action), "finalizers": list(action.finalizers)}}
        with contextlib.suppress(NotFound):
            await self._api.merge_patch(kube.RESTORES, namespace, action.name, patch)


def _fence(action: AnnotateCluster | SetRestoreFinalizer) -> Json:
    return {"uid": action.uid, "resourceVersion": action.resource_version}

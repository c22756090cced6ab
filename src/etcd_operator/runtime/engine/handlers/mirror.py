"""Requests for a mirror: its Job, and the end of its progress."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Awaitable, Callable

from etcd_operator.core.actions import EndMirror, StartMirror, StopMirror
from etcd_operator.core.mirror.progress import PROGRESS_KEY
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.errors import Conflict, EtcdUnreachable, NotFound
from etcd_operator.runtime.engine.handlers.table import Table
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.etcd.pool import EtcdPool, address_of
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi

FindImage = Callable[[], Awaitable[str]]


class MirrorHandlers:
    """Carries out what is decided about a mirror. Raises KubeError and EtcdError."""

    def __init__(
        self, api: KubeApi, tasks: TaskCaches, etcd: EtcdPool, find_image: FindImage
    ) -> None:
        self._api = api
        self._tasks = tasks
        self._etcd = etcd
        self._find_image = find_image

    @property
    def table(self) -> Table:
        """The handler of each action."""
        return {StartMirror: self._start, StopMirror: self._stop, EndMirror: self._end}

    async def _start(self, action: StartMirror, snapshot: Snapshot) -> None:
        """Create the Job with the image of the operator."""
        manifest, namespace = copy.deepcopy(action.manifest), snapshot.naming.namespace
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        container["image"] = await self._find_image()
        try:
            answer = await self._api.create(kube.JOBS, namespace, manifest)
        except Conflict:
            await self._tasks.jobs.refresh(namespace, action.name)
            raise
        self._tasks.jobs.observe(answer)

    async def _stop(self, action: StopMirror, snapshot: Snapshot) -> None:
        namespace = snapshot.naming.namespace
        with contextlib.suppress(NotFound):
            await self._api.delete(kube.JOBS, namespace, action.name, uid=action.uid)
        await self._tasks.jobs.refresh(namespace, action.name, action.uid)

    async def _end(self, action: EndMirror, snapshot: Snapshot) -> None:
        for seat in snapshot.seats():
            if seat.pod and seat.serves(action.cluster_id):
                client = await self._etcd.client(address_of(seat.pod))
                await client.delete(PROGRESS_KEY)
                return
        raise EtcdUnreachable("no member serves")

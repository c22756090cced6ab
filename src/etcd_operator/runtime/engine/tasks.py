"""Passes over EtcdBackups and EtcdRestores: gather, decide, act, report, as over clusters.

Nothing here reads a Secret or talks to a store: that is what the Jobs are for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog

from etcd_operator.api.backup import EtcdBackup, EtcdBackupStatus, TaskPhase
from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.restore import EtcdRestore, EtcdRestoreStatus
from etcd_operator.core.lifecycle.serving_operator import is_served_by_another
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.core.model.template import read_image
from etcd_operator.core.tasks.actions import TaskAction
from etcd_operator.core.tasks.backup import backup_planner
from etcd_operator.core.tasks.backup.outcome import BackupView
from etcd_operator.core.tasks.decision import TaskDecision, TaskEvent, refuse
from etcd_operator.core.tasks.jobs.status import Task, TaskPod, find_pod
from etcd_operator.core.tasks.restore import restore_planner
from etcd_operator.core.tasks.restore.source import RestoreView
from etcd_operator.errors import Forbidden, Invalid, KubeError
from etcd_operator.runtime.engine.action_report import ActionReporter
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.controller import Requeue
from etcd_operator.runtime.engine.handlers.tasks import TaskActionHandlers
from etcd_operator.runtime.engine.image_catalogs import ImageCatalogs
from etcd_operator.runtime.engine.status_writer import StatusWriter
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.engine.warnings import WarningReader
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import Kind, KubeApi
from etcd_operator.runtime.kubernetes.events import EventRecorder, Regarding
from etcd_operator.runtime.kubernetes.watch_cache import Cache
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.metrics import Metrics
from etcd_operator.runtime.process.task_series import measure_backup, measure_restore

log = structlog.get_logger("tasks")

# Nothing is looked at less often than this, in seconds.
STEADY: Final = 300.0
# How long a Job may take to begin before its Events are read.
PATIENCE: Final = timedelta(seconds=3)


class _Passes:
    """Passes over EtcdBackups and EtcdRestores: act, record Events, write the status."""

    kind: Kind

    def __init__(
        self,
        api: KubeApi,
        caches: Caches,
        tasks: TaskCaches,
        events: EventRecorder,
        metrics: Metrics,
        clock: Clock,
        image: str,
        own_namespace: str = "",
    ) -> None:
        self._api = api
        self._caches = caches
        self._tasks = tasks
        self._events = events
        self._metrics = metrics
        self._reporter = ActionReporter(events, metrics)
        self._clock = clock
        self._image = image
        self._own_namespace = own_namespace
        self._performer = TaskActionHandlers(api, caches, tasks)
        self._reader = WarningReader(api, clock)
        self._catalogs = ImageCatalogs(api, clock)

    async def _carry_out(
        self, cache: Cache[Any], item: Any, decision: TaskDecision[Any]
    ) -> Requeue:
        """Act on a decision, and write and tell what came of it; raises KubeError."""
        regarding = self._regarding(item)
        refused = await self._act(decision.actions, regarding)
        status = self._refuse(item, refused) if refused else decision.status
        if not await StatusWriter(self._api, cache, self._events).write(item, status):
            return Requeue(1.0)
        self._tell(decision.events, regarding)
        self._show(item, status)
        self._note(item, status)
        if refused:
            return Requeue(failure=True)
        after = decision.requeue_after
        return Requeue(STEADY if after is None else min(after, STEADY))

    def _note(self, item: Any, status: Any) -> None:
        """Log what was decided, where it is another decision than the one reported before."""
        before, phase = item.status, status.phase
        if (before.phase, before.message) != (phase, status.message):
            about = self.kind.name.removeprefix("Etcd").lower()  # backup or restore
            log.info(
                "decision",
                **{about: f"{item.namespace}/{item.name}"},
                reason=status.conditions[0].reason if status.conditions else "",
                phase=phase.value if phase else "",
                message=status.message,
            )

    def _show(self, item: Any, status: Any) -> None:
        """Show in metrics what a written status says."""

    async def _act(self, actions: tuple[TaskAction, ...], regarding: Regarding) -> str | None:
        """Carry out the actions; returns what Kubernetes has against one, if only users can help.

        Raises KubeError for what may pass.
        """
        for action in actions:
            try:
                await self._performer.perform(action, regarding.namespace)
            except (Invalid, Forbidden) as error:
                self._reporter.count(action, "failed")
                return f"Kubernetes refuses the next step: {error}"
            except KubeError:
                self._reporter.count(action, "failed")
                raise
            self._reporter.count(action, "done")
            if action.event:
                self._reporter.tell(action.event, regarding)
        return None

    async def _read_warnings(
        self, namespace: str, uid: str, tasks: tuple[Task, ...], pods: tuple[TaskPod, ...]
    ) -> dict[str, PodProblem]:
        """Return what Events say about Jobs whose Pod is missing or has not begun, by uid.

        `uid` is that of their owner. A Job is given a moment to begin before anybody asks.
        """
        found: dict[str, PodProblem] = {}
        for task in tasks:
            if task.owner_uid != uid or task.state != "running" or task.deleting:
                continue
            pod = find_pod(task, pods)
            young = task.created and (self._clock.now() - task.created) < PATIENCE
            if young or (pod is not None and not pod.idle):
                continue
            about = pod.uid if pod else task.uid
            if warning := await self._reader.find(namespace, about):
                found[about] = warning
        return found

    def _tell(self, told: tuple[TaskEvent, ...], regarding: Regarding) -> None:
        for event in told:
            self._events.record(
                regarding,
                event.kind,
                event.reason.name,
                event.message,
                always=event.kind == "Normal",
            )

    def _refuse(self, item: Any, why: str) -> Any:
        """The status when an action was refused: as before, since the action did not happen."""
        now, known = self._clock.now(), item.status.conditions
        begun = item.status.phase is TaskPhase.RUNNING
        update = {
            "phase": TaskPhase.RUNNING if begun else TaskPhase.PENDING,
            "message": why,
            "conditions": refuse(known, why, now, item.generation),
            "observed_generation": item.generation,
        }
        return item.status.model_copy(update=update)

    def _regarding(self, item: Any) -> Regarding:
        return Regarding(item.namespace, item.name, item.uid, self.kind.name)


class BackupReconciler(_Passes):
    """Makes passes over EtcdBackups."""

    kind = kube.BACKUPS

    async def reconcile(self, namespace: str, name: str) -> Requeue:
        """Make one pass; raises KubeError."""
        backup = self._tasks.backups.get(namespace, name)
        if backup is None or backup.deleting:
            self._metrics.backups.forget((namespace, name))
            return Requeue(STEADY)
        view = await self._look(backup)
        if is_served_by_another(view.cluster, self._own_namespace):
            self._metrics.backups.forget((namespace, name))
            return Requeue(STEADY)
        return await self._carry_out(self._tasks.backups, backup, backup_planner.decide(view))

    def _show(self, item: EtcdBackup, status: EtcdBackupStatus) -> None:
        self._metrics.backups.show((item.namespace, item.name), measure_backup(item, status))

    async def _look(self, backup: EtcdBackup) -> BackupView:
        namespace, name = backup.namespace, backup.name
        tasks = self._tasks.tasks_of(self.kind.name, namespace, name)
        pods = self._tasks.pods_of(self.kind.name, namespace, name)
        return BackupView(
            backup=backup,
            cluster=await self._find_cluster(*backup.cluster_key),
            tasks=tasks,
            pods=pods,
            now=self._clock.now(),
            zone=find_zone(backup.spec.time_zone if backup.spec else ""),
            image=self._image,
            warnings=await self._read_warnings(namespace, backup.uid, tasks, pods),
        )

    async def _find_cluster(self, namespace: str, name: str) -> EtcdCluster | None:
        cluster = self._caches.clusters.get(namespace, name)
        live = self._caches.children["StatefulSet"].get(namespace, name)
        running = read_image(live.body if live else {})
        return await self._catalogs.with_image(cluster, running)


class RestoreReconciler(_Passes):
    """Makes passes over EtcdRestores."""

    kind = kube.RESTORES

    def __init__(self, *parts: Any, domain: str) -> None:
        super().__init__(*parts)
        self._domain = domain

    async def reconcile(self, namespace: str, name: str) -> Requeue:
        """Make one pass; raises KubeError."""
        restore = self._tasks.restores.get(namespace, name)
        if restore is None or (restore.deleting and FINALIZER not in restore.finalizers):
            self._metrics.restores.forget((namespace, name))
            return Requeue(STEADY)
        view = await self._look(restore)
        if is_served_by_another(view.target or view.original, self._own_namespace):
            self._metrics.restores.forget((namespace, name))
            return Requeue(STEADY)
        return await self._carry_out(self._tasks.restores, restore, restore_planner.decide(view))

    def _show(self, item: EtcdRestore, status: EtcdRestoreStatus) -> None:
        self._metrics.restores.show((item.namespace, item.name), measure_restore(item, status))

    async def _look(self, restore: EtcdRestore) -> RestoreView:
        namespace, name = restore.namespace, restore.name
        spec = restore.spec
        backup_name = spec.backup_name if spec else ""
        backup_namespace = (spec.backup_namespace if spec else "") or namespace
        target_name = spec.cluster_name if spec else ""
        target = self._caches.clusters.get(namespace, target_name)
        backup = self._tasks.backups.get(backup_namespace, backup_name)
        tasks = self._tasks.tasks_of(self.kind.name, namespace, name)
        pods = self._tasks.pods_of(self.kind.name, namespace, name)
        return RestoreView(
            restore=restore,
            backup=backup,
            original=self._caches.clusters.get(*backup.cluster_key) if backup else None,
            target=await self._catalogs.with_image(target),
            claims=tuple(self._caches.claims.in_cluster(namespace, target_name)),
            tasks=tasks,
            pods=pods,
            warnings=await self._read_warnings(namespace, restore.uid, tasks, pods),
            now=self._clock.now(),
            domain=self._domain,
            image=self._image,
        )


def find_zone(name: str) -> ZoneInfo | None:
    """Return a time zone by name, UTC for none; None if nobody knows it."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None

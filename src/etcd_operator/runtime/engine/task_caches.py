"""The caches of backups and restores, their Jobs and the Pods of those.

The Jobs and Pods are selected by a label of their own: the watches of the members never see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from etcd_operator.api.backup import EtcdBackup, TaskPhase
from etcd_operator.api.cluster import EtcdCluster
from etcd_operator.api.parse import parse_time
from etcd_operator.api.parse_backup import parse_backup, parse_restore
from etcd_operator.api.restore import EtcdRestore
from etcd_operator.core.mirror.state import MirrorJob
from etcd_operator.core.model.naming import LABEL_TASK
from etcd_operator.core.reasons import condition_types
from etcd_operator.core.required_backup.requirement import ANNOTATION_BEFORE
from etcd_operator.core.required_backup.state import BackupState
from etcd_operator.core.tasks.consent import may_back_up
from etcd_operator.core.tasks.jobs.status import (
    Task,
    TaskPod,
    find_pod,
    observe_task,
    observe_task_pod,
    owner_of,
)
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.task_index import ClusterIndex
from etcd_operator.runtime.kubernetes import api as kube
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.kubernetes.watch_cache import Cache, CacheGroup, Key, own_name

Listener = Callable[[str, str], None]

KINDS: Final = (kube.BACKUPS, kube.RESTORES)


class TaskCaches(CacheGroup):
    """Everything about backups and restores."""

    def __init__(self, api: KubeApi, namespaces: tuple[str, ...] = ()) -> None:
        self.backups: Cache[EtcdBackup] = Cache(
            api, kube.BACKUPS, parse_backup, own_name, namespaces=namespaces
        )
        self.restores: Cache[EtcdRestore] = Cache(
            api, kube.RESTORES, parse_restore, own_name, namespaces=namespaces
        )
        self._backups_by_cluster = ClusterIndex(self.backups)
        self._restores_by_cluster = ClusterIndex(self.restores)
        self.jobs: Cache[Task] = Cache(
            api,
            kube.JOBS,
            observe_task,
            owner_of,
            namespaces=namespaces,
            label_selector=LABEL_TASK,
        )
        self.pods: Cache[TaskPod] = Cache(
            api,
            kube.PODS,
            observe_task_pod,
            owner_of,
            namespaces=namespaces,
            label_selector=LABEL_TASK,
        )

    def __iter__(self) -> Iterator[Cache[Any]]:
        yield from (self.backups, self.restores, self.jobs, self.pods)

    def tasks_of(self, kind: str, namespace: str, name: str) -> tuple[Task, ...]:
        """The Jobs of one EtcdBackup or EtcdRestore, of this life or an earlier one."""
        return tuple(self.jobs.in_cluster(namespace, f"{kind}/{name}"))

    def pods_of(self, kind: str, namespace: str, name: str) -> tuple[TaskPod, ...]:
        """The Pods of those."""
        return tuple(self.pods.in_cluster(namespace, f"{kind}/{name}"))

    def subscribe_to_jobs(self, kind: str, listener: Listener) -> None:
        """Call `listener(namespace, name)` when a Job of such an object, or its Pod, changes."""

        def note(namespace: str, owner: str) -> None:
            owner_kind, _, name = owner.partition("/")
            if owner_kind == kind:
                listener(namespace, name)

        self.jobs.subscribe(note)
        self.pods.subscribe(note)

    def tasks_about(self, kind: str, namespace: str, cluster: str) -> list[Key]:
        """Namespaces and names of the EtcdBackups, or EtcdRestores, of one EtcdCluster."""
        backups = kind == kube.BACKUPS.name
        index = self._backups_by_cluster if backups else self._restores_by_cluster
        return index.find_keys((namespace, cluster))

    def mirror_jobs_of(self, cluster: EtcdCluster) -> tuple[MirrorJob, ...]:
        """The Jobs that mirror another etcd cluster into this one, by name."""
        place = (kube.CLUSTERS.name, cluster.namespace, cluster.name)
        pods = self.pods_of(*place)
        found = [
            _observe_mirror_job(task, find_pod(task, pods))
            for task in self.tasks_of(*place)
            if task.owner_uid == cluster.uid
        ]
        return tuple(sorted(found, key=lambda job: job.name))

    def backups_of(self, cluster: EtcdCluster) -> tuple[BackupState, ...]:
        """How the EtcdBackups of one EtcdCluster stand, by name: those that it allows.

        What one of another namespace says was taken before an upgrade or a deletion proves nothing.
        """
        namespace, name = cluster.namespace, cluster.name
        found = [
            BackupState(
                name=backup.name,
                last=parse_time(backup.status.completion_time),
                due=parse_time(backup.status.next_schedule_time),
                failures=backup.status.consecutive_failures,
                message=backup.status.message,
                failure=_find_failure(backup),
                namespace=backup.namespace,
                phase=backup.status.phase,
                created=backup.created,
                mark=backup.annotations.get(ANNOTATION_BEFORE, "")
                if backup.namespace == namespace
                else "",
                verified=_is_verified_backup(backup),
                spec=backup.spec,
                last_verified=parse_time(backup.status.completion_time)
                if _is_verified(backup)
                else None,
            )
            for backup in self._backups_by_cluster.find((namespace, name))
            if may_back_up(cluster, backup.namespace)
        ]
        return tuple(sorted(found, key=lambda backup: backup.name))


@dataclass(frozen=True, slots=True)
class WatchedClusters:
    """EtcdClusters, and all that a pass over one looks at."""

    tasks: TaskCaches
    clusters: Caches

    @property
    def roots(self) -> Cache[EtcdCluster]:
        """What passes are made over."""
        return self.clusters.clusters

    def subscribe(self, listener: Listener) -> None:
        """Tell of EtcdClusters, their objects, and the EtcdBackups that are about them."""
        self.clusters.subscribe(listener)

        def note(namespace: str, name: str) -> None:
            backup = self.tasks.backups.get(namespace, name)
            cluster = self.clusters.clusters.get(*backup.cluster_key) if backup else None
            if cluster and may_back_up(cluster, namespace):
                listener(cluster.namespace, cluster.name)

        self.tasks.backups.subscribe(note)
        self.tasks.subscribe_to_jobs(kube.CLUSTERS.name, listener)


@dataclass(frozen=True, slots=True)
class WatchedTasks:
    """EtcdBackups or EtcdRestores, and all that a pass over one looks at."""

    roots: Cache[EtcdBackup] | Cache[EtcdRestore]
    tasks: TaskCaches
    clusters: Caches

    def subscribe(self, listener: Listener) -> None:
        """Tell of them, their Jobs, and the EtcdClusters that they are about."""
        self.roots.subscribe(listener)
        self.tasks.subscribe_to_jobs(self.roots.kind.name, listener)

        def note(namespace: str, cluster: str) -> None:
            for key in self.tasks.tasks_about(self.roots.kind.name, namespace, cluster):
                listener(*key)

        self.clusters.clusters.subscribe(note)


def _observe_mirror_job(task: Task, pod: TaskPod | None) -> MirrorJob:
    problem = pod.problem if pod else None
    said = f"{problem.reason}: {problem.message}" if problem else ""
    return MirrorJob(
        name=task.name,
        uid=task.uid,
        state=task.state,
        deleting=task.deleting,
        finished=task.finished,
        failure=pod.failure if pod else "",
        problem=said,
    )


def _is_verified_backup(backup: EtcdBackup) -> bool:
    """Whether what it was made for is complete and verified."""
    return backup.status.phase is TaskPhase.COMPLETED and _is_verified(backup)


def _find_failure(backup: EtcdBackup) -> str:
    """Why the last one that ended failed, whether or not another one runs by now."""
    if not backup.status.consecutive_failures:
        return ""
    completed = (c for c in backup.status.conditions if c.type == condition_types.COMPLETED)
    return next((c.message for c in completed if c.status == "False"), "")


def _is_verified(backup: EtcdBackup) -> bool:
    """Whether the last one that was complete was verified; a next one may run or have failed."""
    return any(
        c.type == condition_types.VERIFIED and c.status == "True" for c in backup.status.conditions
    )

"""One replica of the operator, put together: the only place that knows all the parts."""

from __future__ import annotations

import asyncio

from etcd_operator.core.sharding.shards import find_shard
from etcd_operator.runtime.engine.controller import Controller, Sharding
from etcd_operator.runtime.engine.corrections import Corrections
from etcd_operator.runtime.engine.execute import Executor
from etcd_operator.runtime.engine.following import Following
from etcd_operator.runtime.engine.gather import Gatherer
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.engine.pass_recorder import PassRecorder
from etcd_operator.runtime.engine.reconciler import Reconciler
from etcd_operator.runtime.engine.serving_operators import ServingOperators
from etcd_operator.runtime.engine.shards import ShardElections
from etcd_operator.runtime.engine.task_caches import WatchedClusters, WatchedTasks
from etcd_operator.runtime.engine.tasks import BackupReconciler, RestoreReconciler
from etcd_operator.runtime.engine.upgrade_turns import Turns
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.events import EventRecorder
from etcd_operator.runtime.kubernetes.watch_cache import Key
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.clock import Clock
from etcd_operator.runtime.process.health import HealthServer
from etcd_operator.runtime.process.metrics import Metrics
from etcd_operator.runtime.process.own_image import find_own_image
from etcd_operator.runtime.process.recordings import RecordingServer
from etcd_operator.settings import Settings

# Backups and restores wait for Jobs, and hold a worker only for a look.
TASK_WORKERS = 4

# What is read of Secrets and of etcd's users, for all clusters.
Stores = tuple[CertificateSecrets, AuthCache, PasswordSecrets, ConnectionSecrets]


class Operator:
    """One replica: health from the start, and passes over the shards that it holds."""

    def __init__(self, settings: Settings, following: Following, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = Metrics()
        self._following = following
        following.requests.count_by(self._metrics.count_request)
        self._api, self._caches, self._tasks = following.api, following.caches, following.tasks
        self._etcd = EtcdPool()
        self._events = EventRecorder(self._api, clock)
        self._health = HealthServer(settings.port, clock, self._why_not_ready, self._metrics.expose)
        self._recorder = PassRecorder()
        self._recordings = RecordingServer(settings.recording_port, self._recorder.read)
        self._elections = ShardElections(
            following.lease_api, clock, settings.own_namespace, settings.identity, settings.shards
        )
        self._held: set[int] = set()
        self._metrics.show_shards(settings.shards)
        self._controller = self._build_cluster_controller()

    def _build_cluster_controller(self) -> Controller:
        settings, clock = self._settings, self._clock
        stores: Stores = (
            CertificateSecrets(self._api, clock),
            AuthCache(clock),
            PasswordSecrets(self._api, clock),
            ConnectionSecrets(self._api, clock),
        )
        corrections = Corrections(clock)
        performer = ActionHandlers(
            self._api, self._caches, self._etcd, *stores, self._tasks, self._find_image
        )
        reconciler = Reconciler(
            self._api,
            self._caches,
            self._build_gatherer(stores),
            Executor(self._api, self._caches, performer, self._events, self._metrics, corrections),
            self._events,
            self._metrics,
            corrections,
            ServingOperators(self._api, self._caches, self._events, clock, settings.own_namespace),
            Turns(self._caches, clock, settings.upgrade_rolls),
            self._recorder,
        )
        return Controller(
            reconciler.reconcile,
            WatchedClusters(self._tasks, self._caches),
            self._metrics,
            clock,
            settings.workers,
            Sharding(settings.shards, lambda one: self._find_shard((one.namespace, one.name))),
        )

    def _build_gatherer(self, stores: Stores) -> Gatherer:
        settings, tasks = self._settings, self._tasks
        return Gatherer(
            self._api,
            self._caches,
            self._etcd,
            self._clock,
            settings.domain,
            *stores,
            tasks.backups_of,
            settings.own_namespace,
            tasks.mirror_jobs_of,
        )

    async def run(self) -> None:
        """Run until cancelled; Leases are given back on the way out."""
        try:
            async with asyncio.TaskGroup() as group:
                for part in (self._events, self._health, self._recordings):
                    group.create_task(part.run())
                group.create_task(self._lead())
        finally:
            await self._etcd.close()

    async def _lead(self) -> None:
        await self._following.wait_until_listed()
        controllers = [self._controller, *self._build_task_controllers(await self._find_image())]
        async with asyncio.TaskGroup() as group:
            for controller in controllers:
                group.create_task(controller.run())
            await self._elections.run(lambda shard: self._work(controllers, shard))

    async def _find_image(self) -> str:
        own = self._settings
        return own.image or await find_own_image(self._api, own.own_namespace, own.identity)

    def _build_task_controllers(self, image: str) -> list[Controller]:
        parts = (self._api, self._caches, self._tasks, self._events, self._metrics, self._clock)
        own = self._settings.own_namespace
        # What is about a cluster goes with it.
        sharding = Sharding(self._settings.shards, lambda task: self._find_shard(task.cluster_key))
        backups = BackupReconciler(*parts, image, own)
        restores = RestoreReconciler(*parts, image, own, domain=self._settings.domain)
        return [
            Controller(
                backups.reconcile,
                WatchedTasks(self._tasks.backups, self._tasks, self._caches),
                self._metrics,
                self._clock,
                TASK_WORKERS,
                sharding,
            ),
            Controller(
                restores.reconcile,
                WatchedTasks(self._tasks.restores, self._tasks, self._caches),
                self._metrics,
                self._clock,
                TASK_WORKERS,
                sharding,
            ),
        ]

    async def _work(self, controllers: list[Controller], shard: int) -> None:
        self._show_held(self._held | {shard})
        try:
            async with asyncio.TaskGroup() as group:
                for controller in controllers:
                    group.create_task(controller.hold(shard))
        finally:
            self._show_held(self._held - {shard})

    def _show_held(self, held: set[int]) -> None:
        self._held = held
        self._metrics.show_shards(self._settings.shards, held)

    def _find_shard(self, cluster: Key) -> int:
        return find_shard(*cluster, self._settings.shards)

    def _why_not_ready(self) -> str | None:
        unsynced = self._following.find_unsynced()
        return f"still listing {', '.join(unsynced)}" if unsynced else None

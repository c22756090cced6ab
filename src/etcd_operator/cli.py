"""The operator process, put together: the only place that knows all the parts."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import signal
from collections.abc import Sequence
from typing import Protocol

import structlog

from etcd_operator.core.sharding.shards import find_shard
from etcd_operator.errors import OperatorError
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.controller import Controller, Sharding
from etcd_operator.runtime.engine.corrections import Corrections
from etcd_operator.runtime.engine.execute import Executor
from etcd_operator.runtime.engine.gather import Gatherer
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.engine.pass_recorder import PassRecorder
from etcd_operator.runtime.engine.reconciler import Reconciler
from etcd_operator.runtime.engine.serving_operators import ServingOperators
from etcd_operator.runtime.engine.shards import ShardElections
from etcd_operator.runtime.engine.task_caches import (
    TaskCaches,
    WatchedClusters,
    WatchedTasks,
)
from etcd_operator.runtime.engine.tasks import BackupReconciler, RestoreReconciler
from etcd_operator.runtime.engine.upgrade_turns import Turns
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.etcd.pool import EtcdPool
from etcd_operator.runtime.kubernetes.client import LightkubeApi
from etcd_operator.runtime.kubernetes.events import EventRecorder
from etcd_operator.runtime.kubernetes.watch_cache import Key
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process import library_logs, logs
from etcd_operator.runtime.process.clock import SystemClock
from etcd_operator.runtime.process.health import HealthServer
from etcd_operator.runtime.process.metrics import Metrics
from etcd_operator.runtime.process.own_image import find_own_image
from etcd_operator.runtime.process.recordings import RecordingServer
from etcd_operator.settings import Settings, read_settings

log = structlog.get_logger("operator")

# When to look for garbage while everything is listed: of what is made there next to nothing is any,
# and to look at all of it again and again took as long as the listing itself.
COLLECT_WHILE_LISTING = (50_000, 50, 50)
# Backups and restores wait for Jobs, and hold a worker only for a look.
TASK_WORKERS = 4


# What is read of Secrets and of etcd's users, for all clusters.
Stores = tuple[CertificateSecrets, AuthCache, PasswordSecrets, ConnectionSecrets]


class Listed(Protocol):
    """Caches that are listed together."""

    async def wait_until_synced(self) -> None:
        """Return when every kind has been listed."""


class Operator:
    """One replica: caches and health from the start, passes over the shards that it holds."""

    def __init__(self, settings: Settings, context: str = "") -> None:
        self._settings = settings
        self._clock = clock = SystemClock()
        self._metrics = Metrics()
        self._api = LightkubeApi.from_environment(self._metrics.count_request, context=context)
        # Renewals of the Lease have a connection of their own: no crowd of passes is before them.
        self._lease_api = LightkubeApi.from_environment(
            self._metrics.count_request, context=context
        )
        self._caches = Caches(
            self._api, settings.namespaces, assign_user_ids=settings.assign_user_ids
        )
        self._tasks = TaskCaches(self._api, settings.namespaces)
        self._etcd = EtcdPool()
        self._events = EventRecorder(self._api, clock)
        self._health = HealthServer(settings.port, clock, self._why_not_ready, self._metrics.expose)
        self._recorder = PassRecorder()
        self._recordings = RecordingServer(settings.recording_port, self._recorder.read)
        self._elections = ShardElections(
            self._lease_api, clock, settings.own_namespace, settings.identity, settings.shards
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
                parts = (self._caches, self._tasks, self._events, self._health, self._recordings)
                for part in parts:
                    group.create_task(part.run())
                group.create_task(self._lead())
        finally:
            await self._etcd.close()
            await self._api.close()
            await self._lease_api.close()

    async def _lead(self) -> None:
        await wait_until_listed(self._caches, self._tasks)
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
        unsynced = [*self._caches.find_unsynced(), *self._tasks.find_unsynced()]
        return f"still listing {', '.join(unsynced)}" if unsynced else None


async def wait_until_listed(*groups: Listed) -> None:
    """Return when every kind has been listed, and keep the collector off what lives for long."""
    usual = gc.get_threshold()
    gc.set_threshold(*COLLECT_WHILE_LISTING)
    try:
        for group in groups:
            await group.wait_until_synced()
    finally:
        gc.set_threshold(*usual)
    gc.collect()
    gc.freeze()


async def run_until_signalled(settings: Settings, context: str = "") -> None:
    """Run the operator until SIGTERM or SIGINT."""
    task = asyncio.ensure_future(Operator(settings, context).run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        log.info("stopped")


def run(words: Sequence[str] = ()) -> int:
    """Run the operator, as the environment sets it up.

    The exit code is 0 after SIGTERM or SIGINT, 1 with a sentence in the log if it cannot run, and 2
    for words that are no option.
    """
    parser = argparse.ArgumentParser(prog="etcd-operator", description="Run the operator.")
    parser.add_argument("--context", default="", help="a context of your kubeconfig")
    options = parser.parse_args(words)
    _start_logging("info")
    try:
        settings = read_settings(os.environ)
        _start_logging(settings.log_level)
        log.info("starting", identity=settings.identity, namespaces=settings.namespaces or "all")
        asyncio.run(run_until_signalled(settings, options.context))
    except* OperatorError as errors:
        # The parts of the operator run in a group, and what one of them raises comes in a group.
        sentences = _name_errors(errors)
    else:
        return 0
    log.error("cannot run", error="; ".join(sentences))
    return 1


def _name_errors(errors: BaseExceptionGroup[OperatorError]) -> list[str]:
    """Texts of all errors in a group, and in the groups in it."""
    texts = []
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            texts += _name_errors(error)
        else:
            texts.append(str(error))
    return texts


def _start_logging(level: str) -> None:
    logs.configure(level)
    library_logs.capture(level)

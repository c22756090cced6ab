"""The operator but its process, on an API server in memory whose faults a test makes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from etcd_operator.json_types import Json
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.controller import Controller
from etcd_operator.runtime.engine.corrections import Corrections
from etcd_operator.runtime.engine.execute import Executor
from etcd_operator.runtime.engine.gather import Gatherer
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.engine.pass_recorder import PassRecorder
from etcd_operator.runtime.engine.reconciler import Reconciler
from etcd_operator.runtime.engine.serving_operators import ServingOperators
from etcd_operator.runtime.engine.task_caches import TaskCaches
from etcd_operator.runtime.engine.upgrade_turns import Turns
from etcd_operator.runtime.etcd.auth_cache import AuthCache
from etcd_operator.runtime.kubernetes.events import EventRecorder
from etcd_operator.runtime.pki.connections import ConnectionSecrets
from etcd_operator.runtime.pki.passwords import PasswordSecrets
from etcd_operator.runtime.pki.secrets import CertificateSecrets
from etcd_operator.runtime.process.metrics import Metrics
from tests.builders.snapshots import NAMING, raw_cluster
from tests.fakes.clock import LoopClock
from tests.fakes.etcd import FakeEtcd
from tests.fakes.kubernetes import ApiServer, InMemoryApi, Request

OBJECTS = {
    ("ConfigMap", "db-config"),
    ("PodDisruptionBudget", "db"),
    ("Service", "db-client"),
    ("Service", "db-peer"),
    ("StatefulSet", "db"),
}


async def find_image() -> str:
    """The operator's image."""
    return "etcd-operator:dev"


class OperatorInMemory:
    """The operator on an API server whose faults the test makes."""

    def __init__(self, members: int = 0) -> None:
        self.server = ApiServer()
        self.members = FakeEtcd(members)
        api, clock, metrics = InMemoryApi(self.server), LoopClock(), Metrics()
        pool = self.members.pool
        self.caches = Caches(api)
        self.events = EventRecorder(api, clock)
        stores = (
            CertificateSecrets(api, clock),
            AuthCache(clock),
            PasswordSecrets(api, clock),
            ConnectionSecrets(api, clock),
        )
        gatherer = Gatherer(api, self.caches, pool, clock, "cluster.local", *stores)
        performer = ActionHandlers(api, self.caches, pool, *stores, TaskCaches(api), find_image)
        corrections = Corrections(clock)
        executor = Executor(api, self.caches, performer, self.events, metrics, corrections)
        operators = ServingOperators(api, self.caches, self.events, clock, "etcd-operator-system")
        self.recorder = PassRecorder()
        self.reconciler = Reconciler(
            api,
            self.caches,
            gatherer,
            executor,
            self.events,
            metrics,
            corrections,
            operators,
            Turns(self.caches, clock, 2),
            self.recorder,
        )
        self.controller = Controller(
            self.reconciler.reconcile, self.caches, metrics, clock, workers=4
        )

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Run the operator while inside."""
        parts = [self.caches.run(), self.events.run(), self.controller.run()]
        tasks = [asyncio.create_task(part) for part in (*parts, self.controller.hold(0))]
        await self.caches.wait_until_synced()
        await asyncio.sleep(1)  # every watch is open
        try:
            yield
            assert not [task for task in tasks if task.done()], "nothing may end it"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def write(self, kind: str, body: Json) -> None:
        """Somebody else creates or changes an object."""
        key = (kind, NAMING.namespace, body["metadata"]["name"])
        self.server.store("MODIFIED" if key in self.server.objects else "ADDED", key, body)

    def ask_for(self, size: int) -> None:
        """The user creates the EtcdCluster or changes its size."""
        live = self.server.objects.get(("EtcdCluster", NAMING.namespace, NAMING.name))
        fresh = raw_cluster({"size": size}, finalizers=[])
        self.write("EtcdCluster", {**live, "spec": fresh["spec"]} if live else fresh)

    def start_pods(self, *ordinals: int) -> None:
        """The StatefulSet's Pods run, each with its disk, and are Ready."""
        for ordinal in ordinals:
            self.write("Pod", pod_of(ordinal))
            self.write("PersistentVolumeClaim", claim_of(ordinal))

    def stop_pods(self, *ordinals: int) -> None:
        """These Pods end."""
        for ordinal in ordinals:
            key = ("Pod", NAMING.namespace, NAMING.member(ordinal))
            self.server.store("DELETED", key, self.server.objects[key])

    def names(self) -> set[tuple[str, str]]:
        """Kind and name of all objects that the operator renders."""
        keys = self.server.objects
        return {(kind, name) for kind, _, name in keys if (kind, name) in OBJECTS}

    def effects(self, *verbs: str) -> Counter[tuple[str, str]]:
        """What took effect, by kind and name, but for events."""
        done = [r for r in self.server.effects if r.verb in verbs and r.kind != "Event"]
        return Counter((r.kind, r.name) for r in done)

    def replicas(self) -> int:
        """How many Pods the StatefulSet runs."""
        (live,) = self.server.find("StatefulSet")
        return int(live["spec"]["replicas"])

    def since(self, begun: float, *, writes: bool) -> list[Request]:
        """The requests since a moment."""
        return [r for r in self.server.requests if r.at >= begun and r.writes is writes]


def _labels() -> Json:
    return {**NAMING.labels(), "etcd.etcd.io/role": "voter"}


def pod_of(ordinal: int) -> Json:
    """A member's Pod that runs and is Ready."""
    name = NAMING.member(ordinal)
    return {
        "metadata": {"name": name, "namespace": NAMING.namespace, "labels": _labels()},
        "spec": {"nodeName": "n"},
        "status": {
            "phase": "Running",
            "podIP": f"10.0.0.{ordinal + 1}",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "etcd", "state": {"running": {}}}],
        },
    }


def claim_of(ordinal: int) -> Json:
    """A member's disk, bound."""
    name = NAMING.claim(ordinal)
    return {
        "metadata": {"name": name, "namespace": NAMING.namespace, "labels": _labels()},
        "status": {"phase": "Bound"},
    }

"""A Reconciler with everything around it played by stand-ins, and the scenes it is put into."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

import pytest

from etcd_operator.api.cluster import EtcdCluster, EtcdClusterStatus, Phase
from etcd_operator.core.actions import Action, ApplyObject
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import Plan, plan
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.status.report import report
from etcd_operator.errors import OperatorError
from etcd_operator.json_types import Json
from etcd_operator.runtime.engine import reconciler as reconciler_module
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.controller import Requeue
from etcd_operator.runtime.engine.corrections import Corrections
from etcd_operator.runtime.engine.execute import Executor
from etcd_operator.runtime.engine.gather import Gatherer
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.engine.reconciler import Reconciler
from etcd_operator.runtime.engine.serving_operators import ServingOperators
from etcd_operator.runtime.engine.upgrade_turns import Turns
from etcd_operator.runtime.kubernetes.api import CLUSTERS
from etcd_operator.runtime.kubernetes.events import EventRecorder, Regarding
from etcd_operator.runtime.process.metrics import Metrics
from tests.builders.snapshots import (
    NAMING,
    NOW,
    UID,
    change_pod,
    formed,
    raw_cluster,
    with_cluster,
    with_learner,
    with_spec,
)
from tests.fakes.kubernetes import InMemoryApi

Told = tuple[str, str, str]  # type, reason, message


class StoppedClock:
    """Stands still until a test moves it on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        """Seconds since the test began."""
        return self.seconds

    def now(self) -> datetime:
        """The time of all scenes, and what the test has added."""
        return NOW + timedelta(seconds=self.seconds)


class ReconcilerHarness:
    """A Reconciler over an API server in memory; what it gathers, and what its actions do, is told.

    `server` has the EtcdCluster alone, whose status the passes write.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.performed: list[Action] = []
        self.tried: list[Action] = []
        self.seen: list[Snapshot] = []
        self.looks: list[str] = []
        self.brief_look: datetime | None = None
        self.errors: dict[type[Action], OperatorError] = {}
        self.answers: dict[str, Json] = {}
        self.told: list[Told] = []
        self.metrics = Metrics()
        self.api = api = InMemoryApi()
        self.server = api.server
        self.server.version = int(snapshot.cluster.resource_version) - 1
        self.caches = Caches(api)
        self.put_cluster()
        self.clock = StoppedClock()
        corrections, events = Corrections(self.clock), cast(EventRecorder, self)
        executor = Executor(
            api, self.caches, cast(ActionHandlers, self), events, self.metrics, corrections
        )
        self.reconciler = Reconciler(
            api,
            self.caches,
            cast(Gatherer, self),
            executor,
            events,
            self.metrics,
            corrections,
            cast(ServingOperators, self),
            Turns(self.caches, self.clock, limit=2),
        )

    def put_cluster(self, uid: str = UID) -> None:
        """The user creates the EtcdCluster, or another one in its place."""
        self.server.objects.pop((CLUSTERS.name, NAMING.namespace, NAMING.name), None)
        raw = raw_cluster({"size": 3}, uid=uid)
        self.caches.observe(
            CLUSTERS.name, self.server.put(CLUSTERS, NAMING.name, raw, NAMING.namespace)
        )

    async def make_pass(self) -> Requeue:
        """One pass over the cluster; the next one sees what has come of its status."""
        try:
            return await self.reconciler.reconcile(NAMING.namespace, NAMING.name)
        finally:
            (live,) = self.server.find(CLUSTERS.name)
            if "status" in live:
                self.snapshot = with_cluster(
                    self.snapshot,
                    status=EtcdClusterStatus.model_validate(live["status"]),
                    resource_version=live["metadata"]["resourceVersion"],
                )

    @property
    def written(self) -> list[Json]:
        """What was sent to become the status."""
        of_cluster = f"patch EtcdCluster {NAMING.name}"
        return [body for request, body in self.server.sent if request == of_cluster]

    async def settle(self, cluster: EtcdCluster) -> EtcdCluster:
        """As the ServingOperators: nobody else is there."""
        return cluster

    async def gather(self, _: EtcdCluster) -> Snapshot:
        """As the Gatherer: what the test set up."""
        self.looks.append("whole")
        return self.snapshot

    async def look_briefly(self, _: EtcdCluster, __: Snapshot) -> datetime | None:
        """As the Gatherer: when all was found as before, if the test says so."""
        self.looks.append("brief")
        return self.brief_look

    async def perform(self, action: Action, snapshot: Snapshot) -> None:
        """As the Performer: nothing changes by it, unless the test says so.

        `answers` are objects that the operator sees after the write of one of their kind.
        """
        error = self.errors.get(type(action))
        if error is not None:
            raise error
        if isinstance(action, ApplyObject) and action.kind in self.answers:
            self.caches.observe(action.kind, self.answers[action.kind])
        self.performed.append(action)
        self.seen.append(snapshot)

    def record(
        self, regarding: Regarding, kind: str, reason: str, message: str, *, always: bool = False
    ) -> None:
        """As the EventRecorder; `always` is how an effect is told from a state."""
        assert regarding == Regarding(NAMING.namespace, NAMING.name, UID)
        self.told.append((f"{kind}!" if always else kind, reason, message))

    def counted(self) -> dict[tuple[str, str], float]:
        """How many actions there were, by kind and result."""
        (family,) = self.metrics.actions.collect()
        return {
            (s.labels["action"], s.labels["result"]): s.value
            for s in family.samples
            if s.name.endswith("_total")
        }

    def shown(self) -> dict[str, str]:
        """The reason of each condition as it was last written."""
        return {c["type"]: c["reason"] for c in self.written[-1]["status"]["conditions"]}


def shrinking() -> Snapshot:
    """Five members of which two are to leave."""
    return with_spec(formed(5), size=3)


def promotable() -> Snapshot:
    """A learner that serves and waits for its vote."""
    return with_learner(with_spec(formed(2), size=3), 2, serves=True)


def unlabelled() -> Snapshot:
    """All is well but for one label."""
    return at_rest(change_pod(formed(3), 1, role=""))


def at_rest(snapshot: Snapshot) -> Snapshot:
    """The same with a status that says so already."""
    status = report(snapshot, plan(formed(3)).decision)
    return with_cluster(snapshot, status=status)


def replan(
    monkeypatch: pytest.MonkeyPatch, *actions: Action, requeue_after: float | None = 3.0
) -> None:
    """Let the rules decide this, whatever they see."""
    decision = Decision(
        Reason("Scripted", "As told."), "As told.", Phase.RUNNING, requeue_after=requeue_after
    )
    monkeypatch.setattr(
        reconciler_module, "plan", lambda seen: Plan(actions, decision, "scripted", seen)
    )

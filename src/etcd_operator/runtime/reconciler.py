"""One pass over one cluster: gather, plan, guard, act, report. The file to read first.

    caches ──┐
    etcd ────┴─► Snapshot ─► plan ─► [guard ─► act]* ─► status, events, metrics

A pass holds nothing in memory that the next one needs: whatever happens, the next pass looks at
the world again and goes on from where it stands.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

import structlog

from etcd_operator.api.cluster import Condition, EtcdCluster, EtcdClusterStatus, Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import Action, ApplyObject, SetFinalizer, describe
from etcd_operator.core.conditions import WARNINGS
from etcd_operator.core.decision import Decision
from etcd_operator.core.difference import doubtful_ids
from etcd_operator.core.plan import Plan, plan, predict
from etcd_operator.core.precaution import hold_upgrade
from etcd_operator.core.snapshot import Snapshot
from etcd_operator.core.status import report
from etcd_operator.core.unheard import explain_user
from etcd_operator.errors import (
    Conflict,
    EtcdError,
    EtcdRefused,
    EtcdUnreachable,
    Forbidden,
    Invalid,
    KubeError,
    KubeUnavailable,
    NotFound,
    OperatorError,
    Refusal,
)
from etcd_operator.runtime import kube
from etcd_operator.runtime.act import Performer
from etcd_operator.runtime.caches import Caches
from etcd_operator.runtime.events import EventRecorder, Regarding
from etcd_operator.runtime.gather import Gatherer
from etcd_operator.runtime.kube import KubeApi
from etcd_operator.runtime.metrics import Metrics

log = structlog.get_logger("reconciler")

REMEMBERED = 10_000
# Refusals at the pace that the decision asks for: enough for etcd's own window of five seconds.
# From then on each one adds to the delay, up to so many seconds.
REFUSALS_AT_PACE = 50
LONGEST_REFUSED = 5.0
GATEWAY_TIMEOUT = 504
MOST_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a plan: the actions that took effect, and what stopped the others, if any."""

    done: tuple[Action, ...]
    stopped_at: Action | None = None
    vetoed: str = ""
    error: OperatorError | None = None


@dataclass(frozen=True, slots=True)
class Wake:
    """When to look again: `after` seconds (None: at the steady pace), or after a `failure`."""

    after: float | None = None
    failure: bool = False


@dataclass(frozen=True, slots=True)
class LastPass:
    """What the last pass over a cluster did, and whether its status came too late.

    `refusals` counts how often in a row etcd has refused the same kind of action.
    """

    done: tuple[Action, ...] = ()
    late: bool = False
    refused: str = ""
    refusals: int = 0


class Reconciler:
    """Makes passes. Every dependency is given; nothing here knows of queues or tasks."""

    def __init__(
        self,
        api: KubeApi,
        caches: Caches,
        gatherer: Gatherer,
        performer: Performer,
        events: EventRecorder,
        metrics: Metrics,
    ) -> None:
        self._api = api
        self._caches = caches
        self._gatherer = gatherer
        self._performer = performer
        self._events = events
        self._metrics = metrics
        self._last: OrderedDict[str, LastPass] = OrderedDict()

    async def reconcile(self, namespace: str, name: str) -> Wake:
        """Make one pass over a cluster; raises KubeError if it could not even look."""
        cluster = self._caches.clusters.get(namespace, name)
        if cluster is None:
            self._metrics.forget_cluster(namespace, name)
            return Wake()
        snapshot = hold_upgrade(await self._gatherer.gather(cluster))
        planned = plan(snapshot)
        outcome = await self._act(planned, snapshot)
        log.debug(
            "pass",
            cluster=_id(cluster),
            rule=planned.rule,
            reason=planned.decision.reason,
            done=len(outcome.done),
            stopped=outcome.vetoed or str(outcome.error or ""),
            silent={o: p.error for o, p in snapshot.probes.items() if p.error},
        )
        released = any(isinstance(action, SetFinalizer) for action in outcome.done)
        late = False
        if not released and not _is_judged_too_early(planned, outcome, snapshot):
            late = not await self._report(snapshot, _explain(planned.decision, outcome))
        return self._schedule(cluster, planned, outcome, late=late)

    async def _act(self, planned: Plan, snapshot: Snapshot) -> Outcome:
        """Carry out the plan until something says no; each guard sees what was done before."""
        current = snapshot
        done: list[Action] = []
        for action in planned.actions:
            veto = guards.refuse(action, current)
            if veto is not None:
                self._count(action, "vetoed")
                log.warning(
                    "vetoed", cluster=_id(snapshot.cluster), action=str(action)[:300], why=veto
                )
                return Outcome(tuple(done), action, vetoed=veto)
            try:
                await self._performer.perform(action, current)
            except (KubeError, EtcdError) as error:
                self._count(action, "refused" if isinstance(error, EtcdRefused) else "failed")
                self._tell_unanswered(action, error, snapshot)
                return Outcome(tuple(done), action, error=error)
            self._count(action, "done")
            self._tell(action, snapshot)
            done.append(action)
            current = predict(current, (action,))
        return Outcome(tuple(done))

    def _count(self, action: Action, result: str) -> None:
        self._metrics.actions.labels(type(action).__name__, result).inc()

    def _tell(self, action: Action, snapshot: Snapshot) -> None:
        reason, sentence = describe(action, snapshot.naming.name)
        log.info(sentence, cluster=_id(snapshot.cluster), reason=reason)
        self._events.record(_regarding(snapshot.cluster), "Normal", reason, sentence, always=True)

    def _tell_unanswered(self, action: Action, error: OperatorError, snapshot: Snapshot) -> None:
        """Say what may have taken effect: whether it did, only a later pass can see."""
        if _is_without_answer(error):
            sentence = describe(action, snapshot.naming.name)[1].rstrip(".")
            message = f"There was no answer to this, so it may have happened: {sentence}. ({error})"
            regarding = _regarding(snapshot.cluster)
            self._events.record(regarding, "Warning", "NoAnswer", message[:MOST_CHARACTERS])

    async def _report(self, snapshot: Snapshot, decision: Decision) -> bool:
        """Write the status if it changed; say what blocks or broke, and once what phase it is.

        Returns False if it came too late: the EtcdCluster is not what was looked at any more.
        """
        cluster, regarding = snapshot.cluster, _regarding(snapshot.cluster)
        status = report(snapshot, decision)
        self._metrics.show_cluster(cluster.namespace, cluster.name, cluster.spec.size, status)
        self._metrics.show_comparison(
            cluster.namespace, cluster.name, snapshot.compared, len(doubtful_ids(snapshot))
        )
        bad = decision.blocked or status.phase is Phase.FAILED
        if bad:
            self._events.record(regarding, "Warning", decision.reason, decision.message)
        for condition in status.conditions:
            if _is_warning(condition, snapshot, told=decision.reason if bad else ""):
                self._events.record(regarding, "Warning", condition.reason, condition.message)
        if status == cluster.status:
            return True
        if not await self._write_status(cluster, status):
            return False
        if status.phase is not cluster.status.phase and not bad:
            self._events.record(regarding, "Normal", decision.reason, decision.message, always=True)
        return True

    async def _write_status(self, cluster: EtcdCluster, status: EtcdClusterStatus) -> bool:
        """Return whether it was written onto the very object that was looked at."""
        patch = {
            "metadata": {"uid": cluster.uid, "resourceVersion": cluster.resource_version},
            "status": status.model_dump(mode="json", by_alias=True),
        }
        try:
            answer = await self._api.merge_patch(
                kube.CLUSTERS, cluster.namespace, cluster.name, patch, subresource="status"
            )
        except (Conflict, NotFound):
            return False  # it changed or went meanwhile, and the watch is about to tell
        self._caches.observe(kube.CLUSTERS.name, answer)
        return True

    def _schedule(
        self, cluster: EtcdCluster, planned: Plan, outcome: Outcome, *, late: bool
    ) -> Wake:
        """Go on at once while things move; the same again and again is no movement."""
        before = self._last.get(cluster.uid, LastPass())
        now = self._last[cluster.uid] = _remember(outcome, before, late=late)
        self._last.move_to_end(cluster.uid)
        while len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        repeated = bool(outcome.done) and before.done == outcome.done
        error = outcome.error
        if now.refused:
            return Wake(_slow_down(planned.decision.wake_after, now.refusals))
        if error is not None:
            log.warning("stopped", cluster=_id(cluster), error=str(error)[:300])
            return Wake(_asked_to_wait(error), failure=True)
        if outcome.vetoed or repeated:
            return Wake(planned.decision.wake_after, failure=True)
        if outcome.done:
            return Wake(0.0)
        # Once is usual: the watch tells. Twice, and it does not.
        return Wake(planned.decision.wake_after, failure=late and before.late)


def _is_warning(condition: Condition, snapshot: Snapshot, *, told: str) -> bool:
    """Whether a condition is told as an Event too, beside the reason that is already `told`."""
    if condition.type == "CertificatesValid":
        return condition.status == "False"
    if condition.type == "SpecWarning":
        shown = (c.message for c in snapshot.cluster.status.conditions if c.type == "SpecWarning")
        return condition.message not in shown  # once
    waited_for = {warning.trouble.reason for warning in snapshot.warnings}
    if condition.type == "Degraded" and condition.reason in waited_for:
        return True
    return condition.reason in WARNINGS and condition.reason != told


def _remember(outcome: Outcome, before: LastPass, *, late: bool) -> LastPass:
    if not isinstance(outcome.error, EtcdRefused):
        return LastPass(outcome.done, late)
    refused = type(outcome.stopped_at).__name__
    again = refused == before.refused and not outcome.done
    return LastPass(outcome.done, late, refused, before.refusals + 1 if again else 1)


def _slow_down(wake_after: float | None, refusals: int) -> float | None:
    """The delay after so many refusals in a row: minutes are not spent at ten a second."""
    if wake_after is None or refusals <= REFUSALS_AT_PACE:
        return wake_after
    return max(wake_after, min(wake_after * refusals / REFUSALS_AT_PACE, LONGEST_REFUSED))


def _is_judged_too_early(planned: Plan, outcome: Outcome, snapshot: Snapshot) -> bool:
    """Whether all seems well because Kubernetes has yet to look at a template just written.

    What was reported before stays: that the new spec was observed would look as if it were done.
    """
    if not planned.decision.settled:
        return False
    wrote = any(isinstance(a, ApplyObject) and a.kind == "StatefulSet" for a in outcome.done)
    return wrote or not snapshot.statefulset_observed


def _explain(decision: Decision, outcome: Outcome) -> Decision:
    """The decision, or what Kubernetes or etcd has against it where only the user can help."""
    error = outcome.error
    what = describe(outcome.stopped_at, "the cluster")[1] if outcome.stopped_at else ""
    if isinstance(error, EtcdRefused) and error.refusal is Refusal.AUTHENTICATION:
        return replace(
            decision,
            reason="AuthenticationRequired",
            message=f"etcd refuses the next step ({what.rstrip('.')}). {explain_user(str(error))}",
            settled=False,
            blocked=True,
        )
    if isinstance(error, EtcdRefused) and error.refusal is Refusal.OTHER:
        return replace(
            decision,
            reason="RefusedByEtcd",
            message=f"etcd refuses the next step ({what.rstrip('.')}): {error}",
            settled=False,
        )
    if not isinstance(error, Invalid | Forbidden):
        return decision
    return replace(
        decision,
        reason="RefusedByKubernetes",
        message=f"Kubernetes refuses the next step ({what.rstrip('.')}): {error}",
        settled=False,
        blocked=True,
    )


def _asked_to_wait(error: OperatorError) -> float | None:
    return error.retry_after if isinstance(error, KubeUnavailable) else None


def _is_without_answer(error: OperatorError) -> bool:
    """Whether nobody knows what came of a request: an answer of the API server is one."""
    if isinstance(error, KubeUnavailable):
        return error.status in (0, GATEWAY_TIMEOUT)
    return isinstance(error, EtcdUnreachable)


def _regarding(cluster: EtcdCluster) -> Regarding:
    return Regarding(cluster.namespace, cluster.name, cluster.uid)


def _id(cluster: EtcdCluster) -> str:
    return f"{cluster.namespace}/{cluster.name}"

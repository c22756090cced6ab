"""One pass over one cluster: gather, plan, guard, act, report. The file to read first.

    caches ──┐
    etcd ────┴─► Snapshot ─► plan ─► [guard ─► act]* ─► status, events, metrics

A pass holds nothing in memory that the next one needs: whatever happens, the next pass looks at
the world again and goes on from where it stands. What it holds of a cluster at rest only saves
planning the same again: a pass that sees nothing changed ends when it has gathered, or before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from etcd_operator.api.cluster import Condition, EtcdCluster, Phase
from etcd_operator.core.actions import Action, ApplyObject, EvictPod, SetFinalizer
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.objects.operator_upgrade import is_upgrade
from etcd_operator.core.plan.planner import Plan, plan
from etcd_operator.core.plan.unchanged import is_at_rest, is_unchanged
from etcd_operator.core.reasons import attention, condition_types
from etcd_operator.core.status.conditions import WARNINGS
from etcd_operator.core.status.report import report
from etcd_operator.errors import (
    Conflict,
    EtcdRefused,
    EvictionRefused,
    KubeUnavailable,
    NotFound,
    find_retry_after,
)
from etcd_operator.runtime.engine.caches import Caches
from etcd_operator.runtime.engine.controller import Requeue
from etcd_operator.runtime.engine.corrections import Corrections
from etcd_operator.runtime.engine.decision_log import DecisionLog
from etcd_operator.runtime.engine.execute import Executor, Outcome
from etcd_operator.runtime.engine.gather import Gatherer
from etcd_operator.runtime.engine.pass_recorder import PassRecorder
from etcd_operator.runtime.engine.refusals import (
    explain_eviction,
    explain_refusal,
    explain_silence,
)
from etcd_operator.runtime.engine.serving_operators import ServingOperators
from etcd_operator.runtime.engine.status_writer import StatusWriter
from etcd_operator.runtime.engine.upgrade_turns import Turns
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.kubernetes.events import EventRecorder, Regarding
from etcd_operator.runtime.kubernetes.watch_cache import Key
from etcd_operator.runtime.process.cluster_series import measure
from etcd_operator.runtime.process.latest import Latest
from etcd_operator.runtime.process.metrics import Metrics

log = structlog.get_logger("reconciler")

REMEMBERED = 10_000
# Refusals at the pace that the decision asks for: enough for etcd's own window of five seconds.
# From then on each one adds to the delay, up to so many seconds.
REFUSALS_AT_PACE = 50
LONGEST_REFUSED = 5.0
# A budget counts a Pod that has become Ready a moment later: only what lasts is said.
TOLD_FROM = 10
# Each empty set that Python makes is another one, and one would be kept for each cluster.
NOBODY: frozenset[str] = frozenset()
# Evictions that are refused in a row, until a member is removed although its Pod runs: two seconds,
# in which a budget sees that the Pod before it has ended.
STOP_TRIES = TOLD_FROM - 1
# Seconds between looks at a cluster that another operator serves.
LOOK_AT_CLAIM = 10.0
# After each whole look at a cluster at rest: what no watch tells is found so many looks later, and
# the time between two looks is a second, or with a thousand clusters nine.
BRIEF_LOOKS = 4
# Kubernetes usually looks at a changed StatefulSet within milliseconds.
UNOBSERVED_FOR = timedelta(seconds=10)
# One lost answer, or an API server that restarts, is over before this.
UNANSWERED_FOR = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Rest:
    """What the last plan was made for, where it had nothing to do, and the brief looks since."""

    snapshot: Snapshot
    brief_looks: int = 0


@dataclass(frozen=True, slots=True)
class LastPass:
    """The last pass over a cluster: its actions, and whether its status came too late.

    `refusals` counts how often in a row etcd, or a PodDisruptionBudget, has refused the same kind
    of action; `unobserved` is since when all would be well but for a template that Kubernetes has
    yet to look at; `unanswered` is since when no pass has had a usable answer to what it wrote.
    """

    done: tuple[Action, ...] = ()
    late: bool = False
    refused: str = ""
    refusals: int = 0
    unobserved: datetime | None = None
    unanswered: datetime | None = None


class Reconciler:
    """Makes passes. Every dependency is given; nothing here knows of queues or tasks."""

    def __init__(
        self,
        api: KubeApi,
        caches: Caches,
        gatherer: Gatherer,
        executor: Executor,
        events: EventRecorder,
        metrics: Metrics,
        corrections: Corrections,
        operators: ServingOperators,
        turns: Turns,
        recorder: PassRecorder | None = None,
    ) -> None:
        self._caches = caches
        self._status = StatusWriter(api, caches.clusters, events)
        self._gatherer = gatherer
        self._executor = executor
        self._events = events
        self._metrics = metrics
        self._corrections = corrections
        self._operators = operators
        self._turns = turns
        self._recorder = recorder or PassRecorder()
        self._last: Latest[str, LastPass] = Latest(REMEMBERED)
        self._at_rest: Latest[Key, Rest] = Latest(REMEMBERED)
        self._decisions = DecisionLog(REMEMBERED)

    async def reconcile(self, namespace: str, name: str) -> Requeue:
        """Make one pass over a cluster; raises KubeError if it could not even look."""
        key = namespace, name
        cluster = self._caches.clusters.get(namespace, name)
        if cluster is None:
            self._metrics.clusters.forget(key)
            self._recorder.forget(key)
            self._at_rest.pop(key, None)
            return Requeue()
        cluster = await self._operators.settle(cluster)
        if cluster is None:
            self._metrics.clusters.forget(key)
            return Requeue(LOOK_AT_CLAIM)
        rest = self._at_rest.pop(key, None)
        if rest is not None and await self._rests_on(cluster, rest):
            return Requeue()
        gathered = await self._gatherer.gather(cluster)
        # Who cannot be taken out of the client Service is not waited for.
        refused = self._corrections.find_refused_labels(cluster.uid)
        known = gathered.evolve(
            kept=self._corrections.look(cluster.uid),
            out_of_service=gathered.out_of_service | refused or NOBODY,
            stop_refused=self._is_stop_refused(cluster.uid),
        )
        if rest is not None and is_unchanged(rest.snapshot, known):
            self._note_rest(key, Rest(rest.snapshot), known.now)
            return Requeue()
        return await self._carry_on(cluster, known)

    async def _rests_on(self, cluster: EtcdCluster, rest: Rest) -> bool:
        """Whether a brief look tells that nothing has changed. Of several looks one is whole."""
        if rest.brief_looks >= BRIEF_LOOKS:
            return False
        moment = await self._gatherer.look_briefly(cluster, rest.snapshot)
        if moment is None:
            return False
        again = replace(rest, brief_looks=rest.brief_looks + 1)
        self._note_rest((cluster.namespace, cluster.name), again, moment)
        return True

    def _note_rest(self, key: Key, rest: Rest, moment: datetime) -> None:
        self._at_rest[key] = rest
        self._decisions.note_unchanged(rest.snapshot)
        self._metrics.clusters.note_pass(key, moment.timestamp())

    async def _carry_on(self, cluster: EtcdCluster, known: Snapshot) -> Requeue:
        """Plan, act and report for what was gathered."""
        key = cluster.namespace, cluster.name
        planned = self._take_turn(plan(known))
        snapshot = planned.snapshot
        outcome = await self._executor.carry_out(planned)
        if (upgrade := _find_upgrade(planned)) and upgrade not in outcome.done:
            self._turns.give_back(*key)
        kept = snapshot.without_worked_out()
        self._recorder.record(key, replace(planned, snapshot=kept), outcome)
        unobserved = self._find_unobserved(planned, outcome, snapshot)
        unanswered = self._find_unanswered(outcome, snapshot)
        since = LastPass(unobserved=unobserved, unanswered=unanswered)
        decision = _choose_report(planned.decision, outcome, since, snapshot)
        if decision is not None and self._count_refusals(cluster, outcome) >= TOLD_FROM:
            decision = explain_eviction(decision, outcome)
        self._decisions.note(planned, decision or planned.decision, outcome, snapshot)
        late = decision is not None and not await self._report(snapshot, decision)
        requeue = self._schedule(cluster, planned, outcome, since, late=late)
        if not requeue.failure:
            self._metrics.clusters.note_pass(key, snapshot.now.timestamp())
        if is_at_rest(planned) and not (late or unobserved or requeue.failure):
            self._at_rest[key] = Rest(kept)
        return requeue

    def forget_rest(self) -> None:
        """Plan anew in the next pass over each cluster: it sees nothing that it would not else."""
        self._at_rest.clear()

    def _is_stop_refused(self, cluster: str) -> bool:
        last = self._last.get(cluster, LastPass())
        return last.refused == EvictPod.__name__ and last.refusals >= STOP_TRIES

    def _count_refusals(self, cluster: EtcdCluster, outcome: Outcome) -> int:
        return _remember(outcome, self._last.get(cluster.uid, LastPass()), late=False).refusals

    def _take_turn(self, planned: Plan) -> Plan:
        """Let what only a new version of the operator rolls wait until it is its turn."""
        naming, rolls = planned.snapshot.naming, _find_upgrade(planned)
        waits = self._turns.take(naming.namespace, naming.name) if rolls else ""
        return plan(planned.snapshot.evolve(upgrade_waits=waits)) if waits else planned

    def _find_unobserved(
        self, planned: Plan, outcome: Outcome, snapshot: Snapshot
    ) -> datetime | None:
        """Since when all seems well because Kubernetes has yet to look at the StatefulSet.

        Its answer to our own write counts, where there was one: a write that changed nothing needs
        nobody's look.
        """
        if not planned.decision.settled:
            return None
        wrote = any(isinstance(a, ApplyObject) and a.kind == "StatefulSet" for a in outcome.done)
        if self._is_written_observed(snapshot) if wrote else snapshot.statefulset_observed:
            return None
        return self._last.get(snapshot.naming.uid, LastPass()).unobserved or snapshot.now

    def _is_written_observed(self, snapshot: Snapshot) -> bool:
        """Whether the StatefulSet that was just written has been looked at, and nothing follows.

        A new template that was looked at within this pass is not in the plan: by it, every Pod is
        outdated.
        """
        naming, before = snapshot.naming, snapshot.statefulset
        live = self._caches.children["StatefulSet"].get(naming.namespace, naming.statefulset)
        if live is None or not live.observed:
            return False
        return before is None or live.update_revision == before.update_revision

    def _find_unanswered(self, outcome: Outcome, snapshot: Snapshot) -> datetime | None:
        """Since when a step got no usable answer, or came too late for what its object was."""
        if not isinstance(outcome.error, KubeUnavailable | Conflict | NotFound):
            return None
        return self._last.get(snapshot.naming.uid, LastPass()).unanswered or snapshot.now

    async def _report(self, snapshot: Snapshot, decision: Decision) -> bool:
        """Write the status if it changed; say what blocks or broke, and once what phase it is.

        Returns False if it came too late: the EtcdCluster is not what was looked at any more.
        """
        cluster, regarding = snapshot.cluster, _regarding(snapshot.cluster)
        status = report(snapshot, decision)
        key = (cluster.namespace, cluster.name)
        self._metrics.clusters.show(key, measure(snapshot, status))
        bad = decision.blocked or status.phase is Phase.FAILED
        if bad:
            self._events.record(regarding, "Warning", decision.reason.name, decision.message)
        for condition in status.conditions:
            if _is_warning(condition, snapshot, told=decision.reason.name if bad else ""):
                self._events.record(regarding, "Warning", condition.reason, condition.message)
        if not await self._status.write(cluster, status):
            return False
        if status.phase is not cluster.status.phase and not bad:
            self._events.record(
                regarding, "Normal", decision.reason.name, decision.message, always=True
            )
        return True

    def _schedule(
        self,
        cluster: EtcdCluster,
        planned: Plan,
        outcome: Outcome,
        since: LastPass,
        *,
        late: bool,
    ) -> Requeue:
        """Go on at once while things move; the same again and again is no movement."""
        before = self._last.get(cluster.uid, LastPass())
        now = replace(
            _remember(outcome, before, late=late),
            unobserved=since.unobserved,
            unanswered=since.unanswered,
        )
        self._last[cluster.uid] = now
        repeated = bool(outcome.done) and before.done == outcome.done
        error = outcome.error
        if now.refused:
            return Requeue(_slow_down(planned.decision.requeue_after, now.refusals))
        if error is not None:
            log.warning("stopped", cluster=_id(cluster), error=str(error)[:300])
            return Requeue(find_retry_after(error), failure=True)
        if outcome.vetoed or repeated:
            return Requeue(planned.decision.requeue_after, failure=True)
        if outcome.done:
            return Requeue(0.0)
        # Once is usual: the watch tells. Twice, and it does not.
        return Requeue(planned.decision.requeue_after, failure=late and before.late)


def _find_upgrade(planned: Plan) -> ApplyObject | None:
    """The write of a template that only a new version of the operator rolls, if there is one."""
    live = planned.snapshot.statefulset
    for action in planned.actions:
        if live and isinstance(action, ApplyObject) and action.kind == "StatefulSet":
            return action if is_upgrade(action.manifest, live.body) else None
    return None


def _is_warning(condition: Condition, snapshot: Snapshot, *, told: str) -> bool:
    """Whether a condition is told as an Event too, beside the reason that is already `told`."""
    if condition.type == condition_types.CERTIFICATES_VALID:
        return condition.status == "False"
    if condition.type == condition_types.SPEC_WARNING:
        shown = (
            c.message
            for c in snapshot.cluster.status.conditions
            if c.type == condition_types.SPEC_WARNING
        )
        return condition.message not in shown  # once
    waited_for = {warning.problem.reason for warning in snapshot.warnings}
    if condition.type == condition_types.DEGRADED and condition.reason in waited_for:
        return True
    return condition.reason in WARNINGS and condition.reason != told


def _remember(outcome: Outcome, before: LastPass, *, late: bool) -> LastPass:
    if not isinstance(outcome.error, EtcdRefused | EvictionRefused):
        return LastPass(outcome.done, late)
    refused = type(outcome.stopped_at).__name__
    again = refused == before.refused and not outcome.done
    return LastPass(outcome.done, late, refused, before.refusals + 1 if again else 1)


def _slow_down(requeue_after: float | None, refusals: int) -> float | None:
    """The delay after so many refusals in a row: minutes are not spent at ten a second."""
    if requeue_after is None or refusals <= REFUSALS_AT_PACE:
        return requeue_after
    return max(requeue_after, min(requeue_after * refusals / REFUSALS_AT_PACE, LONGEST_REFUSED))


def _choose_report(
    decision: Decision, outcome: Outcome, since: LastPass, snapshot: Snapshot
) -> Decision | None:
    """Return what to report; None where what was reported before stays."""
    if any(isinstance(action, SetFinalizer) for action in outcome.done):
        return None  # it put the EtcdCluster into another version, or took it away
    unobserved, unanswered = since.unobserved, since.unanswered
    if unanswered and snapshot.now - unanswered >= UNANSWERED_FOR:
        return explain_silence(decision, outcome, snapshot.naming.name)
    if decision.settled and (unanswered or outcome.vetoed):
        return None  # not before its corrections have been made
    if unobserved is None:
        return explain_refusal(decision, outcome, snapshot.naming.name)
    if snapshot.now - unobserved < UNOBSERVED_FOR:
        return None  # that the new spec was observed would look as if it were done
    live = snapshot.statefulset
    message = (
        f"StatefulSet {live.name} is being deleted: it is made anew when its finalizers let it go."
        if live and live.deleting
        else "Kubernetes has not looked at the StatefulSet since it was changed."
    )
    return replace(
        decision, reason=attention.STATEFULSET_NOT_OBSERVED, message=message, settled=False
    )


def _regarding(cluster: EtcdCluster) -> Regarding:
    return Regarding(cluster.namespace, cluster.name, cluster.uid)


def _id(cluster: EtcdCluster) -> str:
    return f"{cluster.namespace}/{cluster.name}"

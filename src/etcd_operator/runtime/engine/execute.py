"""Carries out a plan, action by action, until something says no.

Each guard judges the snapshot as the actions before have made it. A correction of our own objects
that Kubernetes refuses stops only what needs it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import structlog

from etcd_operator.core import guards
from etcd_operator.core.actions import Action, ApplyObject
from etcd_operator.core.model.live_objects import Child
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import Plan, predict
from etcd_operator.core.plan.prerequisites import find_prerequisite, is_correction
from etcd_operator.core.reasons import events
from etcd_operator.errors import (
    EtcdError,
    EtcdRefused,
    EtcdUnreachable,
    EvictionRefused,
    Forbidden,
    Invalid,
    KubeError,
    KubeUnavailable,
    OperatorError,
)
from etcd_operator.runtime.engine.action_report import ActionReporter
from etcd_operator.runtime.engine.caches import KINDS, Caches
from etcd_operator.runtime.engine.corrections import Corrections
from etcd_operator.runtime.engine.handlers import ActionHandlers
from etcd_operator.runtime.kubernetes.api import KubeApi
from etcd_operator.runtime.kubernetes.events import EventRecorder, Regarding
from etcd_operator.runtime.process.metrics import Metrics

log = structlog.get_logger("reconciler")

GATEWAY_TIMEOUT = 504
MOST_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a plan: the actions that took effect, and what stopped the others, if any.

    `refused` are the corrections that Kubernetes refuses: what does not need them has gone on.
    """

    done: tuple[Action, ...]
    stopped_at: Action | None = None
    vetoed: str = ""
    error: OperatorError | None = None
    refused: tuple[tuple[Action, KubeError], ...] = ()


@dataclass(slots=True)
class _Run:
    """One plan while it is carried out."""

    snapshot: Snapshot
    done: list[Action] = field(default_factory=list)
    refused: list[tuple[Action, KubeError]] = field(default_factory=list)

    def end(
        self, action: Action | None = None, vetoed: str = "", error: OperatorError | None = None
    ) -> Outcome:
        return Outcome(tuple(self.done), action, vetoed, error, tuple(self.refused))


class Executor:
    """Carries out plans."""

    def __init__(
        self,
        api: KubeApi,
        caches: Caches,
        performer: ActionHandlers,
        events: EventRecorder,
        metrics: Metrics,
        corrections: Corrections,
    ) -> None:
        self._api = api
        self._caches = caches
        self._performer = performer
        self._events = events
        self._reporter = ActionReporter(events, metrics)
        self._corrections = corrections

    async def carry_out(self, planned: Plan) -> Outcome:
        """Carry out a plan; never raises a KubeError or EtcdError, but says what stopped it."""
        run = _Run(planned.snapshot)
        for action in planned.actions:
            needed = self._find_obstacle(action, run)
            if needed is not None:
                run.refused.append((action, needed))
                if is_correction(action):
                    continue
                return run.end()  # what follows in the plan builds on it
            outcome = await self._step(action, run)
            if outcome is not None:
                return outcome
        return run.end()

    def _find_obstacle(self, action: Action, run: _Run) -> KubeError | None:
        """Why an action is not tried: Kubernetes refuses what it needs, or has just refused it."""
        refused = dict(run.refused)
        needed = find_prerequisite(action, refused, run.snapshot)
        if needed is not None:
            return refused[needed]
        if not is_correction(action):
            return None
        return self._corrections.find_refusal(run.snapshot.naming.uid, action)

    async def _step(self, action: Action, run: _Run) -> Outcome | None:
        """Take one step; returns the outcome if it was the last one."""
        veto = guards.judge(action, run.snapshot)
        if veto is not None:
            self._reporter.count_veto(action, veto)
            log.warning(
                "vetoed",
                cluster=_id(run.snapshot),
                action=str(action)[:300],
                guard=veto.guard,
                why=veto.why,
            )
            return run.end(action, vetoed=veto.why)
        try:
            await self._perform(action, run.snapshot)
        except (KubeError, EtcdError) as error:
            refused = isinstance(error, EtcdRefused | EvictionRefused)
            self._reporter.count(action, "refused" if refused else "failed")
            self._tell_unanswered(action, error, run.snapshot)
            if not isinstance(error, Invalid | Forbidden) or not is_correction(action):
                return run.end(action, error=error)
            log.warning("refused", cluster=_id(run.snapshot), error=str(error)[:300])
            self._corrections.note_refusal(run.snapshot.naming.uid, action, error)
            run.refused.append((action, error))
            return None
        self._reporter.count(action, "done")
        run.done.append(action)
        run.snapshot = predict(run.snapshot, (action,))
        return None

    async def _perform(self, action: Action, snapshot: Snapshot) -> None:
        before = self._find_live(action, snapshot)
        if isinstance(action, ApplyObject):
            await self._name_manager(action, snapshot)
        await self._performer.perform(action, snapshot)
        after = self._find_live(action, snapshot)
        self._corrections.note_done(snapshot.naming.uid, action, before, after)
        if before is None or after is None or before.resource_version != after.resource_version:
            self._reporter.tell(action.event(snapshot.naming.name), _regarding(snapshot))

    def _find_live(self, action: Action, snapshot: Snapshot) -> Child | None:
        if not isinstance(action, ApplyObject):
            return None
        return self._caches.children[action.kind].get(snapshot.naming.namespace, action.name)

    async def _name_manager(self, action: ApplyObject, snapshot: Snapshot) -> None:
        """Read who has changed an object again that was corrected before: no cache keeps that."""
        if not action.uid or not self._corrections.is_suspect(snapshot.naming.uid, action):
            return
        with contextlib.suppress(KubeError):
            live = await self._api.get(KINDS[action.kind], snapshot.naming.namespace, action.name)
            self._corrections.name_manager(snapshot.naming.uid, action, live)

    def _tell_unanswered(self, action: Action, error: OperatorError, snapshot: Snapshot) -> None:
        """Say what may have taken effect: whether it did, only a later pass can see."""
        if _is_without_answer(error):
            sentence = action.event(snapshot.naming.name).sentence.rstrip(".")
            message = f"There was no answer to this, so it may have happened: {sentence}. ({error})"
            self._events.record(
                _regarding(snapshot),
                "Warning",
                events.NO_ANSWER.name,
                message[:MOST_CHARACTERS],
            )


def _is_without_answer(error: OperatorError) -> bool:
    """Whether nobody knows what came of a request: an answer of the API server is one."""
    if isinstance(error, KubeUnavailable):
        return error.status in (0, GATEWAY_TIMEOUT)
    return isinstance(error, EtcdUnreachable)


def _regarding(snapshot: Snapshot) -> Regarding:
    naming = snapshot.naming
    return Regarding(naming.namespace, naming.name, naming.uid)


def _id(snapshot: Snapshot) -> str:
    return f"{snapshot.naming.namespace}/{snapshot.naming.name}"

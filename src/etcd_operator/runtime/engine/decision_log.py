"""Lines of the log about passes: one for each decision that changed, and at debug each pass."""

from __future__ import annotations

import structlog

from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import Plan
from etcd_operator.runtime.engine.execute import Outcome
from etcd_operator.runtime.process.latest import Latest

log = structlog.get_logger("reconciler")


class DecisionLog:
    """Writes down what was decided about each cluster, when it is another decision than before."""

    def __init__(self, remembered: int) -> None:
        self._before: Latest[str, tuple[str, str, str]] = Latest(remembered)

    def note_unchanged(self, snapshot: Snapshot) -> None:
        """Note a pass that saw nothing changed, and so decided nothing anew."""
        naming, message = snapshot.naming, "Nothing has changed since the last decision."
        log.debug("pass", cluster=f"{naming.namespace}/{naming.name}", message=message, done=0)

    def note(self, planned: Plan, reported: Decision, outcome: Outcome, snapshot: Snapshot) -> None:
        """Note a pass; `reported` is the decision as users read it."""
        naming = snapshot.naming
        cluster, reason = f"{naming.namespace}/{naming.name}", reported.reason.name
        log.debug(
            "pass",
            cluster=cluster,
            rule=planned.rule,
            reason=reason,
            done=len(outcome.done),
            stopped=outcome.vetoed or str(outcome.error or "")[:300],
            silent={str(o): p.error[:300] for o, p in snapshot.probes.items() if p.error},
        )
        decided = (planned.rule, reason, reported.message)
        if self._before.get(naming.uid) == decided:
            return
        self._before[naming.uid] = decided
        log.info(
            "decision",
            cluster=cluster,
            rule=planned.rule,
            reason=reason,
            phase=reported.phase.value,
            message=reported.message,
            done=len(outcome.done),
        )

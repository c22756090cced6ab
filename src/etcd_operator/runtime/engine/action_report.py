"""What is told of actions: a counter for each result; an Event and a line of the log if it is done.

The same for EtcdClusters, EtcdBackups and EtcdRestores.
"""

from __future__ import annotations

from typing import Literal

import structlog

from etcd_operator.core.actions import Action, ActionEvent
from etcd_operator.core.guards import Veto
from etcd_operator.core.tasks.actions import TaskAction
from etcd_operator.runtime.kubernetes.events import EventRecorder, Regarding
from etcd_operator.runtime.process.metrics import Metrics

log = structlog.get_logger("actions")

Result = Literal["done", "failed", "refused", "vetoed"]


class ActionReporter:
    """Tells users and operators what was done."""

    def __init__(self, events: EventRecorder, metrics: Metrics) -> None:
        self._events = events
        self._metrics = metrics

    def count(self, action: Action | TaskAction, result: Result) -> None:
        """Count an action by its type and its result."""
        self._metrics.actions.labels(type(action).__name__, result).inc()

    def count_veto(self, action: Action, veto: Veto) -> None:
        """Count an action that a guard has refused, by its type and by the guard."""
        self.count(action, "vetoed")
        self._metrics.vetoes.labels(veto.guard, type(action).__name__).inc()

    def tell(self, event: ActionEvent, regarding: Regarding) -> None:
        """Record an Event about the object that the action was for: one for each effect."""
        reason, sentence = event
        about = regarding.kind.removeprefix("Etcd").lower()  # cluster, backup or restore
        log.info(sentence, **{about: f"{regarding.namespace}/{regarding.name}"}, reason=reason.name)
        self._events.record(regarding, "Normal", reason.name, sentence, always=True)

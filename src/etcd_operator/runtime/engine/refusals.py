"""The words of Kubernetes or etcd in place of a decision that they keep from being carried out."""

from __future__ import annotations

from dataclasses import replace

from etcd_operator.core.actions import Action, EvictPod
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.reachability.unreachable import explain_user
from etcd_operator.core.reasons import attention
from etcd_operator.errors import (
    EtcdRefused,
    EvictionRefused,
    Forbidden,
    Invalid,
    OperatorError,
    Refusal,
)
from etcd_operator.runtime.engine.execute import Outcome
from etcd_operator.wording import join_sentences


def explain_refusal(decision: Decision, outcome: Outcome, cluster: str) -> Decision:
    """The decision, or what Kubernetes or etcd has against it where only the user can help."""
    if isinstance(outcome.error, EtcdRefused):
        return _explain_etcd(decision, outcome.error, outcome.stopped_at, cluster)
    refusals: list[tuple[Action | None, OperatorError]] = list(outcome.refused)
    if isinstance(outcome.error, Invalid | Forbidden):
        refusals.append((outcome.stopped_at, outcome.error))
    if not refusals:
        return decision
    action, error = refusals[0]
    what = action.event(cluster).ahead if action else ""
    said = [f"Kubernetes refuses the next step ({what.rstrip('.')}): {error}"]
    if outcome.done and not decision.settled:
        said.append(f"Meanwhile: {decision.message}")
    return replace(
        decision,
        reason=attention.REFUSED_BY_KUBERNETES,
        message=join_sentences(said),
        settled=False,
    )


def explain_silence(decision: Decision, outcome: Outcome, cluster: str) -> Decision:
    """The decision, or what has been said for a while in place of a usable answer."""
    what = outcome.stopped_at.event(cluster).ahead if outcome.stopped_at else ""
    said = f"Kubernetes cannot take the next step ({what.rstrip('.')}): {outcome.error}"
    return replace(
        decision,
        reason=attention.KUBERNETES_UNAVAILABLE,
        message=join_sentences([said, "It is tried again."]),
        settled=False,
    )


def explain_eviction(decision: Decision, outcome: Outcome) -> Decision:
    """The decision, or which PodDisruptionBudget has been against it for a while."""
    pod, error = outcome.stopped_at, outcome.error
    if not isinstance(pod, EvictPod) or not isinstance(error, EvictionRefused):
        return decision
    remedy = "It is tried again until the PodDisruptionBudget allows it: see `kubectl get pdb`."
    said = (decision.message, f"Pod {pod.name} cannot be evicted: {error}", remedy)
    return replace(
        decision,
        reason=attention.EVICTION_REFUSED,
        message=join_sentences(said),
    )


def _explain_etcd(
    decision: Decision, error: EtcdRefused, action: Action | None, cluster: str
) -> Decision:
    """The decision, or what etcd has against it."""
    what = action.event(cluster).ahead if action else ""
    if error.refusal is Refusal.AUTHENTICATION:
        return replace(
            decision,
            reason=attention.AUTHENTICATION_REQUIRED,
            message=f"etcd refuses the next step ({what.rstrip('.')}). {explain_user(str(error))}",
            settled=False,
        )
    if error.refusal is Refusal.OTHER:
        return replace(
            decision,
            reason=attention.REFUSED_BY_ETCD,
            message=f"etcd refuses the next step ({what.rstrip('.')}): {error}",
            settled=False,
        )
    return decision

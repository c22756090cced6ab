"""The planner's table, rule by rule, for one snapshot: which rule decides, and what guards say.

For people who ask why the operator does something, or nothing. It walks `RULES` as the planner
does, so that it cannot tell of another order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from etcd_operator.core import guards
from etcd_operator.core.actions import Action
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.conditions import CONDITIONS
from etcd_operator.core.plan.effective_spec import with_effective_spec
from etcd_operator.core.plan.planner import RULES, Plan, plan, predict
from etcd_operator.core.reasons.reason import Reason

NOTHING: Final = "nothing"
DECIDES: Final = "decides"
VETOED: Final = "vetoed"
NOT_ASKED: Final = "not asked"


@dataclass(frozen=True, slots=True)
class Step:
    """An action of the plan, with the reason and the sentence of its Event.

    `veto` is why a guard refuses it; a step after that is not `reached`.
    """

    action: str
    reason: Reason
    sentence: str
    veto: str = ""
    reached: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """Verdict of one rule; only the rule that decides has a decision and steps.

    `condition` completes "only while …", of a rule that had nothing to say.
    """

    rule: str
    says: str
    condition: str = ""
    decision: Decision | None = None
    steps: tuple[Step, ...] = ()


def explain(snapshot: Snapshot) -> tuple[Verdict, ...]:
    """Return what each rule of the table says, in the table's order."""
    planned = plan(snapshot)
    steps = tuple(_judge(planned))
    says = VETOED if any(step.veto for step in steps) else DECIDES
    verdicts, decided = [], False
    for rule in RULES:
        if rule.__name__ == planned.rule:
            decided = True
            decision = planned.decision
            verdicts.append(Verdict(planned.rule, says, decision=decision, steps=steps))
        elif decided:
            verdicts.append(Verdict(rule.__name__, NOT_ASKED))
        else:
            verdicts.append(Verdict(rule.__name__, NOTHING, CONDITIONS[rule.__name__]))
    return tuple(verdicts)


def _judge(planned: Plan) -> Iterator[Step]:
    """Ask the guards about each action, on the snapshot as the actions before have made it."""
    snapshot, stopped = planned.snapshot, False
    for action in planned.actions:
        veto = "" if stopped else guards.refuse(action, snapshot) or ""
        yield _describe(action, snapshot, veto=veto, reached=not stopped)
        stopped = stopped or bool(veto)
        snapshot = predict(snapshot, (action,))


def _describe(action: Action, snapshot: Snapshot, *, veto: str, reached: bool) -> Step:
    reason, sentence = action.event(snapshot.naming.name)
    return Step(type(action).__name__, reason, sentence, veto, reached)


def render(snapshot: Snapshot) -> Iterator[str]:
    """Yield the lines of an explanation, for a terminal."""
    snapshot = with_effective_spec(snapshot)
    verdicts = explain(snapshot)
    yield from _render_snapshot(snapshot)
    width = max(len(verdict.rule) for verdict in verdicts)
    for verdict in verdicts:
        decision = verdict.decision
        said = f"  {decision.reason.name}: {decision.message}" if decision else ""
        if verdict.condition:
            said = f"  (only while {verdict.condition})"
        yield f"{verdict.rule:{width}}  {verdict.says}{said}"
        for number, step in enumerate(verdict.steps, start=1):
            yield f"{'':{width}}    {number}. {step.action} ({step.reason.name}): {step.sentence}"
            if step.veto:
                yield f"{'':{width}}       vetoed by a guard: {step.veto}"
            elif not step.reached:
                yield f"{'':{width}}       not reached"


def _render_snapshot(snapshot: Snapshot) -> Iterator[str]:
    """Head of the explanation: the cluster, and the members that did not answer."""
    spec, naming = snapshot.spec, snapshot.naming
    phase = snapshot.cluster.status.phase or "none"
    asked = snapshot.cluster.spec.tag
    version = spec.tag if spec.tag == asked else f"{spec.tag} for now, {asked} asked for"
    yield f"EtcdCluster {naming.namespace}/{naming.name}: size {spec.size}, version {version}"
    yield f"status.phase {phase}; member list {_describe_members(snapshot)}"
    silent = {o: probe.error for o, probe in snapshot.probes.items() if probe.error}
    for ordinal, error in sorted(silent.items()):
        yield f"{naming.member(ordinal)} did not answer: {error}"
    if silent and len(silent) == len(snapshot.probes):
        yield (
            "No member answered. They are asked at the addresses of their Pods: where this machine "
            "does not reach those, run it in the operator's Pod with `kubectl exec`."
        )
    yield ""


def _describe_members(snapshot: Snapshot) -> str:
    if snapshot.membership is None:
        return "unknown"
    count = len(snapshot.members)
    return f"of {count}, {'' if snapshot.quorum_confirmed else 'not '}confirmed by a quorum"

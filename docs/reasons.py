"""The page about conditions, reasons and events, from the registry of reasons."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from etcd_operator.api.backup import TaskPhase
from etcd_operator.api.cluster import Phase
from etcd_operator.core.reasons import attention, events, routine, verdicts
from etcd_operator.core.reasons.reason import Reason
from etcd_operator.core.reasons.registry import (
    CONDITIONS,
    REASONS,
    ConditionType,
    alert_of,
    reasons_of,
)

INTRODUCTION: Final = """\
# Conditions, reasons and events

A reason is one CamelCase word in a condition or an Event. It is part of the API. The sentence
beside it is not, and may be reworded in any version.

A reason that *blocks* means that nothing goes on until somebody has carried out the remedy, unless
the message says that it passes by itself. Where no remedy is named, nothing is to be done. Where an
alert is named, its runbook has the commands. More about each reason is in
[Troubleshoot](../how-to/troubleshoot.md).

"""
CLUSTER: Final = """\
## EtcdCluster

The phases are {phases}.

Each pass ends with one decision: a reason and a sentence, which is `status.message`. Both are in
the condition `Ready`, and in `Progressing` and `Degraded` where they are about that. They are
written as an Event when the phase changes. While the reason blocks, or the phase is `Failed`, that
Event is a Warning.

"""
EVENTS: Final = """\
Each action that took effect is one Event of type Normal. What Kubernetes warns of about Pods and
claims that are waited for is an Event of type Warning, under the reason that it gives.

"""
TASK: Final = """\
## {kind}

The phases are {phases}. The reason and the sentence of the condition `Completed` say how far it is.

"""


def write_reasons() -> str:
    """Return the page."""
    return "".join((INTRODUCTION, *_write_cluster(), *_write_tasks()))


def _write_cluster() -> Iterator[str]:
    yield CLUSTER.format(phases=", ".join(f"`{phase}`" for phase in Phase))
    yield from _write_conditions("EtcdCluster")
    yield from _write_table("Decisions that need your action", reasons_of(attention))
    yield from _write_table("Decisions that need no action", reasons_of(routine))
    yield from _write_table("Reasons of conditions alone", reasons_of(verdicts))
    yield from _write_table("Events", reasons_of(events), EVENTS)


def _write_tasks() -> Iterator[str]:
    phases = ", ".join(f"`{phase}`" for phase in TaskPhase)
    for kind in ("EtcdBackup", "EtcdRestore"):
        yield TASK.format(kind=kind, phases=phases)
        yield from _write_conditions(kind)
        yield from _write_table(f"Reasons of an {kind}", REASONS[kind])


def _write_conditions(kind: str) -> Iterator[str]:
    yield f"### Conditions of an {kind}\n\n| Condition | Meaning | Reasons |\n|---|---|---|\n"
    for condition in CONDITIONS[kind]:
        cells = "<br>".join(_write_statuses(condition))
        yield f"| `{condition.type}` | {condition.meaning} | {cells} |\n"
    yield "\n"


def _write_statuses(condition: ConditionType) -> Iterator[str]:
    given = {"True": condition.true, "False": condition.false, "Unknown": condition.unknown}
    for status, reasons in given.items():
        if reasons:
            yield f"{status}: {', '.join(f'`{reason.name}`' for reason in reasons)}"
    if condition.others:
        yield condition.others[0].upper() + condition.others[1:]


def _write_table(title: str, reasons: Iterable[Reason], said: str = "") -> Iterator[str]:
    rows = sorted(reasons, key=lambda reason: reason.name)
    yield f"### {title}\n\n{said}"
    if not any(reason.remedy or alert_of(reason) for reason in rows):
        yield "| Reason | Meaning |\n|---|---|\n"
        yield from (f"| `{reason.name}` | {reason.meaning} |\n" for reason in rows)
    else:
        yield "| Reason | Meaning | Remedy | Blocks | Alert |\n|---|---|---|---|---|\n"
        for reason in rows:
            blocks = "yes" if reason.blocks else ""
            alert = _link_runbook(alert_of(reason))
            yield f"| `{reason.name}` | {reason.meaning} | {reason.remedy} | {blocks} | {alert} |\n"
    yield "\n"


def _link_runbook(alert: str) -> str:
    return f"[{alert}](../runbooks/{alert}.md)" if alert else ""

"""An alert, and the parts that expressions have in common.

Both replicas of the operator are scraped, and a cluster may for a while be shown by both: every
expression about a cluster takes the maximum over them, so nothing counts twice. The maximum over
all reasons also keeps an alert pending while a condition stays and only its reason changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from etcd_operator.core.reasons.reason import Reason

Severity = Literal["critical", "warning", "info"]
RUNBOOKS: Final = "docs/runbooks"
CLUSTER: Final = "namespace, cluster"
MEMBER: Final = "namespace, cluster, member"
POD: Final = "namespace, cluster, pod"
# How a description names what it is about, in the language of Prometheus' templates.
NAMED: Final = "{{ $labels.namespace }}/{{ $labels.cluster }}"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert as Prometheus knows it; `wait` is how long its expression has to hold."""

    name: str
    expression: str
    wait: str
    severity: Severity
    summary: str
    description: str

    @property
    def runbook(self) -> str:
        """Its page, by the path in this repository."""
        return f"{RUNBOOKS}/{self.name}.md"


def of_cluster(name: str, selector: str = "") -> str:
    """Return the expression of a cluster's figure, whichever replica shows it."""
    return f"max by ({CLUSTER}) (etcd_operator_cluster_{name}{selector})"


def of_member(name: str) -> str:
    """Return the same of a figure of its members."""
    return f"max by ({MEMBER}) (etcd_operator_cluster_{name})"


def condition(kind: str, status: str, *reasons: Reason) -> str:
    """Return whether a condition has this status, for one of these reasons if any are named."""
    selector = f'condition="{kind}",status="{status}"'
    if reasons:
        selector += f',reason=~"{"|".join(sorted(reason.name for reason in reasons))}"'
    return of_cluster("condition", f"{{{selector}}}") + " == 1"


def any_condition(*reasons: Reason) -> str:
    """Return whether any condition gives one of these reasons."""
    names = "|".join(sorted(reason.name for reason in reasons))
    return of_cluster("condition", f'{{reason=~"{names}"}}') + " == 1"


def quantile_99(histogram: str, by: str = POD, selector: str = "") -> str:
    """Return the 99th percentile of the last five minutes."""
    return f"histogram_quantile(0.99, sum by ({by}, le) (rate({histogram}_bucket{selector}[5m])))"

"""CPU and memory of a container: what it is given, and whether a running one can be given it.

Kubernetes changes them in a running Pod (its subresource `resize`) under two conditions: nothing
that was requested or limited may be left out afterwards, and the Pod keeps its quality of service.
Source: ValidatePodResize in Kubernetes' pkg/apis/core/validation.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Final

from etcd_operator.api.quantity import read_quantity
from etcd_operator.json_types import Json

# Other resources cannot be changed in a running Pod.
RESIZABLE: Final = ("cpu", "memory")
# Each amount by its section (requests or limits) and its resource.
Compute = frozenset[tuple[str, str, Fraction]]


def read_compute(resources: Json | None) -> Compute:
    """Return CPU and memory of a container; what is only limited is requested, too."""
    given = resources or {}
    limits, requests = (given.get(key) or {} for key in ("limits", "requests"))
    found = frozenset(
        (section, name, amount.value)
        for section, amounts in (("limits", limits), ("requests", {**limits, **requests}))
        for name, written in amounts.items()
        if name in RESIZABLE and (amount := read_quantity(written))
    )
    return _share(found)


@lru_cache(maxsize=512)
def _share(compute: Compute) -> Compute:
    """The equal one of before: each Pod says it twice, and most Pods say the same."""
    return compute


def may_become(before: Compute, after: Compute) -> bool:
    """Whether Kubernetes lets a running container have these in place of those."""
    named = {(section, name) for section, name, _ in after}
    kept = all((section, name) in named for section, name, _ in before)
    return kept and _is_guaranteed(before) == _is_guaranteed(after)


def _is_guaranteed(compute: Compute) -> bool:
    """Whether both are limited to what is requested."""
    limits, requests = (
        {(name, amount) for section, name, amount in compute if section == which}
        for which in ("limits", "requests")
    )
    return limits == requests and len(limits) == len(RESIZABLE)

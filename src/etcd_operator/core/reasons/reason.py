"""A reason: the CamelCase word in a condition or an Event, with what it means to a user."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """The name is part of the API; everything else is for people, and may be reworded.

    `remedy` is empty where nothing is to be done. `blocks`: nothing goes on until a person or the
    outside world has acted. `alert` is the one that fires on this reason, or on its condition; its
    runbook has the same name. For a reason that blocks and names none, it is that of every blocked
    change.
    """

    name: str
    meaning: str
    remedy: str = ""
    blocks: bool = False
    alert: str = ""


def given_by_kubernetes(name: str) -> Reason:
    """Return the reason for a word of the scheduler, the kubelet or a controller, as it is."""
    return Reason(name, "Kubernetes gives this reason for a Pod or a claim.")

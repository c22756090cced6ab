"""The Event of an action that took effect: its registered reason and its sentence."""

from __future__ import annotations

from typing import NamedTuple

from etcd_operator.core.reasons.reason import Reason


class ActionEvent(NamedTuple):
    """What the operator has done, in the past tense; a line of the log says the same."""

    reason: Reason
    sentence: str

"""State machines: the first row of a stage whose condition holds decides, and no other."""

from __future__ import annotations

from enum import Enum

import pytest

from etcd_operator.core.model.state_machine import Meanwhile, StateMachine, Transition, otherwise


class Light(Enum):
    """The stages of a lamp."""

    OFF = "off"
    ON = "on"


def is_dark(hour: int) -> bool:
    """Whether it is night."""
    return hour > 20


def is_late(hour: int) -> bool:
    """Whether everybody sleeps."""
    return hour > 22


def shine(hour: int) -> str:
    """It shines."""
    return f"at {hour}"


BEGIN = Transition(None, is_dark, shine, Light.ON)
END = Transition(Light.ON, is_late, shine, Light.OFF)
WAIT = Meanwhile(Light.ON, is_dark, shine)
OVER = Transition(Light.ON, otherwise, shine, None)
LAMP = StateMachine((BEGIN, END, WAIT, OVER))


@pytest.mark.parametrize(
    ("stage", "hour", "row"),
    [
        (None, 12, None),
        (None, 21, BEGIN),
        (Light.ON, 23, END),
        (Light.ON, 21, WAIT),
        (Light.ON, 12, OVER),
        (Light.OFF, 23, None),
    ],
)
def test_the_first_row_that_applies_decides(
    stage: Light | None, hour: int, row: Meanwhile[int, str] | Transition[int, str] | None
) -> None:
    assert LAMP.find_row(stage, hour) is row


def test_a_stage_that_lasts_is_no_transition() -> None:
    assert list(LAMP.transitions) == [BEGIN, END, OVER]

"""The table of a restore in place: every row is taken, and it alone changes the stage."""

from __future__ import annotations

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import RecordRestore
from etcd_operator.core.in_place_restore.machine import MACHINE
from etcd_operator.core.in_place_restore.record import Stage, find_restore_record
from etcd_operator.core.in_place_restore.steps import Restoring
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.state_machine import Meanwhile, Transition
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention
from tests.builders.actions import Fires
from tests.builders.in_place_restore import (
    RECORD,
    at,
    fresh,
)
from tests.unit.core.in_place_restore.rule_scenes import FIRES


def row_of(snapshot: Snapshot) -> Meanwhile[Restoring, Decision] | Transition[Restoring, Decision]:
    """The row of the table that decides in this scene."""
    view = Restoring(snapshot, find_restore_record(snapshot.cluster))
    row = MACHINE.find_row(view.stage, view)
    assert row is not None
    return row


def test_every_row_of_the_table_decides_in_one_of_these_scenes() -> None:
    scenes = (row.scene for row in FIRES if row.reason is not attention.RESTORE_UNREADABLE)
    taken = [row_of(scene) for scene in scenes]
    assert [row for row in MACHINE.rows if row not in taken] == []


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_a_stage_is_recorded_by_its_transition_alone(row: Fires) -> None:
    recorded = [a for a in plan(row.scene).actions if isinstance(a, RecordRestore)]
    if row.reason is attention.RESTORE_UNREADABLE:
        assert recorded == []
        return
    decided = row_of(row.scene)
    followed = [action.following.stage if action.following else None for action in recorded]
    assert followed == ([decided.to] if isinstance(decided, Transition) else [])


@pytest.mark.parametrize("after", Stage)
@pytest.mark.parametrize("stage", Stage)
def test_the_guard_knows_the_same_transitions(stage: Stage, after: Stage) -> None:
    """From a table of its own: a stage that does not follow is refused whatever the world is."""
    following = {row.to for row in MACHINE.transitions if row.stage is stage}
    action = RecordRestore(RECORD.at(after), "", "", undone=False)
    refusal = guards.refuse(action, at(stage, fresh()))
    assert (refusal == "this stage does not follow the recorded one") == (after not in following)

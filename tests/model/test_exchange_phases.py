"""Every way to a certificate of the user's own, and back: the real planner and guards.

The spec changes at any moment, a pass ends after any of its actions, members and clients load what
there is at any time. Nobody is ever refused, and from every state the change comes to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.objects.apply import correct_objects
from etcd_operator.core.plan.planner import choose_layout
from tests.model.exchange_world import OWN, THEIRS, ExchangeWorld
from tests.model.issuer_walk import explore
from tests.model.issuer_world import ISSUED, IssuerStageWorld, World

# Whole worlds are explored: seconds each, more on a machine that does other things.
pytestmark = [pytest.mark.model, pytest.mark.timeout(300)]

BEFORE = pytest.mark.parametrize(
    "before", [OWN, ISSUED, THEIRS], ids=["its own CA", "an issuer", "another of the user's"]
)


def mount_at_once(stage: IssuerStageWorld, world: World) -> Iterator[World]:
    """What an operator without judgement might do, if the guards have nothing against it."""
    for wanted in (False, True):
        seen = stage.look(world._replace(wanted=wanted))
        for action in correct_objects(seen, choose_layout(seen)):
            mounts = isinstance(action, ApplyObject) and action.kind == "StatefulSet"
            if mounts and guards.refuse(action, seen) is None:
                yield stage.act(world, action)._replace(turns=world.turns - 1)


@BEFORE
@pytest.mark.parametrize("after", [False, True], ids=["to", "from"])
def test_nobody_is_ever_refused_and_the_change_comes_to_its_end(
    before: dict[str, Any], after: bool
) -> None:
    stage = ExchangeWorld(before, after=after)
    count, wrong = explore(stage, stage.begin(turns=2))
    print(f"{count} states")
    assert not wrong
    assert count > 100


@BEFORE
def test_no_member_restarts_for_a_certificate_that_cannot_be_used(before: dict[str, Any]) -> None:
    stage = ExchangeWorld(before, wrong=True)
    count, wrong = explore(stage, stage.begin(turns=1))
    print(f"{count} states")
    assert not wrong
    assert count > 50


@BEFORE
def test_the_guards_alone_keep_members_believed(before: dict[str, Any]) -> None:
    stage = ExchangeWorld(before, tempted=True)
    start = stage.begin(turns=1)._replace(wanted=True)
    count, wrong = explore(stage, start, mount_at_once)
    print(f"{count} states")
    assert not wrong
    assert count > 20

"""The explanation walks the planner's table, and asks the guards about each action in turn."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.core import guards
from etcd_operator.core.actions import Action, RemoveMember
from etcd_operator.core.model.live_objects import Probe
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.conditions import CONDITIONS
from etcd_operator.core.plan.explain import DECIDES, NOT_ASKED, NOTHING, VETOED, explain, render
from etcd_operator.core.plan.planner import RULES, plan
from tests.builders.snapshots import formed, new, silent, with_spec

SCENES = {
    "nothing yet": new(3),
    "at rest": formed(3),
    "to shrink": with_spec(formed(5), size=3),
    "without a quorum": silent(formed(3), 0, 1),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_the_rule_that_decides_is_the_planners(scene: Snapshot) -> None:
    verdicts, planned = explain(scene), plan(scene)
    assert [verdict.rule for verdict in verdicts] == [rule.__name__ for rule in RULES]
    place = [verdict.rule for verdict in verdicts].index(planned.rule)
    assert {verdict.says for verdict in verdicts[:place]} <= {NOTHING}
    assert verdicts[place].says == DECIDES
    assert verdicts[place].decision == planned.decision
    assert {verdict.says for verdict in verdicts[place + 1 :]} <= {NOT_ASKED}
    assert [step.action for step in verdicts[place].steps] == [
        type(action).__name__ for action in planned.actions
    ]


def test_a_rule_above_the_one_that_decides_has_nothing_to_say() -> None:
    scene = SCENES["to shrink"]
    for rule, verdict in zip(RULES, explain(scene), strict=True):
        if verdict.says == NOTHING:
            assert rule(scene) is None


def test_a_rule_that_passed_says_what_it_waits_for() -> None:
    assert CONDITIONS.keys() == {rule.__name__ for rule in RULES}
    verdicts = {verdict.rule: verdict for verdict in explain(SCENES["to shrink"])}
    assert verdicts["pause"].condition == "spec.paused is true"
    assert not verdicts["shrink"].condition, "it decided"
    assert not verdicts["grow"].condition, "it was not asked"
    assert any("nothing  (only while spec.paused is true)" in line for line in render(formed(3)))


def test_a_veto_is_told_with_its_reason_and_nothing_after_it_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(action: Action, _: Snapshot) -> str | None:
        return "the others are no majority" if isinstance(action, RemoveMember) else None

    monkeypatch.setattr(guards, "refuse", refuse)
    scene = SCENES["to shrink"]
    (verdict,) = [verdict for verdict in explain(scene) if verdict.decision]
    assert (verdict.rule, verdict.says) == ("shrink", VETOED)
    vetoed = [step.action for step in verdict.steps].index("RemoveMember")
    assert verdict.steps[vetoed].veto == "the others are no majority"
    assert all(step.reached for step in verdict.steps[: vetoed + 1])
    assert not any(step.reached for step in verdict.steps[vetoed + 1 :])
    text = "\n".join(render(scene))
    assert "vetoed by a guard: the others are no majority" in text


def test_each_action_is_judged_after_the_actions_before_it() -> None:
    """As the executor does: a second removal is judged without the member removed first."""
    seen: list[int] = []

    def refuse(_: Action, snapshot: Snapshot) -> None:
        seen.append(len(snapshot.members))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guards, "refuse", refuse)
        explain(SCENES["to shrink"])
    assert seen == sorted(seen, reverse=True)
    assert seen[0] == 5
    assert seen[-1] < 5


def test_the_lines_name_the_cluster_the_silent_members_and_the_sentence() -> None:
    scene = formed(3)
    scene = replace(scene, probes={**scene.probes, 1: Probe(None, error="connection refused")})
    lines = list(render(scene))
    assert lines[0].startswith("EtcdCluster team/db: size 3")
    assert "db-1 did not answer: connection refused" in lines
    assert not any(line.startswith("No member answered") for line in lines)
    (said,) = [line for line in lines if DECIDES in line]
    assert plan(scene).decision.message in said


def test_that_no_member_answers_may_be_for_where_it_is_asked_from() -> None:
    scene = replace(formed(1), membership=None, probes={0: Probe(None, error="timed out")})
    assert any(line.startswith("No member answered") for line in render(scene))

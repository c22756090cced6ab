"""Going on without a lost majority: what is asked for, who is kept, and that every step waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import ApplyObject
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.members import Member, MemberList
from etcd_operator.core.model.naming import (
    ANNOTATION_ANNOUNCED,
    ANNOTATION_RECOVERED,
    ANNOTATION_SPENT,
)
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.state_machine import Meanwhile, Transition
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.quorum_loss.machine import MACHINE
from etcd_operator.core.quorum_loss.record import Stage, find_recovery
from etcd_operator.core.quorum_loss.rule import recover_quorum
from etcd_operator.core.quorum_loss.steps import Recovering
from etcd_operator.core.reasons import attention, routine, verdicts
from etcd_operator.core.status.conditions import judge
from etcd_operator.core.status.report import report
from tests.builders.actions import SAID, Fires, Passes, brief, flags
from tests.builders.quorum_loss import (
    REQUEST,
    alone,
    approve,
    approve_and_begin,
    follow,
    forced,
    gate_of,
    isolating,
    leaderless,
    lost,
    says_empty,
    settled_again,
    started_again,
    take_effect,
    with_note,
    with_standing,
)
from tests.builders.snapshots import (
    CLUSTER_ID,
    NOW,
    announcing,
    change_claim,
    change_pod,
    formed,
    member,
    settled,
    silent,
    with_status,
    without_claims,
    without_pods,
)

KEPT = "Recovering from db-0 at revision 100."

AWAY = change_pod(approve(lost(1, 2)), 1, running=False, unready_since=NOW)
NEVER_HAD_A_DISK = change_claim(change_pod(AWAY, 1, ever_ran=False), 1, bound=False)

FIRES = (
    Fires(
        "it is approved: that is recorded",
        recover_quorum,
        approve(lost(1, 2)),
        routine.RECOVERING_QUORUM,
        f"{KEPT} The last state of db-1, db-2 is unknown.",
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "the most advanced member is kept",
        recover_quorum,
        approve(lost(1, 2, 3, size=5, m0=95, m4=97)),
        routine.RECOVERING_QUORUM,
        "Recovering from db-4 at revision 97. The last state of db-1, db-2, db-3 is unknown.",
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "nobody serves: what is on the disks is compared",
        recover_quorum,
        approve(started_again(1, 3, size=5, m1=97, m3=98)),
        routine.RECOVERING_QUORUM,
        SAID,
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "who started again has more than who serves",
        recover_quorum,
        approve(with_standing(lost(0, 1, 2, 3, size=5, m4=97), 2, 99)),
        routine.RECOVERING_QUORUM,
        SAID,
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "disks whose owners say that they are empty are not missed",
        recover_quorum,
        approve(says_empty(started_again(0), 1, 2)),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "a member that never had a disk has nothing to say",
        recover_quorum,
        NEVER_HAD_A_DISK,
        routine.RECOVERING_QUORUM,
        f"{KEPT} The last state of db-1, db-2 is unknown.",
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "the kept member started again: its disk is enough",
        recover_quorum,
        without_pods(follow(approve_and_begin(started_again(0))), 1, 2),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("quarantine data-db-1", "quarantine data-db-2"),
        flags("no corrections"),
    ),
    Fires(
        "the StatefulSet runs it alone",
        recover_quorum,
        isolating(),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("apply StatefulSet db",),
        flags("no corrections"),
    ),
    Fires(
        "disks are set aside when their Pods are gone",
        recover_quorum,
        without_pods(follow(isolating()), 1, 2),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("quarantine data-db-1", "quarantine data-db-2"),
        flags("no corrections"),
    ),
    Fires(
        "nothing of the others is left: that is recorded",
        recover_quorum,
        follow(without_pods(follow(isolating()), 1, 2)),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "a Pod that cannot end is waited for",
        recover_quorum,
        change_pod(without_pods(follow(isolating()), 2), 1, deleting=True),
        routine.RECOVERING_QUORUM,
        f"{KEPT} Waiting for Pods db-1 to end; if node-1 is gone, delete that Node.",
        Phase.FAILED,
        (),
        flags("no corrections"),
    ),
    Fires(
        "alone, it gets a template of its own",
        recover_quorum,
        alone(),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("apply StatefulSet db",),
        flags("no corrections"),
    ),
    Fires(
        "and a Pod of that template",
        recover_quorum,
        follow(alone()),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("delete Pod db-0",),
        flags("no corrections"),
    ),
    Fires(
        "when it is the only member, that is recorded",
        recover_quorum,
        forced(),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "then it gets the usual template",
        recover_quorum,
        follow(forced()),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("apply StatefulSet db",),
        flags("no corrections"),
    ),
    Fires(
        "and a usual Pod",
        recover_quorum,
        follow(follow(forced())),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("delete Pod db-0",),
        flags("no corrections"),
    ),
    Fires(
        "only then is it over",
        recover_quorum,
        settled_again(),
        routine.RECOVERING_QUORUM,
        KEPT,
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "the majority came back in time",
        recover_quorum,
        replace(isolating(), membership=formed(3).membership, probes=formed(3).probes),
        routine.RECOVERING_QUORUM,
        f"{KEPT} The majority came back.",
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "the kept member has to run before a disk is set aside",
        recover_quorum,
        replace(without_pods(follow(isolating()), 1, 2), probes={}, membership=None),
        routine.RECOVERING_QUORUM,
        f"{KEPT} Waiting for it to run.",
        Phase.FAILED,
        (),
        flags("no corrections"),
    ),
    Fires(
        "the kept disk is lost before anything was set aside",
        recover_quorum,
        without_claims(isolating(), 0),
        routine.RECOVERING_QUORUM,
        f"{KEPT} Its disk is lost: another one.",
        Phase.FAILED,
        ("apply ConfigMap db-config",),
        flags("no corrections"),
    ),
    Fires(
        "the kept disk is lost when the others are set aside",
        recover_quorum,
        without_claims(alone(), 0),
        attention.RECOVERY_FAILED,
        "The disk of db-0, which was to be kept, is lost as well. The volumes of the others were "
        "set aside; restore a backup into a new cluster, or one of them by hand.",
        Phase.FAILED,
        flags=flags("blocked", "no corrections"),
    ),
)

PASSES = (
    Passes("nobody approved it", recover_quorum, lost(1, 2)),
    Passes("there is a majority", recover_quorum, approve(formed(3))),
    Passes("a majority answers, without a leader", recover_quorum, approve(leaderless())),
    Passes("a majority runs without serving", recover_quorum, approve(started_again(0, 2))),
    Passes("it may be an election", recover_quorum, approve(silent(formed(3), 1, 2))),
    Passes(
        "this request was void",
        recover_quorum,
        with_status(approve(lost(1, 2)), spentApprovals=[REQUEST]),
    ),
    Passes(
        "it was there before the loss",
        recover_quorum,
        with_status(approve(lost(1, 2)), conditions=[]),
    ),
    Passes(
        "this request was carried out",
        recover_quorum,
        with_status(approve(lost(1, 2)), lastRecovery=f"{REQUEST} 100"),
    ),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_the_guard_agrees(row: Fires) -> None:
    for action in plan(row.scene).actions:
        assert guards.refuse(action, row.scene) is None


def test_the_forcing_file_is_there_only_while_it_is_needed() -> None:
    def forces(snapshot: Snapshot) -> list[str]:
        return [name for name, text in gate_of(snapshot).items() if "force-new-cluster" in text]

    assert forces(isolating()) == []
    assert forces(alone()) == ["db-0-forced.yaml"]
    assert forces(follow(forced())) == []
    assert find_recovery(follow(forced())).stage is Stage.SETTLE  # type: ignore[union-attr]  # it is


def test_a_member_that_somebody_adds_ends_no_forcing() -> None:
    stranger = Member(0xF, "x", ("http://x:2380",))
    scene = replace(forced(), membership=MemberList(CLUSTER_ID, (member(0), stranger), True))
    decision = recover_quorum(scene)
    assert decision is not None
    assert decision.actions == ()


def test_what_is_on_record_stays_there_meanwhile() -> None:
    earlier = with_note(approve(lost(1, 2)), ANNOTATION_SPENT, "c1d/80")
    earlier = with_note(earlier, ANNOTATION_RECOVERED, "c1d/70 100")
    for scene in (follow(earlier), follow(follow(earlier))):
        gate = scene.config_map
        assert gate is not None
        assert gate.annotations[ANNOTATION_SPENT] == "c1d/70 c1d/80"
        assert gate.annotations[ANNOTATION_RECOVERED] == "c1d/70 100"


def test_it_grows_again_when_it_is_over() -> None:
    over = settled(follow(settled_again()))
    assert find_recovery(over) is None
    made = plan(over)
    assert made.rule == "grow"
    assert "add 1" in [brief(action) for action in made.actions]
    verdict = next(v for v in judge(over, made.decision) if v.type == "DataLossPossible")
    assert (verdict.status, verdict.reason) == ("True", verdicts.RECOVERED_FROM_ONE_MEMBER)
    assert "revision 100" in verdict.message
    assert report(over, made.decision).last_recovery == f"{REQUEST} 100"
    other = with_note(over, ANNOTATION_RECOVERED, "beef/70 100")
    verdict = next(v for v in judge(other, made.decision) if v.type == "DataLossPossible")
    assert verdict.status == "False", "a restore in place has made another etcd cluster since"


def test_what_was_announced_stays_on_record_when_a_recovery_is_called_off() -> None:
    """A learner that is on its way in is no stranger then."""
    back = replace(isolating(), membership=formed(3).membership, probes=formed(3).probes)
    planned = plan(announcing(back, 5))
    assert planned.rule == "recover_quorum"
    (written,) = (a for a in planned.actions if isinstance(a, ApplyObject))
    assert written.manifest["metadata"]["annotations"][ANNOTATION_ANNOUNCED] == "5"


def row_of(
    snapshot: Snapshot,
) -> Meanwhile[Recovering, Decision] | Transition[Recovering, Decision]:
    """The row of the table that decides in this scene."""
    view = Recovering(snapshot, find_recovery(snapshot))
    row = MACHINE.find_row(view.stage, view)
    assert row is not None
    return row


def test_every_row_of_the_table_decides_in_one_of_these_scenes() -> None:
    refused = approve(lost(1, 2), "beef")
    failed = without_claims(follow(forced()), 0)
    taken = [row_of(scene) for scene in (refused, failed, *(row.scene for row in FIRES))]
    assert [row for row in MACHINE.rows if row not in taken] == []


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_a_stage_is_recorded_by_its_transition_alone(row: Fires) -> None:
    decided, recovery = row_of(row.scene), find_recovery(row.scene)
    after = row.scene
    for action in plan(row.scene).actions:
        after = take_effect(after, action)
    recorded = find_recovery(after)
    followed = decided.to if isinstance(decided, Transition) else decided.stage
    assert (recorded.stage if recorded else None) is followed
    assert (recovery.stage if recovery else None) is decided.stage

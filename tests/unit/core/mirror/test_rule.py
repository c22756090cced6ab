"""When a Job of a mirror starts and ends, and what is said meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core.actions import EndMirror, StartMirror, StopMirror
from etcd_operator.core.auth.state import PasswordSecret
from etcd_operator.core.guards import judge
from etcd_operator.core.mirror.progress import MirrorPhase
from etcd_operator.core.mirror.rule import NOT_KEPT, mirror_source
from etcd_operator.core.mirror.state import MirrorJob
from etcd_operator.core.model.decision import Decision
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import attention, routine
from etcd_operator.core.reasons.reason import Reason
from tests.builders.actions import SAID, Fires, Passes, flags
from tests.builders.mirrors import (
    APPROVAL,
    PROGRESS,
    approved,
    cut_over,
    failed,
    mirroring,
    running,
    started,
    with_jobs,
)
from tests.builders.snapshots import formed, with_status

COPYING = replace(PROGRESS, phase=MirrorPhase.COPYING)
DONE = replace(PROGRESS, phase=MirrorPhase.CUT_OVER)
WRITTEN = replace(PROGRESS, problem="The source is still written to")
FOLLOWED = (
    "Every write of the source is followed; see status.mirror. To cut over, stop all writers, "
    f"then: `kubectl annotate etcd db --overwrite etcd.etcd.io/approve-cut-over={APPROVAL}`"
)
OTHER = MirrorJob("db-other", "job-0", "running")


FIRES = (
    Fires(
        "a cluster that serves is to have the keys of another",
        mirror_source,
        mirroring(),
        routine.MIRRORING,
        "Mirroring: its Job starts.",
        Phase.RUNNING,
        ("mirror",),
    ),
    Fires(
        "the cut-over is approved",
        mirror_source,
        approved(running(mirroring(PROGRESS))),
        routine.MIRRORING,
        SAID,
        Phase.RUNNING,
        ("stop job-1", "cut over"),
    ),
    Fires(
        "the cut-over is over, and not on record yet",
        mirror_source,
        with_jobs(mirroring(DONE), OTHER),
        routine.CUTTING_OVER,
        "Cut over: every key of the source is here.",
        Phase.RUNNING,
    ),
    Fires(
        "the cut-over is on record",
        mirror_source,
        cut_over(with_jobs(mirroring(DONE), OTHER)),
        routine.CUTTING_OVER,
        "Cut over: every key of the source is here. Let all clients use this cluster.",
        Phase.RUNNING,
        ("stop job-0", "end the mirror"),
    ),
    Fires(
        "its Job failed",
        mirror_source,
        failed(mirroring(), failure="No answer for 60 s: old:2379."),
        attention.MIRROR_FAILED,
        "The mirror does not go on: No answer for 60 s: old:2379.",
        Phase.RUNNING,
        flags=flags("blocked"),
    ),
)
PASSES = (
    Passes("there is no mirror", mirror_source, formed(3)),
    Passes("all is cleared away", mirror_source, cut_over(mirroring())),
)


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_it_decides(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_it_has_nothing_to_say(row: Passes) -> None:
    row.check()


def decide(snapshot: Snapshot) -> Decision:
    """What is decided about a mirror; every action of it may happen."""
    decision = mirror_source(snapshot)
    assert decision is not None
    for action in decision.actions:
        assert judge(action, snapshot) is None
    return decision


@pytest.mark.parametrize(
    ("scene", "reason", "words"),
    [
        (mirroring(), routine.MIRRORING, "its Job starts"),
        (running(mirroring()), routine.MIRRORING, "connects to the source"),
        (running(mirroring(COPYING)), routine.MIRRORING, "are copied"),
        (running(mirroring(PROGRESS)), attention.MIRROR_AWAITS_CUT_OVER, f"Not kept: {NOT_KEPT}"),
        (
            running(approved(mirroring(PROGRESS), "b1d/4")),
            attention.MIRROR_AWAITS_CUT_OVER,
            f"approves another mirror. {FOLLOWED}",
        ),
        (running(approved(mirroring(PROGRESS))), routine.CUTTING_OVER, "keys are compared"),
        (running(approved(mirroring(WRITTEN))), attention.MIRROR_SOURCE_WRITTEN, "still written"),
        (
            with_jobs(mirroring(DONE), OTHER),
            routine.CUTTING_OVER,
            "every key of the source is here",
        ),
        (failed(mirroring()), attention.MIRROR_FAILED, "deleted or evicted"),
        (
            running(mirroring(), problem="ErrImagePull: no such image"),
            attention.MIRROR_FAILED,
            "does not run: ErrImagePull",
        ),
    ],
)
def test_how_far_it_is_is_said(scene: Snapshot, reason: Reason, words: str) -> None:
    decision = decide(scene)
    assert decision.reason is reason
    assert words in decision.message
    assert plan(scene).decision.reason is reason, "no rule before it decides"


@pytest.mark.parametrize(
    ("scene", "uids"),
    [
        (running(mirroring(PROGRESS)), []),
        (failed(mirroring(), seconds=1), []),
        (failed(mirroring(), seconds=16), ["job-1"]),
        (failed(mirroring(), seconds=16, deleting=True), []),
        (with_jobs(mirroring(), OTHER), ["job-0"]),
        (with_jobs(mirroring(), replace(OTHER, deleting=True)), []),
        (with_jobs(mirroring(DONE), OTHER), []),
        (cut_over(with_jobs(mirroring(DONE), OTHER)), ["job-0"]),
        (with_jobs(formed(3), OTHER), ["job-0"]),
    ],
)
def test_a_job_ends_when_another_is_to_go_on_or_none(scene: Snapshot, uids: list[str]) -> None:
    stops = [a.uid for a in decide(scene).actions if isinstance(a, StopMirror)]
    assert stops == uids


@pytest.mark.parametrize(
    ("scene", "starts"),
    [
        (mirroring(), True),
        (with_jobs(mirroring(), OTHER), True),
        (running(mirroring()), False),
        (running(mirroring(), deleting=True), False),
        (mirroring(DONE), False),
    ],
)
def test_one_job_runs_at_a_time(scene: Snapshot, starts: bool) -> None:
    assert any(isinstance(a, StartMirror) for a in decide(scene).actions) is starts


@pytest.mark.parametrize(
    ("scene", "reason", "starts"),
    [
        (mirroring(), attention.MIRROR_FAILED, True),
        (running(mirroring()), attention.MIRROR_FAILED, False),
        (running(mirroring(COPYING)), routine.MIRRORING, False),
    ],
)
def test_why_a_job_failed_stays_said_until_the_next_gets_further(
    scene: Snapshot, reason: Reason, starts: bool
) -> None:
    shown = {"type": "Ready", "status": "False", "reason": "MirrorFailed", "message": "No answer."}
    decision = decide(with_status(scene, conditions=[shown]))
    assert decision.reason is reason
    assert (decision.message == "No answer.") is (reason is attention.MIRROR_FAILED)
    assert any(isinstance(a, StartMirror) for a in decision.actions) is starts


def test_the_cut_over_is_another_job_that_the_approval_asks_for() -> None:
    follows, ends = started(mirroring(PROGRESS)), started(approved(mirroring(PROGRESS)))
    assert follows.name != ends.name
    assert (follows.approval, ends.approval) == ("", APPROVAL)
    assert started(approved(mirroring(PROGRESS), "b1d/4")).name == follows.name
    assert started(approved(mirroring())).name == follows.name, "it cannot be given in advance"


def test_nothing_is_done_while_nobody_tells_how_far_it_is() -> None:
    scene = mirroring(PROGRESS, OTHER)
    assert scene.mirror is not None
    unknown = scene.evolve(mirror=replace(scene.mirror, progress=None, asked=False))
    assert decide(approved(unknown)).actions == ()


@pytest.mark.parametrize("progress", [None, COPYING, PROGRESS])
def test_after_the_cut_over_nothing_is_copied_whatever_becomes_of_the_progress(
    progress: object,
) -> None:
    scene = cut_over(approved(mirroring(progress)))  # type: ignore[arg-type]
    decision = mirror_source(scene)
    actions = decision.actions if decision else ()
    assert not any(isinstance(action, StartMirror) for action in actions)
    assert any(isinstance(action, EndMirror) for action in actions) is (progress is not None)
    veto = judge(started(mirroring(PROGRESS)), scene)
    assert veto is not None
    assert veto.guard == "mirror"
    left = cut_over(mirroring())
    assert mirror_source(left) is None
    assert plan(left).rule == "report_settled"


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (None, "Secret login of spec.bootstrap.mirror.source.passwordSecret cannot be used: it"),
        (PasswordSecret("login", "u", "1", "its type is not basic"), "its type is not basic"),
        (PasswordSecret("login", "u", "1"), None),
    ],
)
def test_only_a_secret_for_passwords_is_sent_to_a_stranger(
    secret: PasswordSecret | None, words: str | None
) -> None:
    source = {"endpoints": ["http://old:2379"], "passwordSecret": "login"}
    known = {"login": secret} if secret else {}
    decision = decide(mirroring(source=source).evolve(passwords=known))
    assert (decision.reason is attention.MIRROR_FAILED) is (words is not None)
    assert (words or "its Job starts") in decision.message
    assert bool(decision.actions) is (words is None)

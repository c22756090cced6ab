"""A corrected spec reaches Pods that the spec of before keeps from serving."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.api.cluster import Phase
from etcd_operator.core import guards
from etcd_operator.core.actions import DeleteObject
from etcd_operator.core.membership.disks import EMPTY
from etcd_operator.core.model.live_objects import NodeState, PodProblem
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.reasons import routine
from etcd_operator.core.rollout import failed_pods
from tests.builders.actions import SAID, Fires, Passes, briefs, flags
from tests.builders.snapshots import (
    NOW,
    answer,
    begun,
    change_child,
    change_claim,
    change_member,
    change_pod,
    formed,
    outdated,
    silent,
    with_learner,
    with_spec,
)

# As the scheduler says it.
KEPT_AWAY = "existing pods anti-affinity"
OOM = PodProblem("OOMKilled", "etcd needed more memory than spec.resources.limits has")
LONG_AGO = NOW - timedelta(minutes=10)
ALL = (0, 1, 2)


def never_started(snapshot: Snapshot, *ordinals: int) -> Snapshot:
    """Pods that never came up, of an older template."""
    for ordinal in ordinals:
        snapshot = change_pod(snapshot, ordinal, running=False, ever_ran=False, ready=False)
    return outdated(snapshot, *ordinals)


def crashing(snapshot: Snapshot, *ordinals: int, since: object = NOW) -> Snapshot:
    """Pods that crash again and again; the members do not answer."""
    for ordinal in ordinals:
        state = {"running": False, "ready": False, "restarts": 3, "unready_since": since}
        snapshot = change_pod(snapshot, ordinal, problem=OOM, **state)
    return silent(snapshot, *ordinals) if snapshot.members else snapshot


def unready(snapshot: Snapshot, *ordinals: int, since: object = LONG_AGO) -> Snapshot:
    """Pods that run, do not answer and are not Ready."""
    for ordinal in ordinals:
        snapshot = change_pod(snapshot, ordinal, ready=False, unready_since=since, created=LONG_AGO)
    return silent(snapshot, *ordinals) if snapshot.members else snapshot


def older(snapshot: Snapshot) -> Snapshot:
    """Pods that were made a while ago."""
    for each in snapshot.pods:
        snapshot = change_pod(snapshot, each.ordinal, created=LONG_AGO)
    return snapshot


def refused(
    snapshot: Snapshot, *ordinals: int, words: str = KEPT_AWAY, **changes: object
) -> Snapshot:
    """Pods that no node takes, made before the others."""
    state = {"node": "", "running": False, "ever_ran": False, "ready": False, **changes}
    for ordinal in ordinals:
        trouble = PodProblem("Unschedulable", f"1 node(s) didn't satisfy {words} rules")
        made = {"created": LONG_AGO, "problem": trouble, **state}
        snapshot = change_pod(snapshot, ordinal, **made)
    return snapshot


def joiner(**changes: object) -> Snapshot:
    """An announced learner whose process crashed before its gate opened."""
    state = {"ever_ran": True, "restarts": 2, "termination_message": EMPTY[0], **changes}
    state.setdefault("created", NOW - timedelta(seconds=30))
    snapshot = with_learner(with_spec(formed(3), size=5), 3, **state)  # type: ignore[arg-type]
    return change_child(snapshot, "ConfigMap", "db-config", written=NOW)


def failed_learner(**changes: object) -> Snapshot:
    """A learner that joined, and does not serve; its template is an older one."""
    state = {"running": False, "ready": False, "restarts": 1, **changes}
    snapshot = with_learner(with_spec(formed(3), size=5), 3, serves=True)
    return outdated(silent(change_pod(snapshot, 3, **state), 3), 3)


def replaces(title: str, scene: Snapshot, *ordinals: int, phase: Phase = Phase.RUNNING) -> Fires:
    """A row in which these Pods get the corrected template at once."""
    names = [f"db-{ordinal}" for ordinal in ordinals]
    return Fires(
        title,
        failed_pods.replace_failed_pods,
        scene,
        routine.REPLACING_PODS,
        f"Replacing {', '.join(names)}: the spec was corrected.",
        phase,
        tuple(f"delete Pod {name}" for name in names),
        flags("no corrections"),
    )


FIRES = (
    replaces("Pods that never started", never_started(begun(3), 0, 2), 0, 2, phase=Phase.CREATING),
    replaces(
        "Pods that crash before the cluster is formed",
        crashing(outdated(begun(3), *ALL), *ALL),
        *ALL,
        phase=Phase.CREATING,
    ),
    replaces("the only member crashes", crashing(outdated(formed(1), 0), 0), 0),
    replaces("all members crash", crashing(outdated(formed(3), *ALL), *ALL), *ALL),
    replaces("two of three crash", crashing(outdated(formed(3), *ALL), 1, 2), 1, 2),
    replaces("one of three crashes", crashing(outdated(formed(3), *ALL), 2), 2),
    replaces("two of five crash", crashing(outdated(formed(5), *ALL, 3, 4), 1, 4), 1, 4),
    replaces(
        "one that crashes too long, beside others that crash with the new template",
        crashing(outdated(formed(3), 0, 1), *ALL, since=LONG_AGO),
        0,
        1,
    ),
    replaces("a learner that crashes", failed_learner(problem=OOM), 3),
    replaces(
        "a learner that crashes, beside a voter that crashes with the new template",
        crashing(failed_learner(problem=OOM), 2),
        3,
    ),
    replaces(
        "a learner that runs and does not join",
        failed_learner(running=True, unready_since=LONG_AGO),
        3,
    ),
    replaces(
        "those that crash with settings that are not those of now",
        change_child(crashing(older(formed(3)), 0, 1), "ConfigMap", "db-config", written=NOW),
        0,
        1,
    ),
    Fires(
        "members that run without serving are replaced one at a time",
        failed_pods.replace_unready_pods,
        unready(outdated(formed(3), *ALL), *ALL),
        routine.REPLACING_PODS,
        "Replacing db-2: the spec was corrected.",
        Phase.RUNNING,
        ("delete Pod db-2",),
        flags("no corrections"),
    ),
    Fires(
        "the one that keeps the others from being scheduled",
        failed_pods.replace_unready_pods,
        change_pod(
            unready(outdated(begun(3), 0), *ALL),
            1,
            running=False,
            ever_ran=False,
            problem=PodProblem("Unschedulable", "didn't satisfy existing pods anti-affinity rules"),
        ),
        routine.REPLACING_PODS,
        SAID,
        Phase.CREATING,
        ("delete Pod db-0",),
        flags("no corrections"),
    ),
    Fires(
        "Pods are made anew when the one is replaced that kept them from a node",
        failed_pods.reschedule_pods,
        refused(begun(3), 1, 2),
        routine.RESCHEDULING_PODS,
        "Replacing db-1, db-2: a node may take it now.",
        Phase.CREATING,
        ("delete Pod db-1", "delete Pod db-2"),
        flags("no corrections"),
    ),
    Fires(
        "a joiner that crashed before its gate opened is restarted",
        failed_pods.restart_failed_learners,
        joiner(),
        routine.RESTARTING_LEARNERS,
        "Restarting db-3, which could not join yet.",
        Phase.SCALING,
        ("delete Pod db-3",),
    ),
)

_FAILED = failed_pods.replace_failed_pods
_UNREADY = failed_pods.replace_unready_pods
_JOINERS = failed_pods.restart_failed_learners

PASSES = (
    Passes("up to date", _FAILED, crashing(formed(3), *ALL)),
    Passes("they run", _FAILED, outdated(formed(3), *ALL)),
    Passes("it is going", _FAILED, change_pod(never_started(begun(1), 0), 0, deleting=True)),
    Passes("it has only just ended", _FAILED, change_pod(
        crashing(outdated(formed(3), 2), 2), 2, problem=None)),
    Passes("it answers", _FAILED, change_pod(
        outdated(formed(3), 2), 2, running=False, ready=False, problem=OOM)),
    Passes("others crash with the new template", _FAILED,
           crashing(outdated(formed(5), 0, 1, 2, 3), 3, 4, since=LONG_AGO)),
    Passes("others crash with the new template, and it crashes since a moment", _FAILED,
           crashing(outdated(formed(3), 0, 1), *ALL)),
    Passes("a learner has only just begun", _FAILED,
           failed_learner(running=True, unready_since=NOW)),
    Passes("it crashes with the settings of now", _FAILED, change_child(
        crashing(formed(3), 0, 1), "ConfigMap", "db-config", written=LONG_AGO)),
    Passes("it crashes with older settings, and a majority serves", _FAILED, change_child(
        crashing(older(formed(3)), 0), "ConfigMap", "db-config", written=NOW)),
    Passes("its data would go with it", _FAILED,
           change_claim(crashing(outdated(formed(1), 0), 0), 0, deleting=True)),
    Passes("it is to be stopped", _FAILED,
           with_spec(crashing(outdated(formed(3), *ALL), *ALL), size=0)),
    Passes("a quorum confirms the members", _UNREADY, unready(outdated(formed(3), *ALL), 2)),
    Passes("a member is Ready", _UNREADY,
           change_pod(unready(outdated(formed(3), *ALL), *ALL), 0, ready=True)),
    Passes("a member has a leader", _UNREADY,
           replace(unready(outdated(begun(3), *ALL), *ALL), probes={0: answer(0)})),
    Passes("they are about to serve", _UNREADY,
           unready(outdated(formed(3), *ALL), *ALL, since=NOW)),
    Passes("those with the new template are about to serve", _UNREADY,
           change_pod(unready(outdated(formed(3), 0, 1), *ALL), 2, created=NOW)),
    Passes("it is to be stopped", _UNREADY,
           with_spec(unready(outdated(formed(3), *ALL), *ALL), size=0)),
    Passes("their nodes do not answer", _UNREADY, replace(
        unready(outdated(formed(3), *ALL), *ALL), nodes=dict.fromkeys(ALL, NodeState.DOWN))),
    Passes("up to date", _UNREADY, unready(formed(3), *ALL)),
    Passes("no Pod is newer", failed_pods.reschedule_pods, refused(begun(3), 0, 1, 2, node="n")),
    Passes("no other has a node", failed_pods.reschedule_pods, refused(begun(3), 0, 1, 2)),
    Passes("it has a node", failed_pods.reschedule_pods, refused(begun(3), 1, node="n")),
    Passes("it is as new", failed_pods.reschedule_pods, refused(begun(3), 1, created=NOW)),
    Passes("it is going", failed_pods.reschedule_pods, refused(begun(3), 1, deleting=True)),
    Passes("the scheduler has another reason", failed_pods.reschedule_pods,
           refused(begun(3), 1, words="cpu")),
    Passes("it is to be stopped", failed_pods.reschedule_pods,
           with_spec(refused(begun(3), 1), size=0)),
    Passes("it is a voter that was too late to form the cluster", _JOINERS,
           change_member(joiner(), 3, is_learner=False)),
    Passes("it joined", _JOINERS, formed(3)),
    Passes("it never crashed", _JOINERS, joiner(restarts=0)),
    Passes("it runs", _JOINERS, joiner(running=True)),
    Passes("it is going", _JOINERS, joiner(deleting=True)),
    Passes("its Pod is as new as its gate", _JOINERS, joiner(created=NOW)),
    Passes("it crashed for another reason", _JOINERS,
           joiner(termination_message="wal: crc mismatch")),
    Passes("it ended without a word", _JOINERS, joiner(termination_message="")),
    Passes("somebody wants it to be replaced", _JOINERS, joiner(replace_asked=True)),
    Passes("no quorum says that it never joined", _JOINERS, silent(joiner(), 0, 1)),
)  # fmt: skip


@pytest.mark.parametrize("row", FIRES, ids=lambda row: row.title)
def test_fires(row: Fires) -> None:
    row.check()


@pytest.mark.parametrize("row", PASSES, ids=lambda row: row.title)
def test_passes(row: Passes) -> None:
    row.check()


@pytest.mark.parametrize("row", FIRES[:-1], ids=lambda row: row.title)
def test_exactly_the_pod_that_was_seen_is_deleted_and_the_guard_lets_it(row: Fires) -> None:
    for action in plan(row.scene).actions:
        assert isinstance(action, DeleteObject)
        assert action.resource_version == "1"
        assert guards.refuse(action, row.scene) is None


REPLACED = (
    "remove 3",
    "delete PersistentVolumeClaim data-db-3",
    "add 3",
    "delete Pod db-3",
)


def test_a_joiner_that_always_crashes_comes_to_be_replaced() -> None:
    """The kubelet counts its crashes in one Pod; then the rule for stuck members has its turn."""
    always = joiner(created=NOW, restarts=4, problem=PodProblem("CrashLoopBackOff", "etcd ended"))
    assert briefs(always) == REPLACED


def test_the_annotation_replaces_a_joiner_that_could_be_restarted() -> None:
    assert briefs(joiner(replace_asked=True)) == REPLACED


def test_a_crash_on_a_disk_that_goes_keeps_nobody_else_from_being_replaced() -> None:
    """Its data would go with its Pod: the guard refuses that, and what comes after it in a plan."""
    snapshot = silent(formed(3), 1, 2)
    for ordinal in (1, 2):
        crashing = {"running": False, "restarts": 5, "created": LONG_AGO, "problem": OOM}
        snapshot = change_pod(snapshot, ordinal, **crashing)
    snapshot = change_child(snapshot, "ConfigMap", "db-config", written=NOW)
    assert briefs(snapshot) == ("delete Pod db-1", "delete Pod db-2")
    going = change_claim(snapshot, 1, deleting=True)
    planned = plan(going)
    assert briefs(going) == ("delete Pod db-2",)
    assert [guards.refuse(action, going) for action in planned.actions] == [None]

"""What the user reads: members with their own health, conditions, and times that mean something."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from etcd_operator.api.cluster import Condition, EtcdClusterStatus, MemberView, Phase
from etcd_operator.api.parse import format_time
from etcd_operator.core.model.live_objects import PodProblem
from etcd_operator.core.model.naming import FINALIZER
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.status.report import report
from tests.builders.required_backups import NIGHTLY
from tests.builders.snapshots import (
    DB_SIZE,
    NOW,
    answer,
    begun,
    change_pod,
    formed,
    led_by,
    member_id,
    new,
    outdated,
    settled,
    silent,
    with_cluster,
    with_learner,
    with_members,
    with_spec,
    with_status,
    without_child,
    without_pods,
)

KEPT = (
    "kept by finalizer example.com/a, which is not the operator's: whoever put it there has to "
    "take it off."
)
NOW_TEXT = "2026-03-04T05:06:07Z"


def shown(snapshot: Snapshot) -> EtcdClusterStatus:
    """The status of a pass over this scene."""
    return report(snapshot, plan(snapshot).decision)


def after_a_pass(snapshot: Snapshot) -> Snapshot:
    """The next pass, a minute later, with the status of the first one written."""
    later = with_cluster(snapshot, status=shown(snapshot))
    return replace(later, now=NOW + timedelta(minutes=1))


def condition(snapshot: Snapshot, kind: str) -> Condition:
    """One condition."""
    return next(c for c in shown(snapshot).conditions if c.type == kind)


def truths(snapshot: Snapshot) -> dict[str, str]:
    """All conditions in short."""
    return {c.type: c.status for c in shown(snapshot).conditions}


def test_a_healthy_cluster() -> None:
    status = shown(formed(3))
    assert (status.phase, status.message) == (Phase.RUNNING, "All 3 members are healthy.")
    assert (status.replicas, status.ready_replicas) == (3, 3)
    assert (status.leader_id, status.cluster_id) == ("a0", "c1d")
    assert [m.role for m in status.members] == ["leader", "follower", "follower"]
    assert status.client_endpoints[2] == "http://db-2.db-peer.team.svc.cluster.local:2379"
    assert status.observed_generation == 2
    assert "etcd.etcd.io/cluster-uid=0c1c2c3c" in status.selector
    assert status.members[1] == MemberView(
        name="db-1",
        id="a1",
        peer_url="http://db-1.db-peer.team.svc.cluster.local:2380",
        client_url="http://db-1.db-peer.team.svc.cluster.local:2379",
        ready=True,
        role="follower",
        version="3.5.21",
        db_size=DB_SIZE,
    )


def test_members_are_paired_with_their_own_health_by_id() -> None:
    """The list in any order, one member away: exactly that one is shown as away."""
    snapshot = silent(formed(3), 1)
    shuffled = with_members(snapshot, *reversed(snapshot.members))
    by_name = {m.name: m for m in shown(shuffled).members}
    assert {name: m.ready for name, m in by_name.items()} == {
        "db-0": True,
        "db-1": False,
        "db-2": True,
    }
    assert by_name["db-1"].id == "a1"
    assert by_name["db-1"].message == "It does not answer."


def test_an_answer_under_a_wrong_name_is_nobodys_health() -> None:
    """The Pod of ordinal 2 answers as member 1: member 2 does not serve."""
    snapshot = formed(3)
    crossed = replace(snapshot, probes={**snapshot.probes, 2: answer(1)})
    assert [m.ready for m in shown(crossed).members] == [True, True, False]


def test_a_member_that_did_not_answer_has_no_role() -> None:
    assert [m.role for m in shown(silent(formed(3), 2)).members] == ["leader", "follower", ""]


def test_the_leader_is_the_one_of_the_highest_term() -> None:
    snapshot = formed(3)
    newer = {**snapshot.probes, 2: answer(2, leader=2, raft_term=3)}
    status = shown(replace(snapshot, probes=newer))
    assert status.leader_id == "a2"
    assert [m.role for m in status.members] == ["follower", "follower", "leader"]
    assert shown(led_by(formed(3), 1)).leader_id == "a1"


def test_a_learner_serves_no_clients() -> None:
    status = shown(with_learner(with_spec(formed(3), size=5), 3, serves=True))
    learner = status.members[3]
    assert (learner.role, learner.ready, learner.id) == ("learner", False, "a3")
    assert (status.replicas, status.ready_replicas, len(status.client_endpoints)) == (4, 3, 3)


def test_the_count_comes_from_the_members_and_never_from_the_size() -> None:
    assert shown(with_spec(formed(3), size=5)).replicas == 3
    assert shown(with_spec(formed(5), size=3)).replicas == 5


def test_before_anyone_answers_the_pods_are_shown_with_their_trouble() -> None:
    trouble = PodProblem("ErrImagePull", "no such tag")
    snapshot = change_pod(begun(3), 1, running=False, problem=trouble)
    members = shown(snapshot).members
    assert [m.name for m in members] == ["db-0", "db-1", "db-2"]
    assert members[1].message == "ErrImagePull: no such tag"
    assert not any(m.ready for m in members)
    assert shown(snapshot).replicas == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deleting": True}, "Its Pod is terminating."),
        (
            {"deleting": True, "running": False, "finalizers": ("example.com/a",)},
            f"Its Pod is {KEPT}",
        ),
        ({"running": False}, "Its Pod is starting."),
        ({"role": "learner"}, "It is joining."),
        ({}, "It does not answer."),
        ({"problem": PodProblem("OOM", "killed")}, "OOM: killed"),
    ],
)
def test_a_member_that_does_not_serve_says_why(changes: dict[str, object], message: str) -> None:
    assert shown(change_pod(silent(formed(3), 2), 2, **changes)).members[2].message == message


def test_a_member_without_pod_and_one_without_leader_say_so() -> None:
    assert shown(without_pods(silent(formed(3), 2), 2)).members[2].message == "It has no Pod."
    nobody = without_pods(silent(formed(3), 0, 1, 2), 1)
    assert nobody.membership is None
    assert [m.name for m in shown(nobody).members] == ["db-0", "db-1", "db-2"]
    assert shown(nobody).members[1].message == "It has no Pod."
    lone = replace(formed(3), probes={**formed(3).probes, 2: answer(2, leader=-0xA0)})
    assert shown(lone).members[2].message == "It has no leader."


def test_conditions_of_a_healthy_cluster() -> None:
    assert truths(formed(3)) == {
        "Available": "True",
        "Ready": "True",
        "Progressing": "False",
        "Degraded": "False",
        "QuorumHealthy": "True",
        "DataLossPossible": "False",
        "Paused": "False",
    }


@pytest.mark.parametrize(
    ("scene", "wanted"),
    [
        (new(3), {"Available": "False", "Ready": "False", "Progressing": "True"}),
        (new(3), {"QuorumHealthy": "Unknown", "Degraded": "False"}),
        (new(2), {"Degraded": "True", "Progressing": "False"}),
        (with_spec(formed(3), size=5), {"Ready": "False", "Progressing": "True"}),
        (with_spec(formed(3), size=5), {"Available": "True", "Degraded": "False"}),
        (silent(formed(3), 1), {"Available": "True", "QuorumHealthy": "True"}),
        (silent(formed(3), 1), {"Degraded": "True", "Ready": "False", "Progressing": "False"}),
        (silent(formed(3), 1, 2), {"Available": "False", "QuorumHealthy": "False"}),
        (silent(formed(3), 1, 2), {"Degraded": "True", "Progressing": "False"}),
        (with_spec(formed(3), paused=True), {"Paused": "True", "Progressing": "False"}),
        (with_spec(formed(3), paused=True), {"Available": "True", "QuorumHealthy": "True"}),
        (with_spec(silent(formed(3), 2), size=5), {"Degraded": "True", "Available": "True"}),
    ],
)
def test_conditions(scene: Snapshot, wanted: dict[str, str]) -> None:
    assert wanted.items() <= truths(scene).items()


def test_conditions_name_who_is_missing() -> None:
    assert condition(silent(formed(3), 1), "QuorumHealthy").message == (
        "2 of 3 voters answer, 2 are needed; db-1 did not answer."
    )
    assert condition(silent(formed(3), 0, 2), "QuorumHealthy").message == (
        "The majority does not answer: db-0, db-2 did not answer; db-1 answered without a leader."
    )
    nobody = replace(silent(formed(3), 0, 1, 2), membership=None)
    assert condition(nobody, "QuorumHealthy").message == (
        "The majority does not answer: db-0, db-1, db-2 did not answer."
    )


def test_members_that_all_answer_lack_a_leader_and_nobody_else() -> None:
    alone = replace(formed(1), membership=None)
    said = "No quorum: 1 of 1 member answers; none has confirmed a leader yet."
    assert condition(alone, "Ready").message == said


def test_a_backup_that_is_tried_again_still_says_why_the_last_one_failed() -> None:
    again = replace(NIGHTLY, failures=2, message="Job a-2 is running.", failure="No bucket.")
    health = condition(replace(formed(3), backups=(again,)), "BackupHealthy")
    assert (health.reason, health.message) == ("BackupFailing", "EtcdBackup nightly: No bucket.")


def test_nobody_is_missing_whose_disk_was_only_kept() -> None:
    kept = replace(formed(3).claims[2], name="data-db-3", ordinal=3)
    scene = replace(silent(formed(3), 0, 1, 2), membership=None)
    scene = replace(scene, claims=(*scene.claims, kept))
    assert condition(scene, "QuorumHealthy").message == (
        "The majority does not answer: db-0, db-1, db-2 did not answer."
    )


def test_a_pods_trouble_is_the_clusters_trouble_in_the_same_words() -> None:
    trouble = PodProblem("Unschedulable", "0/3 nodes are available.")
    degraded = condition(change_pod(begun(3), 2, problem=trouble), "Degraded")
    assert (degraded.status, degraded.reason) == ("True", "Unschedulable")
    assert degraded.message == "db-2: Unschedulable: 0/3 nodes are available."


def test_a_pod_that_a_finalizer_of_others_keeps_is_named_with_it() -> None:
    held = {"deleting": True, "ready": False, "finalizers": ("example.com/a",)}
    ending = change_pod(silent(formed(3), 2), 2, **held)
    assert condition(ending, "Degraded").reason == "MembersNotReady", "etcd still ends"
    for scene in (formed(3), outdated(formed(3), 0)):
        kept = change_pod(silent(scene, 2), 2, running=False, **held)
        degraded = condition(kept, "Degraded")
        assert (degraded.status, degraded.reason) == ("True", "HeldByFinalizer")
        assert degraded.message == f"Pod db-2 is {KEPT}"
        assert degraded.message in condition(kept, "Ready").message


def test_members_that_end_with_their_cluster_are_not_missed() -> None:
    there = with_cluster(formed(3), deleting=True, finalizers=(FINALIZER,))
    assert condition(there, "QuorumHealthy").status == "True"
    going = silent(without_child(there, "StatefulSet", "db"), 0, 1, 2)
    for scene in (going, without_pods(going, 0, 1, 2)):
        found = {name: condition(scene, name) for name in ("Available", "QuorumHealthy")}
        assert [each.status for each in found.values()] == ["False", "Unknown"]
        assert {each.reason for each in found.values()} == {"Deleting"}


def test_troubles_of_several_pods_are_sentences_of_their_own() -> None:
    scene = begun(3)
    for ordinal in (1, 2):
        scene = change_pod(scene, ordinal, problem=PodProblem("ErrImagePull", "no such tag"))
    said = "db-1: ErrImagePull: no such tag. db-2: ErrImagePull: no such tag"
    assert condition(scene, "Degraded").message == said


def test_a_stopped_cluster_is_neither_healthy_nor_ill() -> None:
    stopped = with_spec(formed(3), size=0)
    stopped = settled(replace(stopped, pods=(), membership=None, probes={}))
    status = shown(stopped)
    assert (status.phase, status.members, status.replicas) == (Phase.STOPPED, (), 0)
    assert status.cluster_id == "c1d", "the fence must outlive the stop"
    wanted = {"Available": "False", "QuorumHealthy": "Unknown", "Degraded": "False"}
    assert wanted.items() <= truths(stopped).items()


@pytest.mark.parametrize(
    "scene",
    [
        formed(3),
        begun(3),
        new(2),
        silent(formed(3), 1),
        after_a_pass(silent(formed(3), 1, 2)),  # it lasts: the phase is Failed by now
        with_spec(formed(3), size=5),
        with_spec(formed(3), paused=True),
    ],
)
def test_an_equal_status_is_the_old_object_and_is_not_written(scene: Snapshot) -> None:
    later = after_a_pass(scene)
    assert shown(later) is later.cluster.status


def test_times_move_only_with_a_transition() -> None:
    healthy = after_a_pass(formed(3))
    ill = silent(healthy, 1)
    times = {c.type: c.last_transition_time for c in shown(ill).conditions}
    assert times["Degraded"] == times["Ready"] == "2026-03-04T05:07:07Z"
    assert times["Available"] == times["QuorumHealthy"] == times["Paused"] == NOW_TEXT
    assert shown(ill).last_update_time == "2026-03-04T05:07:07Z"


def test_a_new_sentence_is_no_transition() -> None:
    """The reason changes from Bootstrapping to something else while Ready stays False."""
    waiting = after_a_pass(begun(3))
    answered = replace(waiting, probes={0: answer(0)})
    ready = condition(answered, "Ready")
    assert ready.message == "Bootstrapping 3 members: 3 running, 1 answering."
    assert ready.last_transition_time == NOW_TEXT


def test_a_busy_cluster_causes_no_writes() -> None:
    """A database that grows a little is shown as before; one that grew by a fifth is not."""
    calm = after_a_pass(formed(3))
    grown = {o: answer(o, db_size=DB_SIZE + DB_SIZE // 20) for o in range(3)}
    assert shown(replace(calm, probes=grown)) is calm.cluster.status
    grown = {o: answer(o, db_size=DB_SIZE + DB_SIZE // 5) for o in range(3)}
    assert shown(replace(calm, probes=grown)).members[0].db_size == DB_SIZE + DB_SIZE // 5


def test_every_condition_says_which_spec_it_is_about() -> None:
    conditions = shown(with_cluster(formed(3), generation=9)).conditions
    assert {c.observed_generation for c in conditions} == {9}


def test_the_cluster_id_is_recorded_as_soon_as_a_quorum_says_it() -> None:
    unrecorded = with_status(replace(formed(3), children={}), clusterID="")
    assert shown(unrecorded).cluster_id == "c1d"
    assert shown(silent(unrecorded, 0, 1)).cluster_id == ""


EARLIER, LATER = NOW - timedelta(hours=1), NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("before", "ended", "expected"),
    [
        (None, [], None),
        (None, [None], None),
        (None, [EARLIER, NOW, None], NOW_TEXT),
        (NOW_TEXT, [], NOW_TEXT),  # the EtcdBackup was deleted
        (NOW_TEXT, [EARLIER], NOW_TEXT),
        (NOW_TEXT, [NOW, LATER], format_time(LATER)),
        ("never", [NOW], NOW_TEXT),  # edited to what nobody can read
        ("never", [], "never"),
    ],
)
def test_the_newest_backup_is_shown_and_stays(
    before: str | None, ended: list[datetime | None], expected: str | None
) -> None:
    backups = tuple(replace(NIGHTLY, last=moment) for moment in ended)
    cluster = with_status(replace(formed(3), backups=backups), lastBackupTime=before)
    assert shown(cluster).last_backup_time == expected


def test_a_member_with_an_unlisted_id_is_not_invented() -> None:
    assert [m.id for m in shown(formed(3)).members] == [f"{member_id(o):x}" for o in range(3)]

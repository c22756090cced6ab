"""The comparison of a preview with what was done: what may be another, and what may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from deploy.target import Target
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.recording.recorded_pass import RecordedPass
from etcd_operator.simulation.change import Change, change_spec
from etcd_operator.simulation.predict import predict
from etcd_operator.simulation.prediction import PredictedStep, Wait
from tests.builders.snapshots import NOW, formed
from tests.e2e import passes
from tests.e2e.effects import count_effects
from tests.e2e.harness import Cluster
from tests.e2e.previews import Previewed

REMOVED = "Removed member c-1 (8e9e05c52164694d)."
ADDED = "Added member c-1 as a learner."
PROMOTED = "Promoted learner c-1 (d03589331541e95d) to voter."
RESTARTED = "Deleted Pod c-1: it crashed before it could join; its configuration is right now."

HALVES = [
    f"Deleted PersistentVolumeClaim {disk}-c-1: its member lost its data or its write-ahead log."
    for disk in ("data", "wal")
]


def compare(*done: str, rejoining: tuple[str, ...] = ()) -> list[str]:
    nothing = replace(predict(formed(3)), entries=())
    return Previewed(nothing, list(done)).differences(rejoining=rejoining)


def test_a_member_that_could_not_join_may_be_added_again_where_that_is_said() -> None:
    assert compare(REMOVED, ADDED, RESTARTED, rejoining=("c-1",)) == []
    assert compare(PROMOTED, REMOVED, ADDED, rejoining=("c-1",)) == []
    assert compare(REMOVED, *HALVES, ADDED, rejoining=("c-1",)) == []
    assert len(compare(REMOVED, ADDED, RESTARTED)) == 3
    assert len(compare(REMOVED, ADDED, RESTARTED, rejoining=("c-2",))) == 3


def test_where_leadership_moves_counts_only_while_etcd_elects_nobody_by_itself() -> None:
    nothing = replace(predict(formed(3)), entries=())
    moved = "Moved leadership from c-2 to c-0."
    assert Previewed(nothing, [moved]).differences() == [f"not previewed: {moved}"]
    assert Previewed(nothing, [moved, ADDED], leader_stayed=False).differences() == [
        f"not previewed: {ADDED}"
    ]


def test_a_pod_may_become_ready_and_leave_the_service_while_etcd_refuses_its_removal() -> None:
    nothing = replace(predict(formed(3)), entries=())
    out = "Took Pod c-1 out of Service c-client: it is about to end."
    assert Previewed(nothing, [out], [REMOVED]).differences() == []
    assert compare(out) == [f"not previewed: {out}"]
    assert Previewed(nothing, [out.replace("c-1", "c-2")], [REMOVED]).differences()


def test_a_pod_that_is_not_ready_when_its_member_goes_was_in_no_service() -> None:
    seen = formed(3)
    late = replace(seen, pods=tuple(replace(pod, ready=pod.name != "db-1") for pod in seen.pods))
    removed = REMOVED.replace("c-1", "db-1")
    out = "Took Pod db-1 out of Service db-client: it is about to end."
    expected = replace(
        predict(seen), entries=tuple(PredictedStep(1, "", "", "", e) for e in (out, removed))
    )
    for snapshot, missing in ((late, []), (seen, [f"not done: {out}"])):
        found = Previewed(expected)
        found.note(seen, [RecordedPass(snapshot, "", "ScalingIn", "", (removed,), 1)])
        assert found.differences() == missing


def test_nobody_waits_for_what_comes_after_an_hour() -> None:
    soon, late = (PredictedStep(1, "", "", "", text) for text in (ADDED, PROMOTED))
    for seconds, steps in ((3600.0, [ADDED]), (5.0, [ADDED, PROMOTED])):
        entries = (soon, Wait(1, "", "", "", seconds), late)
        found = Previewed(replace(predict(formed(3)), entries=entries), steps)
        assert found.differences() == []


def test_a_member_that_only_leaves_or_only_comes_is_a_difference() -> None:
    assert compare(REMOVED, rejoining=("c-1",)) == ["not previewed: Removed member c-1."]
    assert compare(ADDED, rejoining=("c-1",)) == [f"not previewed: {ADDED}"]
    assert compare(PROMOTED, rejoining=("c-1",)) == [
        "not previewed: Promoted learner c-1 to voter."
    ]
    gone = "Deleted PersistentVolumeClaim data-c-1: its member lost its data."
    assert compare(REMOVED, ADDED, gone, rejoining=("c-1",)) == [f"not previewed: {gone}"]


def test_why_a_pod_that_is_not_ready_is_replaced_may_be_said_in_other_words() -> None:
    texts = [
        f"Deleted Pod c-0: {why} and the spec has changed."
        for why in ("it crashes", "it does not become Ready", "it never started")
    ]
    assert len(count_effects(texts)) == 1
    assert len(count_effects([texts[0], "Deleted Pod c-0: its spec has changed."])) == 2


def test_an_action_without_an_answer_may_have_been_done_or_not() -> None:
    snapshot = replace(formed(3), pods=())
    grown = predict(formed(3), Change(cluster=change_spec(formed(3).cluster, {"size": 5})))
    sentences = tuple(step.sentence for step in grown.steps)
    lost = RecordedPass(snapshot, "grow", "ScalingOut", "", sentences, len(sentences) - 1, "lost")
    rest = RecordedPass(snapshot, "report_settled", grown.reason, "", ())
    found = Previewed(grown)
    assert found.note(formed(3), [lost, rest])
    assert found.differences() == []
    assert found.note(formed(3), [rest])
    assert len(found.differences()) > 1


def test_passes_that_the_operator_keeps_no_longer_are_missed_only_if_they_were_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before it makes another pass, the operator shows one from long before."""
    kept = [
        RecordedPass(replace(formed(3), now=NOW + timedelta(seconds=second)), "", "", "", ())
        for second in range(5)
    ]
    target = Target("none", (), is_local=False)
    followed = passes.Passes(Cluster(target, "team"), since=kept[2].snapshot.now)
    shown = [kept[:1], [kept[1], kept[3]], kept[3:], []]
    monkeypatch.setattr(passes, "read_passes", lambda *_: shown.pop(0))
    assert followed.read() == []
    assert followed.read() == [kept[3]]
    assert followed.read() == [kept[3], kept[4]]
    late = replace(formed(3), now=NOW + timedelta(seconds=9))
    shown[0] = [replace(kept[4], snapshot=late)]
    with pytest.raises(AssertionError, match="passes were missed"):
        followed.read()


def test_an_election_that_nobody_asked_for_is_seen_by_its_term() -> None:
    before = formed(3)
    move = RecordedPass(before, "roll", "RollingUpdate", "", ("Moved leadership to c-0.",), 1)
    found = Previewed(predict(before))
    for elections, stayed in ((0, True), (1, True), (2, False)):
        after = elect(before, elections)
        found.note(before, [move, RecordedPass(after, "report_settled", "Healthy", "", ())])
        assert found.leader_stayed is stayed


def elect(seen: Snapshot, elections: int) -> Snapshot:
    """The snapshot after so many elections, with the same leader at the end."""
    probes = {}
    for ordinal, probe in seen.probes.items():
        assert probe.status
        term = probe.status.raft_term + elections
        probes[ordinal] = replace(probe, status=replace(probe.status, raft_term=term))
    return replace(seen, probes=probes)

"""Recorded passes: written, read again, replayed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from etcd_operator.core.auth.state import EtcdAuth, Grant
from etcd_operator.core.model.live_objects import NodeState, ObjectWarning, PodProblem
from etcd_operator.core.model.members import Comparison
from etcd_operator.core.model.snapshot import Snapshot
from etcd_operator.core.model.uncorrected import UncorrectedDrift
from etcd_operator.core.plan.planner import plan
from etcd_operator.core.recording.recorded_pass import (
    FORMAT,
    RecordedPass,
    UnreadableRecording,
    read_recording,
    replay,
    write_pass,
    write_recording,
)
from etcd_operator.core.recording.snapshot_document import read_snapshot, write_snapshot
from tests.builders import certificates
from tests.builders.snapshots import NOW, begun, formed, new, silent, with_cluster, with_spec


def full() -> Snapshot:
    """A snapshot in which every part says something."""
    return replace(
        formed(3),
        access=EtcdAuth(
            True, {"jo": frozenset(("r",))}, {"r": frozenset((Grant("READ", b"\xff", b"\0"),))}
        ),
        compared=(Comparison(NOW, 7, {0xA0: 2**60}),),
        nodes={1: NodeState.DOWN},
        presented={(1, 2379): "key"},
        kept={("Service", "db"): UncorrectedDrift("f", frozenset((("a", "b"),)), message="m")},
        warnings=(ObjectWarning("Pod db-1", 1, PodProblem("FailedMount", "no")),),
        compacted=True,
    )


@pytest.mark.parametrize(
    "snapshot",
    [
        new(3),
        begun(3),
        formed(5, version="3.6.16"),
        silent(formed(3), 1),
        with_spec(formed(3), size=2),
        with_cluster(formed(3), deleting=True),
        full(),
        certificates.secured(3),
    ],
)
def test_a_snapshot_is_read_as_it_was_written(snapshot: Snapshot) -> None:
    text = json.dumps(write_snapshot(snapshot))
    again = read_snapshot(json.loads(text))
    assert again == snapshot
    assert plan(again) == plan(snapshot)


def record(*snapshots: Snapshot) -> str:
    """The recording of passes over these snapshots, as a file has it."""
    passes = [write_pass(RecordedPass.of(s, plan(s), 0, "")) for s in snapshots]
    return json.dumps(write_recording("1.2.3", passes))


def test_this_version_does_as_it_did() -> None:
    text = record(formed(3), with_spec(formed(3), size=5), new(3))
    assert list(replay(read_recording(json.loads(text)))) == []


def test_the_first_difference_is_told() -> None:
    document = json.loads(record(formed(3), with_spec(formed(3), size=5)))
    document["passes"][1]["rule"] = "shrink"
    document["passes"][1]["actions"] = ["Removed member db-2."]
    (difference,) = replay(read_recording(document))
    assert (difference.number, difference.what) == (2, "rule")
    assert (difference.recorded, difference.now) == ("shrink", "grow")


def test_an_action_more_is_a_difference() -> None:
    document = json.loads(record(formed(3)))
    document["passes"][0]["actions"] = ["Deleted Pod db-0."]
    (difference,) = replay(read_recording(document))
    assert (difference.what, difference.now) == ("action 1", "(nothing)")


@pytest.mark.parametrize(
    "document",
    [None, [], {}, {"format": "other"}, {"format": FORMAT, "passes": [{}]},
     {"format": FORMAT, "passes": [{"snapshot": {"cluster": {}}}]},
     {"format": FORMAT, "passes": 1}],
)  # fmt: skip
def test_what_is_no_recording_is_refused_with_a_sentence(document: object) -> None:
    with pytest.raises(UnreadableRecording, match=r"recording|cannot be read"):
        read_recording(document)


def test_what_only_tells_who_wrote_is_left_out() -> None:
    snapshot = formed(1)
    key, child = next(iter(snapshot.children.items()))
    body = {**child.body, "metadata": {**child.body["metadata"], "managedFields": [{"a": 1}]}}
    written = replace(snapshot, children={**snapshot.children, key: replace(child, body=body)})
    assert "managedFields" not in json.dumps(write_snapshot(written))


def test_times_keep_their_zone() -> None:
    snapshot = replace(formed(1), now=NOW + timedelta(microseconds=5))
    assert read_snapshot(write_snapshot(snapshot)).now == snapshot.now
